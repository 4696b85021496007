"""Answers become JSON by the types of their fields (spec/api.md 7.1)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import msgspec
import pytest

from alphapy.pure.ids import GuildId
from alphapy.web.routing.fields import BrusselsTime, Num2, Num4, Snow, SnowNumber, UtcTime
from alphapy.web.routing.render import render
from alphapy.web.routing.schema import Direction, Schemas

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@attrs.frozen
class Inner:
    id: SnowNumber


@attrs.frozen(kw_only=True)
class Answer:
    text: Snow = 2**60 + 1
    number: SnowNumber = 2**60 + 1
    guild: GuildId = attrs.field(default=GuildId(5))
    maybe: SnowNumber | None = None
    several: list[SnowNumber] = attrs.field(factory=lambda: [1, 2])
    inner: list[Inner] = attrs.field(factory=lambda: [Inner(3)])
    by_name: dict[str, SnowNumber] = attrs.field(factory=lambda: {"a": 4})
    utc: UtcTime = NOON
    brussels: BrusselsTime | None = NOON
    two: Num2 = 1.23456
    four: Num4 = 1.23456
    anything: Any = attrs.field(factory=lambda: {"x": [1, None]})


def rendered(answer: Answer, *, ids_as_text: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(render(answer, Answer, ids_as_text=ids_as_text))
    return found


def test_every_type_in_its_form() -> None:
    assert rendered(Answer()) == {
        "text": str(2**60 + 1),
        "number": 2**60 + 1,
        "guild": "5",
        "maybe": None,
        "several": [1, 2],
        "inner": [{"id": 3}],
        "by_name": {"a": 4},
        "utc": "2026-07-01T12:00:00Z",
        "brussels": "2026-07-01T14:00:00+02:00",
        "two": 1.23,
        "four": 1.2346,
        "anything": {"x": [1, None]},
    }


def test_ids_as_text_reach_every_id_and_nothing_else() -> None:
    found = rendered(Answer(maybe=9), ids_as_text=True)
    assert found["number"] == str(2**60 + 1)
    assert (found["maybe"], found["several"]) == ("9", ["1", "2"])
    assert (found["inner"], found["by_name"]) == ([{"id": "3"}], {"a": "4"})
    assert (found["two"], found["anything"]) == (1.23, {"x": [1, None]})


def test_times_of_any_zone_and_numbers_that_are_none() -> None:
    late = Answer(utc=NOON.astimezone(timezone(timedelta(hours=9))), two=math.nan, brussels=None)
    found = rendered(late)
    assert (found["utc"], found["two"], found["brussels"]) == ("2026-07-01T12:00:00Z", None, None)


def test_a_list_of_answers_and_any_json() -> None:
    assert render([Inner(3)], list[Inner], ids_as_text=True) == b'[{"id":"3"}]'
    assert render({"id": 3}, None, ids_as_text=True) == b'{"id":3}'


def test_a_type_that_no_answer_has_is_noticed_when_it_is_described() -> None:
    with pytest.raises(TypeError, match="complex"):
        Schemas().of(complex, Direction.ANSWERED)
