"""What comes in becomes values: attrs classes by cattrs, and every fault with its place (spec/api.md 7.1).

Strict: a number is no text, a text no number, true is neither. What a database cannot hold (NUL characters,
halves of surrogate pairs, numbers beyond 64 bits) ends here. Unknown fields are ignored, as every client of
the earlier implementation may send some.
"""

from __future__ import annotations

import enum
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID

import attrs
import cattrs
import cattrs.gen
import msgspec
from cattrs import BaseConverter, cols
from cattrs.errors import AttributeValidationNote, BaseValidationError, IterableValidationNote

from alphapy.pure import ids
from alphapy.pure.zones import BRUSSELS, NoSuchTime, instant_of
from alphapy.web.errors import ApiError
from alphapy.web.routing.fields import Clamped, Id, Instant, Items, Rounded, Text, Unset, Whole

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

MOST_FAULTS: Final = 50
"""Faults that one answer tells of."""

MOST_TOLD: Final = 5
"""Faults of a webhook that one answer tells of."""

INT64: Final = Whole(-(2**63), 2**63 - 1)
SNOWFLAKES: Final = (
    ids.GuildId,
    ids.ChannelId,
    ids.MessageId,
    ids.UserId,
    ids.RoleId,
    ids.InteractionId,
    ids.ApplicationId,
    ids.CommandId,
)
_NO_JSON: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,4000}", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")
_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}


@attrs.frozen(auto_exc=True)
class Wrong(ValueError):
    """A value that is not accepted: what it should be, and the stable name of the fault."""

    message: str
    kind: str


def structure_body(raw: bytes, kind: type[T]) -> T:
    """The JSON of a body as an instance of an attrs class; raises ApiError 422."""
    if not raw:
        raise _refusal([{"loc": ["body"], "msg": "a body is required", "type": "missing"}])
    try:
        data = _decoded(raw)
    except _NO_JSON:
        raise _refusal([{"loc": ["body"], "msg": "this is no JSON", "type": "json_invalid"}]) from None
    found: T = _structure(_FROM_JSON, data, kind, ("body",))
    return found


def structure_hook(raw: bytes, kind: type[T]) -> T:
    """The JSON of a webhook as an instance of an attrs class; raises ApiError 400 (spec/api.md 7.8)."""
    try:
        data = _decoded(raw)
    except _NO_JSON:
        raise ApiError(400, "bad_payload", "The body must be a JSON object.") from None
    if not isinstance(data, dict):
        raise ApiError(400, "bad_payload", "The body must be a JSON object.")
    try:
        found: T = _structure(_FROM_JSON, data, kind, ())
    except ApiError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.faults]
        raise ApiError(400, "bad_payload", "; ".join(faults[:MOST_TOLD])) from None
    return found


def _decoded(raw: bytes) -> object:
    data: object = msgspec.json.decode(raw)
    return data


def structure_query(given: Mapping[str, str], kind: type[T]) -> T:
    """The parameters of a query as an instance of an attrs class; raises ApiError 422."""
    found: T = _structure(_FROM_TEXT, dict(given), kind, ("query",))
    return found


def structure_path(given: Mapping[str, str], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a path; raises ApiError 422."""
    return {
        name: _structure(_FROM_TEXT, text, kinds.get(name, str), ("path", name))
        for name, text in given.items()
    }


def _structure(converter: cattrs.Converter, data: object, kind: Any, place: tuple[str | int, ...]) -> Any:
    try:
        return converter.structure(data, kind)
    except (Wrong, BaseValidationError) as error:
        raise _refusal([_told(loc, fault) for loc, fault in _faults(error, place)][:MOST_FAULTS]) from None


def _refusal(faults: Sequence[Mapping[str, Any]]) -> ApiError:
    return ApiError(422, "validation_error", faults)


def _faults(
    error: BaseException, place: tuple[str | int, ...]
) -> list[tuple[tuple[str | int, ...], BaseException]]:
    """Every fault in a tree of them, with its place."""
    if not isinstance(error, BaseValidationError):
        return [(place, error)]
    found = []
    for inner in error.exceptions:
        steps: tuple[str | int, ...] = ()
        for note in getattr(inner, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                steps = (note.name,)
            elif isinstance(note, IterableValidationNote):
                steps = (note.index,)
        found += _faults(inner, place + steps)
    return found


def _told(place: tuple[str | int, ...], fault: BaseException) -> dict[str, Any]:
    if isinstance(fault, Wrong):
        return {"loc": list(place), "msg": fault.message, "type": fault.kind}
    if isinstance(fault, KeyError):
        return {"loc": list(place), "msg": "this is required", "type": "missing"}
    return {"loc": list(place), "msg": "this value is not accepted", "type": "value_error"}


def _boolean(value: object, _: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Wrong("this must be true or false", "bool_type")


def _boolean_text(value: str, _: Any) -> bool:
    if (found := _WORDS.get(value.lower())) is None:
        raise Wrong("this must be true or false", "bool_parsing")
    return found


def _whole(value: object, _: Any) -> int:
    return _bounded(_any_whole(value), INT64)


def _any_whole(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # JSON knows one kind of number: 3.0 is the whole number 3
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong("this must be a whole number", "int_type")
    return value


def _whole_text(value: str, _: Any) -> int:
    return _bounded(_any_whole_text(value), INT64)


def _any_whole_text(value: str) -> int:
    if not _INTEGER.fullmatch(value):
        raise Wrong("this must be a whole number", "int_parsing")
    return int(value)


def _bounded(value: int, rule: Whole) -> int:
    if rule.least is not None and value < rule.least:
        raise Wrong(f"this must be at least {rule.least}", "greater_than_equal")
    if rule.most is not None and value > rule.most:
        raise Wrong(f"this must be at most {rule.most}", "less_than_equal")
    return value


def _number(value: object, _: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong("this must be a number", "float_type")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise Wrong("this number is too large", "finite_number")
    return found


def _text(value: object, _: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("this must be a text", "string_type")
    if _UNFIT.search(value):
        raise Wrong("this text has a character that cannot be stored", "string_unicode")
    return value


def _within(value: object, rule: Text) -> str:
    text = _text(value, str)
    if rule.trimmed:
        text = text.strip()
    if len(text) < rule.least:
        raise Wrong(f"this needs at least {_counted(rule.least, 'character')}", "string_too_short")
    if rule.most is not None and len(text) > rule.most:
        raise Wrong(f"this may have at most {_counted(rule.most, 'character')}", "string_too_long")
    if rule.pattern is not None and not re.search(rule.pattern, text):
        raise Wrong("this text does not have the expected form", "string_pattern_mismatch")
    return text


def _snowflake(value: object, _: Any) -> int:
    if (found := ids.parse_snowflake(value)) is None:
        raise Wrong("this must be an id: digits only, 1 to 2^63-1", "snowflake")
    return found


def _uuid(value: object, _: Any) -> UUID:
    if not (isinstance(value, str) and _UUID.fullmatch(value)):
        raise Wrong("this must be a UUID", "uuid_parsing")
    return UUID(value)


def _instant(value: object, _: Any) -> datetime:
    if not isinstance(value, str):
        raise Wrong("this must be a time in ISO 8601", "datetime_type")
    try:
        found = datetime.fromisoformat(value)
        return (instant_of(found, BRUSSELS) if found.tzinfo is None else found).astimezone(UTC)
    except NoSuchTime:
        raise Wrong("the clocks in Brussels skip this time", "datetime_gap") from None
    except (ValueError, OverflowError):
        raise Wrong("this must be a time in ISO 8601", "datetime_parsing") from None


def _anything(value: object, _: Any) -> object:
    """Any JSON that the database can hold."""
    left = [value]
    while left:
        match left.pop():
            case str() as text:
                _text(text, str)
            case list() as items:
                left += items
            case dict() as members:
                left += [*members, *members.values()]
    return value


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _annotated_hook(kind: Any, converter: BaseConverter, *, from_text: bool) -> Hook:
    plain, rule = get_args(kind)[:2]
    parse = _any_whole_text if from_text else _any_whole
    match rule:
        case Text():
            return lambda value, _: _within(value, rule)
        case Whole():
            return lambda value, _: _bounded(parse(value), rule)
        case Clamped():
            return lambda value, _: min(max(parse(value), rule.least), rule.most)
        case Id():
            return _snowflake
        case Instant():
            return _instant
        case Items():
            return lambda value, _: _items(value, plain, rule, converter)
        case Rounded():
            return _number
    raise TypeError(f"no request has fields of {kind}")


def _items(value: object, plain: Any, rule: Items, converter: BaseConverter) -> Any:
    if not isinstance(value, list):
        raise Wrong("this must be a list", "list_type")
    if len(value) < rule.least:
        raise Wrong(f"this needs at least {_counted(rule.least, 'item')}", "too_short")
    if rule.most is not None and len(value) > rule.most:
        raise Wrong(f"this may have at most {_counted(rule.most, 'item')}", "too_long")
    found = converter.structure(value, plain)
    if rule.unique and len(set(found)) != len(found):
        raise Wrong("no two items may be the same", "unique")
    return found


def _is_annotated(kind: Any) -> bool:
    return get_origin(kind) is Annotated


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _union_hook(kind: Any, converter: BaseConverter) -> Hook:
    """The first alternative that takes the value; where none does, what the first one had to say."""
    alternatives = [one for one in get_args(kind) if one not in {Unset, type(None)}]
    may_be_null = type(None) in get_args(kind)

    def hook(value: object, _: Any) -> Any:
        if value is None and may_be_null:
            return None
        first: Exception | None = None
        for one in alternatives:
            try:
                return converter.structure(value, one)
            except (Wrong, BaseValidationError) as error:
                first = first or error
        raise first or Wrong("this must be null", "none_required")

    return hook


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, enum.Enum))


def _choice_hook(kind: Any, _: BaseConverter) -> Hook:
    is_enum = isinstance(kind, type)
    choices = {one.value: one for one in kind} if is_enum else {one: one for one in get_args(kind)}
    told = ", ".join(map(str, choices))

    def hook(value: object, _: Any) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise Wrong(f"this must be one of: {told}", "enum")
        return choices[value]

    return hook


def _guarded(accepted: type, message: str, fault: str, make: Callable[[Any, Any], Hook]) -> Any:
    """A factory of hooks for composites, which see only values that are one at all."""

    def factory(kind: Any, converter: BaseConverter) -> Hook:
        inner = make(kind, converter)

        def hook(value: object, target: Any) -> Any:
            if not isinstance(value, accepted):
                raise Wrong(message, fault)
            return inner(value, target)

        return hook

    return factory


_OBJECT: Final = (dict, "this must be an object", "object_type")
_LIST: Final = (list, "this must be a list", "list_type")


def _converter(*, from_text: bool) -> cattrs.Converter:
    found = cattrs.Converter(detailed_validation=True)
    found.register_structure_hook(bool, _boolean_text if from_text else _boolean)
    found.register_structure_hook(int, _whole_text if from_text else _whole)
    found.register_structure_hook(float, _number)
    found.register_structure_hook(str, _text)
    found.register_structure_hook(UUID, _uuid)
    for snowflake in SNOWFLAKES:
        found.register_structure_hook(snowflake, _snowflake)
    found.register_structure_hook_func(lambda kind: kind is Any or kind is object, _anything)
    for is_kind, factory in (
        (attrs.has, _guarded(*_OBJECT, cattrs.gen.make_dict_structure_fn)),
        (cols.is_mapping, _guarded(*_OBJECT, cols.mapping_structure_factory)),
        (cols.is_sequence, _guarded(*_LIST, cols.list_structure_factory)),
        (_is_tuple, _guarded(*_LIST, cols.homogenous_tuple_structure_factory)),
        (_is_union, _union_hook),
        (_is_choice, _choice_hook),
        (_is_annotated, partial(_annotated_hook, from_text=from_text)),
    ):
        found.register_structure_hook_factory(is_kind)(factory)
    return found


_FROM_JSON: Final = _converter(from_text=False)
_FROM_TEXT: Final = _converter(from_text=True)
