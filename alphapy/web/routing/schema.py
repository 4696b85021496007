"""JSON Schema (2020-12) of the types of requests and answers, as OpenAPI 3.1 takes it.

Rules: https://json-schema.org/draft/2020-12 and https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import enum
import inspect
import types
import typing
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NotRequired, Required, Union, get_args, get_origin
from uuid import UUID

import attrs
from typing_extensions import is_typeddict

from alphapy.web.routing.fields import Clamped, Id, Instant, Items, Rounded, Text, Unset, Whole
from alphapy.web.routing.structure import INT64, SNOWFLAKES

Schema = dict[str, Any]

_ID_TEXT: Final[Schema] = {"type": "string", "pattern": "^[0-9]{1,19}$"}
_ID_NUMBER: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_PLAIN: Final[typing.Mapping[Any, Schema]] = {
    bool: {"type": "boolean"},
    float: {"type": "number"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    type(None): {"type": "null"},
    Any: {},
    object: {},
}


class Direction(enum.Enum):
    """Which way the JSON goes: the same type is read more generously than it is written."""

    GIVEN = "given"
    ANSWERED = "answered"


class Schemas:
    """Describes types; classes become components, by their names."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self._names: dict[tuple[Any, Direction], str] = {}

    def of(self, kind: Any, direction: Direction) -> Schema:
        """The schema of a type; TypeError for one that no request and no answer has."""
        origin = get_origin(kind)
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if kind is str:
            return {"type": "string"}
        if kind is int:
            return _whole(INT64) if direction is Direction.GIVEN else {"type": "integer"}
        if kind in SNOWFLAKES:
            return _id(Id.TEXT, direction)
        if origin in {NotRequired, Required}:
            return self.of(get_args(kind)[0], direction)
        if origin is Annotated:
            return self._annotated(kind, direction)
        if origin in {Union, types.UnionType}:
            return self._union(kind, direction)
        if origin is Literal:
            return {"type": "string", "enum": list(get_args(kind))}
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return {"type": "string", "enum": [one.value for one in kind]}
        if attrs.has(kind) or is_typeddict(kind):
            return self._component(kind, direction)
        return self._container(kind, origin, direction)

    def _container(self, kind: Any, origin: Any, direction: Direction) -> Schema:
        args = get_args(kind)
        if isinstance(origin, type) and issubclass(origin, typing.Mapping):
            return {"type": "object", "additionalProperties": self.of(args[1], direction)}
        if isinstance(origin, type) and issubclass(origin, typing.Sequence):
            return {"type": "array", "items": self.of(args[0], direction)}
        raise TypeError(f"no request and no answer has fields of {kind}")

    def _annotated(self, kind: Any, direction: Direction) -> Schema:
        plain, rule = get_args(kind)[:2]
        match rule:
            case Text():
                return _text(rule)
            case Whole():
                return _whole(rule)
            case Clamped():
                told = f"Moved to the nearest number from {rule.least} to {rule.most}."
                return {"type": "integer", "description": told}
            case Id():
                return _id(rule, direction)
            case Instant():
                return _instant(rule)
            case Items():
                return self.of(plain, direction) | _items(rule)
            case Rounded():
                return {"type": "number"}
        return self.of(plain, direction)

    def _union(self, kind: Any, direction: Direction) -> Schema:
        found = [self.of(one, direction) for one in get_args(kind) if one != Unset]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _component(self, kind: Any, direction: Direction) -> Schema:
        if (kind, direction) not in self._names:
            name = kind.__name__.strip("_")
            while name in self.components:
                name += "Given" if direction is Direction.GIVEN else "Answered"
            self._names[kind, direction] = name
            self.components[name] = {}  # its place, for classes that hold themselves
            self.components[name] = self.object(kind, direction)
        return {"$ref": f"#/components/schemas/{self._names[kind, direction]}"}

    def object(self, kind: Any, direction: Direction) -> Schema:
        """The schema of a class, in full."""
        hints = typing.get_type_hints(kind, include_extras=True)
        fields: dict[str, Any] = dict.fromkeys(hints, attrs.NOTHING)
        if attrs.has(kind):
            fields = {field.name: field.default for field in attrs.fields(kind)}
        properties = {}
        for name, default in fields.items():
            properties[name] = self.of(hints[name], direction)
            if direction is Direction.GIVEN and _is_plain(default):
                properties[name] = {**properties[name], "default": default}
        if is_typeddict(kind):
            required = [name for name in fields if name in kind.__required_keys__]
        else:
            required = [
                name
                for name, default in fields.items()
                if direction is Direction.ANSWERED or default is attrs.NOTHING
            ]
        found: Schema = {"type": "object", "properties": properties}
        if required:
            found["required"] = required
        return {"description": described(kind), **found} if described(kind) else found


def described(kind: Any) -> str:
    """What a class says of itself."""
    return inspect.cleandoc(kind.__doc__ or "").replace("``", "`")


def _is_plain(default: object) -> bool:
    return default is None or isinstance(default, str | int | float | bool)


def _text(rule: Text) -> Schema:
    found: Schema = {"type": "string"}
    if rule.least:
        found["minLength"] = rule.least
    if rule.most is not None:
        found["maxLength"] = rule.most
    if rule.pattern is not None:
        found["pattern"] = rule.pattern
    elif rule.trimmed and rule.least:
        found["pattern"] = r"\S"
    return found


def _whole(rule: Whole) -> Schema:
    found: Schema = {"type": "integer"}
    if rule.least is not None:
        found["minimum"] = rule.least
    if rule.most is not None:
        found["maximum"] = rule.most
    return found


def _items(rule: Items) -> Schema:
    found: Schema = {}
    if rule.least:
        found["minItems"] = rule.least
    if rule.most is not None:
        found["maxItems"] = rule.most
    if rule.unique:
        found["uniqueItems"] = True
    return found


def _id(rule: Id, direction: Direction) -> Schema:
    if direction is Direction.ANSWERED and rule is Id.TEXT:
        return {**_ID_TEXT, "description": "A Discord id."}
    told = "A Discord id." if direction is Direction.GIVEN else "A Discord id; a string with `?ids=string`."
    return {"anyOf": [dict(_ID_TEXT), dict(_ID_NUMBER)], "description": told}


def _instant(rule: Instant) -> Schema:
    found: Schema = {"type": "string", "format": "date-time"}
    if rule is Instant.GIVEN:
        # Wall time without an offset is no date-time of RFC 3339.
        return {"type": "string", "description": "ISO 8601; wall time in Brussels where it has no offset."}
    return {**found, "description": "In UTC." if rule is Instant.UTC else "With the offset of Brussels."}
