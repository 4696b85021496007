"""What comes in becomes values, or faults with their places (spec/api.md 7.1)."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.ids import MAX_SNOWFLAKE, GuildId
from alphapy.web.errors import ApiError
from alphapy.web.routing.fields import (
    UNSET,
    Clamped,
    GivenTime,
    Items,
    RowId,
    Snow,
    SnowNumber,
    Text,
    Unset,
    Whole,
)
from alphapy.web.routing.structure import (
    MOST_FAULTS,
    structure_body,
    structure_hook,
    structure_path,
    structure_query,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen(kw_only=True)
class Part:
    label: Annotated[str, Text(1, 5, trimmed=True)]
    weight: float = 1.0


@attrs.frozen(kw_only=True)
class Order:
    name: str
    parts: Annotated[tuple[Part, ...], Items(0, 2)] = ()
    ids: Annotated[list[Snow], Items(0, 3, unique=True)] = attrs.field(factory=list)
    at: GivenTime | None = None
    count: Annotated[int, Whole(1, 9)] = 1
    change: str | Unset | None = UNSET
    kind: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    guild: GuildId | None = None
    person: UUID | None = None
    flag: bool = False
    row: RowId | None = None
    code: Annotated[str, Text(pattern="^[a-z]+$")] = "x"
    either: int | str = 0
    by_name: dict[str, int] = attrs.field(factory=dict)
    anything: Any = None


@attrs.frozen(kw_only=True)
class Query:
    limit: Annotated[int, Clamped(1, 100)] = 50
    guild_id: SnowNumber | None = None
    deep: bool = False
    text: str = ""
    number: int = 0


def taken(**fields: Any) -> Order:
    return structure_body(msgspec.json.encode({"name": "n", **fields}), Order)


def faults(**fields: Any) -> list[tuple[str, str]]:
    """The places and the kinds of what is wrong."""
    with pytest.raises(ApiError) as caught:
        taken(**fields)
    error = caught.value
    assert (error.status, error.code) == (422, "validation_error")
    return [(".".join(map(str, fault["loc"])), fault["type"]) for fault in error.faults]


def test_everything_in_its_form() -> None:
    found = taken(
        parts=[{"label": " abc ", "weight": 2}],
        ids=["5", 6],
        at="2026-07-01T12:00:00",
        count=3.0,
        change=None,
        kind="b",
        colour="blue",
        guild="7",
        person="3F2504E0-4F89-11D3-9A0C-0305E82C3301",
        flag=True,
        row=2**63 - 1,
        code="abc",
        either="word",
        by_name={"a": 1},
        anything=[{"x": None}],
        unknown="is ignored",
    )
    assert found.parts == (Part(label="abc", weight=2.0),)
    assert found.ids == [5, 6]
    assert found.at == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert (found.count, found.change, found.colour, found.guild) == (3, None, Colour.BLUE, 7)
    assert found.person == UUID("3f2504e0-4f89-11d3-9a0c-0305e82c3301")
    assert (found.either, found.by_name, found.anything) == ("word", {"a": 1}, [{"x": None}])
    assert taken().change is UNSET


@pytest.mark.parametrize("value", [1, MAX_SNOWFLAKE, "1", str(MAX_SNOWFLAKE)])
def test_a_snowflake_is_a_number_or_its_digits(value: object) -> None:
    assert taken(guild=value).guild == int(str(value))


@pytest.mark.parametrize(
    "value", [0, -1, MAX_SNOWFLAKE + 1, True, 1.0, "", "0", "+1", "-1", " 1", "1 ", "1.0", "٣", "1e3", [], {}]
)
def test_nothing_else_is_one(value: object) -> None:
    assert faults(guild=value) == [("body.guild", "snowflake")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": 5}, [("body.name", "string_type")]),
        ({"name": "a\0b"}, [("body.name", "string_unicode")]),
        ({"parts": {}}, [("body.parts", "list_type")]),
        ({"parts": "ab"}, [("body.parts", "list_type")]),
        ({"parts": [1]}, [("body.parts.0", "object_type")]),
        (
            {"parts": [{}, {"label": "  "}]},
            [("body.parts.0.label", "missing"), ("body.parts.1.label", "string_too_short")],
        ),
        ({"parts": [{"label": "abcdef"}]}, [("body.parts.0.label", "string_too_long")]),
        ({"parts": [{"label": "a"}] * 3}, [("body.parts", "too_long")]),
        ({"parts": [{"label": "a", "weight": True}]}, [("body.parts.0.weight", "float_type")]),
        ({"parts": [{"label": "a", "weight": 10**400}]}, [("body.parts.0.weight", "finite_number")]),
        ({"ids": ["5", 5]}, [("body.ids", "unique")]),
        ({"ids": [5, "x"]}, [("body.ids.1", "snowflake")]),
        ({"count": "1"}, [("body.count", "int_type")]),
        ({"count": True}, [("body.count", "int_type")]),
        ({"count": 1.5}, [("body.count", "int_type")]),
        ({"count": 0}, [("body.count", "greater_than_equal")]),
        ({"count": 10}, [("body.count", "less_than_equal")]),
        ({"row": 2**63}, [("body.row", "less_than_equal")]),
        ({"either": 2**63}, [("body.either", "less_than_equal")]),
        ({"either": None}, [("body.either", "int_type")]),
        ({"kind": "c"}, [("body.kind", "enum")]),
        ({"kind": 1}, [("body.kind", "enum")]),
        ({"kind": []}, [("body.kind", "enum")]),
        ({"colour": "green"}, [("body.colour", "enum")]),
        ({"flag": 1}, [("body.flag", "bool_type")]),
        ({"flag": "true"}, [("body.flag", "bool_type")]),
        ({"person": "x"}, [("body.person", "uuid_parsing")]),
        ({"code": "A"}, [("body.code", "string_pattern_mismatch")]),
        ({"change": 5}, [("body.change", "string_type")]),
        ({"by_name": {"a": "b"}}, [("body.by_name.a", "int_type")]),
        ({"by_name": []}, [("body.by_name", "object_type")]),
        ({"anything": {"a": ["\0"]}}, [("body.anything", "string_unicode")]),
        ({"anything": {"\0": 1}}, [("body.anything", "string_unicode")]),
        ({"at": 5}, [("body.at", "datetime_type")]),
        ({"at": "yesterday"}, [("body.at", "datetime_parsing")]),
        ({"at": "2026-03-29T02:30:00"}, [("body.at", "datetime_gap")]),
        ({"at": "0001-01-01T00:00:00+14:00"}, [("body.at", "datetime_parsing")]),
        ({"at": "9999-12-31T23:59:59-14:00"}, [("body.at", "datetime_parsing")]),
        (
            {"name": 1, "count": 0, "kind": "z"},
            [("body.name", "string_type"), ("body.count", "greater_than_equal"), ("body.kind", "enum")],
        ),
    ],
)
def test_every_fault_has_its_place(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert faults(**fields) == expected


def test_a_time_in_autumn_is_the_first_of_two() -> None:
    assert taken(at="2026-10-25T02:30:00").at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert taken(at="2026-10-25T02:30:00+01:00").at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "missing"),
        (b"{", "json_invalid"),
        (b"\xff", "json_invalid"),
        (b'{"a": NaN}', "json_invalid"),
        (b'"\\ud800"', "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b"[]", "object_type"),
        (b"null", "object_type"),
        (b'"x"', "object_type"),
        (b"{}", "missing"),
    ],
)
def test_a_body_that_is_none(raw: bytes, kind: str) -> None:
    with pytest.raises(ApiError) as caught:
        structure_body(raw, Order)
    assert caught.value.status == 422
    assert [fault["type"] for fault in caught.value.faults] == [kind]


def test_one_answer_tells_of_so_many_faults() -> None:
    assert len(faults(anything=None, by_name={str(number): "x" for number in range(200)})) == MOST_FAULTS


@given(st.dictionaries(st.sampled_from([field.name for field in attrs.fields(Order)]), JSON))
def test_whatever_is_sent_is_taken_or_refused_with_places(body: dict[str, Any]) -> None:
    refused = None
    try:
        found = structure_body(msgspec.json.encode(body), Order)
    except ApiError as error:
        refused = error
    else:
        assert isinstance(found, Order)
    if refused is not None:
        assert refused.status == 422
        assert refused.faults
        for fault in refused.faults:
            assert fault["loc"][0] == "body"
            assert set(fault) == {"loc", "msg", "type"}


def test_a_query_is_text() -> None:
    found = structure_query(
        {"limit": "500", "guild_id": "7", "deep": "True", "text": "5", "number": "-3", "other": "x"}, Query
    )
    assert found == Query(limit=100, guild_id=7, deep=True, text="5", number=-3)
    assert structure_query({"limit": "-" + "9" * 60}, Query).limit == 1
    assert structure_query({}, Query) == Query()


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("limit", "ten", "int_parsing"),
        ("limit", "", "int_parsing"),
        ("limit", "1.0", "int_parsing"),
        ("number", "9" * 40, "less_than_equal"),
        ("guild_id", "x", "snowflake"),
        ("deep", "yes", "bool_parsing"),
        ("text", "\0", "string_unicode"),
        ("text", "\ud800", "string_unicode"),
    ],
)
def test_faults_of_a_query(name: str, value: str, kind: str) -> None:
    with pytest.raises(ApiError) as caught:
        structure_query({name: value}, Query)
    assert [(fault["loc"], fault["type"]) for fault in caught.value.faults] == [(["query", name], kind)]


def test_the_parameters_of_a_path() -> None:
    kinds = {"guild_id": GuildId, "number": RowId}
    assert structure_path({"guild_id": "7", "number": "8", "name": "x"}, kinds) == {
        "guild_id": 7,
        "number": 8,
        "name": "x",
    }
    for bad in ({"guild_id": "x"}, {"number": "0"}, {"name": "\0"}):
        with pytest.raises(ApiError) as caught:
            structure_path(bad, kinds)
        assert caught.value.faults[0]["loc"] == ["path", *bad]


def test_a_webhooks_body_is_refused_with_400_and_a_sentence() -> None:
    assert structure_hook(b'{"name": "n"}', Order).name == "n"
    for raw in (b"", b"{", b"[]", b"\xff"):
        with pytest.raises(ApiError) as caught:
            structure_hook(raw, Order)
        assert (caught.value.status, caught.value.code) == (400, "bad_payload")
    with pytest.raises(ApiError) as caught:
        structure_hook(b'{"parts": [{}]}', Order)
    assert (caught.value.status, caught.value.code) == (400, "bad_payload")
    assert caught.value.detail == "name: this is required; parts.0.label: this is required"
