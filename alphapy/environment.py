"""Reading typed values from environment variables, each declared once as an attrs field.

A field made by :func:`variable` knows its variable's name, default and meaning, and how a text becomes its
value. Whitespace around a value is ignored and an empty value counts as unset (spec/operations.md 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs
from typing_extensions import override

from alphapy.pure.ids import parse_snowflake

T = TypeVar("T")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})
_VARIABLE = "environment variable"


class ConfigError(Exception):
    """The environment cannot be used; the text lists every problem and what to do, never a secret's value."""


class Unusable(Exception):
    """A variable's text that is not of its kind; the argument completes the sentence "it must be …"."""


@attrs.frozen(repr=False, eq=False)
class Secret:
    """A value that never shows itself in a log, a traceback or a console."""

    _value: str

    def reveal(self) -> str:
        """The value itself, for the one place that needs it."""
        return self._value

    @override
    def __repr__(self) -> str:
        return "Secret(…)"

    @override
    def __str__(self) -> str:
        return "…"

    @override
    def __format__(self, spec: str) -> str:
        return "…"


@attrs.frozen
class Variable:
    """One variable as the operator sees it. ``default`` is its text while it is not set."""

    name: str
    meaning: str
    default: str
    required: bool
    secret: bool


@attrs.frozen
class _Declaration:
    variable: Variable
    read: Callable[[str], object]


def variable(
    name: str,
    read: Callable[[str], object],
    default: str,
    meaning: str,
    *,
    required: bool = False,
    secret: bool = False,
) -> Any:
    """Declare a field that is read from the environment."""
    declared = _Declaration(Variable(name, meaning, default, required=required, secret=secret), read)
    return attrs.field(metadata={_VARIABLE: declared})


def variables_of(config_class: type[attrs.AttrsInstance]) -> tuple[Variable, ...]:
    """Every variable that a class of :func:`variable` fields reads, in its order."""
    return tuple(declared.variable for _, declared in _declarations(config_class))


def read_fields(
    config_class: type[attrs.AttrsInstance], environment: Mapping[str, str], *, needs: Callable[[str], bool]
) -> dict[str, Any]:
    """The class's field values out of the environment.

    ``needs`` tells which required variables are truly needed this time. Raises ConfigError naming every
    variable that is missing or malformed.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field, declared in _declarations(config_class):
        name = declared.variable.name
        text = environment.get(name, "").strip()
        if not text and declared.variable.required and needs(name):
            problems.append(f"{name} is not set: it is {declared.variable.meaning}")
            continue
        try:
            values[field] = declared.read(text or declared.variable.default)
        except Unusable as unusable:
            problems.append(f"{name} must be {unusable}")
    if problems:
        raise ConfigError("Alphapy cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return values


def _declarations(config_class: type[attrs.AttrsInstance]) -> list[tuple[str, _Declaration]]:
    fields = attrs.fields(config_class)
    return [(field.name, field.metadata[_VARIABLE]) for field in fields if _VARIABLE in field.metadata]


def text(value: str) -> str:
    """Any text."""
    return value


def secret(value: str) -> Secret | None:
    """A secret, or None when unset."""
    return Secret(value) if value else None


def flag(value: str) -> bool:
    """1, true, yes or on; 0, false, no or off."""
    if (word := value.lower()) in _TRUE | _FALSE:
        return word in _TRUE
    raise Unusable("1 or 0 (true, yes, on, false, no and off are understood too)")


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds, both included."""

    def read(value: str) -> int:
        if value.isascii() and value.isdecimal() and low <= int(value[:20]) <= high:
            return int(value)
        raise Unusable(f"a whole number between {low} and {high}")

    return read


def shard_count(value: str) -> int:
    """How many shards; 0 stands for ``auto``."""
    if value.lower() == "auto":
        return 0
    try:
        return whole(1, 1000)(value)
    except Unusable:
        raise Unusable("auto, or a whole number between 1 and 1000") from None


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A duration in seconds within bounds, both included."""

    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if low <= number <= high:
            return number
        raise Unusable(f"a number of seconds between {low:g} and {high:g}")

    return read


def snowflake(value: str) -> int:
    """A Discord id, or 0 for none."""
    if value == "0":
        return 0
    found = parse_snowflake(value)
    if found is None:
        raise Unusable("a Discord id (digits only), or 0 for none")
    return found


def snowflakes(value: str) -> frozenset[int]:
    """A comma-separated list of Discord ids."""
    ids = [parse_snowflake(item.strip()) for item in value.split(",") if item.strip()]
    if None in ids:
        raise Unusable("Discord ids (digits only) separated by commas")
    return frozenset(item for item in ids if item is not None)


def texts(value: str) -> tuple[str, ...]:
    """A comma-separated list."""
    return tuple(item.strip() for item in value.split(",") if item.strip())


def url(*schemes: str) -> Callable[[str], str]:
    """An absolute URL of one of the schemes, without a trailing slash; empty when unset."""

    def read(value: str) -> str:
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            usable = False
        if not usable:
            raise Unusable("a URL starting with " + " or ".join(f"{scheme}://" for scheme in schemes))
        return value.rstrip("/")

    return read


def path(value: str) -> Path | None:
    """A path in the file system, or None when unset."""
    return Path(value) if value else None
