"""The list of awards, as it is typed, stored and read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.engagement.awards import (
    MOST_AWARDS,
    Award,
    BadAwards,
    Filter,
    built_in,
    dump_awards,
    parse_awards,
    read_awards,
)
from alphapy.pure.ids import RoleId

GOOD: dict[str, Any] = {"key": "a", "label": "A", "filter": "image"}


def no_fault(_role_id: RoleId) -> str | None:
    return None


def parse(*items: object) -> tuple[Award, ...]:
    return parse_awards(json.dumps(items), no_fault)


def refusal(text: str) -> str:
    with pytest.raises(BadAwards) as caught:
        parse_awards(text, lambda role_id: "is managed by an integration" if role_id == 66 else None)
    return caught.value.text


def test_scenario_18_there_are_four_with_food_channels_and_three_without() -> None:
    assert [award.key for award in built_in(has_food=False)] == ["motivator", "sharpshooter", "star"]
    with_food = built_in(has_food=True)
    assert [award.key for award in with_food] == ["motivator", "foodfluencer", "sharpshooter", "star"]
    assert [award.label[0] for award in with_food] == ["📣", "🍎", "💥", "⭐"]
    assert all(award.subtitle and "\n" not in award.subtitle for award in with_food)
    assert read_awards("", has_food=True) == (with_food, False)
    assert read_awards("", has_food=False) == (built_in(has_food=False), False)


def test_an_award_with_all_it_may_have() -> None:
    (award,) = parse(
        {
            "key": " Top_1 ",
            "label": " The top ",
            "filter": "food",
            "subtitle": " yes ",
            "role_id": "77",
            "color": 3,
        }
    )
    assert award == Award(
        key="top_1", label="The top", filter=Filter.FOOD, subtitle="yes", role_id=RoleId(77)
    )
    assert parse({**GOOD, "role_id": 77})[0].role_id == 77
    assert parse({**GOOD, "role_id": None, "subtitle": None})[0] == Award(
        key="a", label="A", filter=Filter.IMAGE
    )


def test_an_empty_list_restores_the_built_in_one() -> None:
    assert parse() == ()
    assert dump_awards(()) == ""


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([GOOD, {**GOOD, "key": "b", "filter": "video"}], "Item 2: `filter`"),
        ([GOOD, {**GOOD, "key": " A"}], "Item 2: the key `a`"),
        ([{**GOOD, "filter": None}], "Item 1: `filter`"),
        ([{**GOOD, "filter": ["image"]}], "Item 1: `filter`"),
        ([{**GOOD, "key": "a b"}], "Item 1: `key`"),
        ([{**GOOD, "key": 5}], "Item 1: `key`"),
        ([{"label": "A", "filter": "food"}], "Item 1: `key`"),
        ([{**GOOD, "label": "  "}], "Item 1: `label`"),
        ([{**GOOD, "label": "x" * 101}], "Item 1: `label`"),
        ([{"key": "a", "filter": "food"}], "Item 1: `label`"),
        ([{**GOOD, "subtitle": "x" * 151}], "Item 1: `subtitle`"),
        ([{**GOOD, "subtitle": 7}], "Item 1: `subtitle`"),
        ([{**GOOD, "role_id": "abc"}], "Item 1: `role_id`"),
        ([{**GOOD, "role_id": True}], "Item 1: `role_id`"),
        ([{**GOOD, "role_id": 66}], "Item 1: the role of `role_id` is managed by an integration."),
        (["text"], "Item 1: it has to be an object"),
        ([{**GOOD, "key": str(n)} for n in range(MOST_AWARDS + 1)], "at most 10 awards"),
    ],
)
def test_scenario_19_a_list_with_a_fault_is_refused_and_the_item_named(
    items: list[object], said: str
) -> None:
    assert said in refusal(json.dumps(items))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "nope"])
def test_what_is_no_json_is_refused(text: str) -> None:
    assert "JSON" in refusal(text)


@pytest.mark.parametrize("text", ["{}", "3", "null", '"[]"'])
def test_what_is_no_list_is_refused(text: str) -> None:
    assert "JSON list" in refusal(text)


AWARDS = st.lists(
    st.builds(
        Award,
        key=st.text(alphabet="abc_-9", min_size=1, max_size=32),
        label=st.text(alphabet='aé🍎"\\ z', min_size=1, max_size=100).map(lambda text: f"x{text[2:]}y"),
        filter=st.sampled_from(Filter),
        subtitle=st.text(alphabet="ab\"'", max_size=150),
        role_id=st.none() | st.integers(1, 2**63 - 1).map(RoleId),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda award: award.key,
).map(tuple)


@given(AWARDS)
def test_what_is_stored_is_read_as_it_was_typed(awards: tuple[Award, ...]) -> None:
    stored = dump_awards(awards)
    assert parse_awards(stored, no_fault) == awards
    assert read_awards(stored, has_food=False) == (awards, True)
    assert read_awards(json.loads(stored), has_food=True) == (awards, True)


def test_stored_lists_are_read_as_far_as_they_make_sense() -> None:
    awards, own = read_awards(
        [
            {"key": "Old", "label": "x" * 200, "filter": "video", "subtitle": 5, "role_id": "oops"},
            {"label": "no key", "filter": "food"},
            {"key": "old", "label": "again", "filter": "food"},
            {"key": "bare"},
            "text",
            {"key": 7},
        ],
        has_food=True,
    )
    assert own
    assert awards == (
        Award(key="old", label="x" * 100, filter=Filter.NON_FOOD),
        Award(key="bare", label="bare", filter=Filter.NON_FOOD),
    )


@pytest.mark.parametrize("stored", ["", "[]", "{", "{}", "7", [], None, [{}], "x" * 30_000])
def test_what_makes_no_sense_is_the_built_in_list(stored: object) -> None:
    assert read_awards(stored, has_food=False) == (built_in(has_food=False), False)


def test_no_more_than_ten_are_read() -> None:
    awards, _ = read_awards([{"key": f"k{n}"} for n in range(30)], has_food=True)
    assert [award.key for award in awards] == [f"k{n}" for n in range(10)]
