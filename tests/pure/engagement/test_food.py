"""Which posts are about food."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.engagement.food import MOST_CHANNELS, is_food, parse_channels, read_channels
from alphapy.pure.ids import ChannelId


def test_what_is_stored_is_read_tolerantly() -> None:
    assert read_channels("10, 20, nope, 30") == {10, 20, 30}
    assert read_channels(["10", 20, None, "x"]) == {10, 20}
    assert read_channels("") == frozenset()
    assert read_channels(None) == frozenset()
    assert read_channels({"10": 1}) == frozenset()


def test_only_the_first_fifty_count() -> None:
    ids = range(1, 80)
    assert read_channels(",".join(map(str, ids))) == set(range(1, MOST_CHANNELS + 1))


@given(st.text())
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    assert all(isinstance(found, int) for found in read_channels(text))


def test_ids_and_mentions_of_the_guilds_channels_are_taken_each_once() -> None:
    found = parse_channels(" <#10>, 20 ,10,, <#20>", [10, 20, 30])
    assert (found.ids, found.bad, found.stored) == ((10, 20), (), "10,20")


def test_bad_tokens_are_named() -> None:
    found = parse_channels("10, nope, <#99>, #food, ٣", [10, 3])
    assert found.ids == (10,)
    assert found.bad == ("nope", "<#99>", "#food", "٣")


@pytest.mark.parametrize(
    ("channel", "parent", "names", "expected"),
    [
        (10, None, ["general"], True),
        (11, 10, ["a thread", "general"], True),
        (11, None, ["general"], False),
        (11, None, ["FOOD-pics"], True),
        (11, None, ["mental-Health"], True),
        (11, 12, ["a thread", "good-food"], True),
        (11, 12, ["a thread", None], False),
        (11, None, [], False),
    ],
)
def test_food_is_what_is_posted_there(
    channel: int, parent: int | None, names: list[str | None], expected: bool
) -> None:
    parent_id = None if parent is None else ChannelId(parent)
    assert is_food(frozenset({ChannelId(10)}), ChannelId(channel), parent_id, names) is expected
