"""Answers: attrs classes become JSON, by the types of their fields (spec/api.md 7.1)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Final, get_args, get_origin

import cattrs
import msgspec
from cattrs import BaseConverter

from alphapy.pure.zones import BRUSSELS
from alphapy.web.routing.fields import Id, Instant, Items, Rounded
from alphapy.web.routing.structure import SNOWFLAKES


def render(value: object, kind: Any, *, ids_as_text: bool) -> bytes:
    """The JSON of an answer of this type (None: any). Numbers that are none come out as null.

    ``ids_as_text``: snowflakes that are numbers otherwise come out as strings.
    """
    if kind is not None:
        value = (_TEXT_IDS if ids_as_text else _NUMBER_IDS).unstructure(value, kind)
    return msgspec.json.encode(value)


def _annotated(kind: Any, converter: BaseConverter, *, ids_as_text: bool) -> Any:
    plain, rule = get_args(kind)[:2]
    match rule:
        case Id():
            return str if rule is Id.TEXT or ids_as_text else int
        case Instant.BRUSSELS:
            return lambda instant: instant.astimezone(BRUSSELS).isoformat()
        case Instant():
            return _utc
        case Rounded():
            return lambda number: round(number, rule.digits) if math.isfinite(number) else None
        case Items():
            return lambda items: converter.unstructure(items, plain)
    return converter.get_unstructure_hook(plain)


def _is_annotated(kind: Any) -> bool:
    return get_origin(kind) is Annotated


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _converter(*, ids_as_text: bool) -> cattrs.Converter:
    found = cattrs.Converter()
    found.register_unstructure_hook(datetime, _utc)
    for snowflake in SNOWFLAKES:
        found.register_unstructure_hook(snowflake, str)

    def annotated(kind: Any, converter: BaseConverter) -> Any:
        return _annotated(kind, converter, ids_as_text=ids_as_text)

    found.register_unstructure_hook_factory(_is_annotated)(annotated)
    return found


_NUMBER_IDS: Final = _converter(ids_as_text=False)
_TEXT_IDS: Final = _converter(ids_as_text=True)
