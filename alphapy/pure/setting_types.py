"""How settings of each type are written and read: strict in, tolerant out (spec/settings.md 2.1)."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from alphapy.pure.ids import parse_snowflake
from alphapy.pure.text import well_formed

DEFAULT_TEXT_LIMIT = 4000
"""Characters that a ``str`` setting may have unless its definition says otherwise (spec/settings.md 8)."""

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_LONGEST_NUMBER = 20
"""Digits and sign of the longest bigint; longer texts are not numbers of ours."""

_LARGEST_NUMBER = 2**63
_LONGEST_WRAPPED = 200
"""Characters of a scalar with all its redundant quotes; a longer text is none."""


class SettingType(enum.Enum):
    """The types of the registry; the value is what ``bot_settings.value_type`` stores."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    STR = "str"
    CHANNEL = "channel"
    ROLE = "role"
    IDS = "ids"
    JSON = "json"


@attrs.frozen(kw_only=True)
class Bounds:
    """A setting's type and what its values are held to. Lengths are in characters."""

    type: SettingType
    minimum: float | None = None
    maximum: float | None = None
    min_length: int = 0
    max_length: int = DEFAULT_TEXT_LIMIT
    choices: tuple[str, ...] = ()
    max_items: int = 50
    trimmed: bool = False
    blank_clears: bool = False
    """Whether a text of white space alone clears the override."""
    takes_json: bool = False
    """Whether a text may be given as a JSON list or object, too, of which it then is the text."""


class Unfit(Exception):
    """A value that may not be written; the argument completes the sentence "it must be …"."""


class Unreadable(Exception):
    """A stored value that makes no sense for its type."""


def unwrap(value: object) -> object:
    """Remove the redundant quote layers that older programs left around a scalar (spec/schema.md 2.0)."""
    if isinstance(value, str) and len(value) > _LONGEST_WRAPPED:
        return value
    while isinstance(value, str) and len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        inner: object
        try:
            inner = json.loads(value)
        except ValueError:
            inner = value[1:-1]
        value = inner if isinstance(inner, str) else value[1:-1]
    return value


def _bounded(bounds: Bounds, number: float) -> None:
    low, high = bounds.minimum, bounds.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise Unfit(f"between {low:g} and {high:g}" if low is not None and high is not None else "in range")


def _write_bool(_bounds: Bounds, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and (word := value.strip().lower()) in _TRUE | _FALSE:
        return word in _TRUE
    raise Unfit("true or false")


def _whole_number(value: object) -> int | None:
    number = _any_whole_number(value)
    return number if number is not None and -_LARGEST_NUMBER <= number < _LARGEST_NUMBER else None


def _any_whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        text = value.strip()
        digits = text[1:] if text[:1] in ("+", "-") else text
        return (
            int(text) if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER else None
        )
    return None


def _write_int(bounds: Bounds, value: object) -> int:
    number = _whole_number(value)
    if number is None:
        raise Unfit("a whole number")
    _bounded(bounds, number)
    return number


def _real_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _write_float(bounds: Bounds, value: object) -> float:
    number = _real_number(value)
    if number is None:
        raise Unfit("a number")
    _bounded(bounds, number)
    return number


def json_text(value: object) -> object:
    """The text of a JSON list or object; anything else as it is."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _write_str(bounds: Bounds, value: object) -> str | None:
    if bounds.takes_json:
        value = json_text(_write_json(bounds, value))
    if not isinstance(value, str):
        raise Unfit("text")
    text = well_formed(value)
    if bounds.trimmed:
        text = text.strip()
    if bounds.blank_clears and not text.strip():
        return None
    if bounds.choices and text not in bounds.choices:
        raise Unfit("one of " + ", ".join(bounds.choices))
    if not bounds.min_length <= len(text) <= bounds.max_length:
        shortest = f"{bounds.min_length} to " if bounds.min_length else "at most "
        raise Unfit(f"{shortest}{bounds.max_length} characters long")
    return text


def _write_snowflake(bounds: Bounds, value: object) -> int | None:
    if isinstance(value, Mapping):
        value = value.get("id")
    if (isinstance(value, int) and not isinstance(value, bool) and value == 0) or value == "0":
        return None
    snowflake = parse_snowflake(value)
    if snowflake is None:
        raise Unfit(f"the id of a {bounds.type.value}")
    return snowflake


def _write_ids(bounds: Bounds, value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise Unfit("a list of ids")
    if len(value) > bounds.max_items:
        raise Unfit(f"a list of at most {bounds.max_items} ids")
    ids = [parse_snowflake(item) for item in value]
    if None in ids:
        raise Unfit("a list of ids")
    return [str(item) for item in ids]


def _write_json(_bounds: Bounds, value: object) -> Any:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise Unfit("a JSON value") from None
    return value


def _read_bool(stored: object) -> bool:
    if isinstance(stored, bool):
        return stored
    if isinstance(stored, int | float):
        return stored != 0
    if isinstance(stored, str):
        return str(unwrap(stored)).strip().lower() in _TRUE
    raise Unreadable


def _read_int(stored: object) -> int:
    number = _whole_number(unwrap(stored))
    if number is None:
        raise Unreadable
    return number


def _read_float(stored: object) -> float:
    number = _real_number(unwrap(stored))
    if number is None:
        raise Unreadable
    return number


def _read_str(stored: object) -> str:
    if isinstance(stored, str):
        return stored
    if isinstance(stored, bool | int | float):
        return json.dumps(stored)
    raise Unreadable


def _read_snowflake(stored: object) -> int:
    value = unwrap(stored)
    if value in (0, "0", "") and not isinstance(value, bool):
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    snowflake = parse_snowflake(value)
    if snowflake is None:
        raise Unreadable
    return snowflake


def _read_ids(stored: object) -> tuple[int, ...]:
    stored = _native(stored)
    if not isinstance(stored, list):
        raise Unreadable
    return tuple(i for i in (parse_snowflake(unwrap(item)) for item in stored) if i is not None)


def _native(stored: object) -> Any:
    """The value itself, or what a JSON text inside a string says."""
    if isinstance(stored, str):
        try:
            return json.loads(stored)
        except (ValueError, RecursionError):
            return stored
    return stored


WRITERS: Mapping[SettingType, Callable[[Bounds, object], Any]] = {
    SettingType.BOOL: _write_bool,
    SettingType.INT: _write_int,
    SettingType.FLOAT: _write_float,
    SettingType.STR: _write_str,
    SettingType.CHANNEL: _write_snowflake,
    SettingType.ROLE: _write_snowflake,
    SettingType.IDS: _write_ids,
    SettingType.JSON: _write_json,
}

READERS: Mapping[SettingType, Callable[[object], Any]] = {
    SettingType.BOOL: _read_bool,
    SettingType.INT: _read_int,
    SettingType.FLOAT: _read_float,
    SettingType.STR: _read_str,
    SettingType.CHANNEL: _read_snowflake,
    SettingType.ROLE: _read_snowflake,
    SettingType.IDS: _read_ids,
    SettingType.JSON: _native,
}
