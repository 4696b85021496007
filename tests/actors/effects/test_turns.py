"""Which effects are tried next: channels take turns, and none of them takes everything."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.effects.turns import Pace, Turns


def begin_all(turns: Turns[str]) -> list[str]:
    begun = []
    while (case := turns.next()) is not None:
        turns.begin()
        begun.append(case)
    return begun


def test_a_channel_takes_its_share_and_the_others_go_on() -> None:
    turns: Turns[str] = Turns(at_a_time=4, per_channel=2)
    for key, channel in enumerate("aaaab"):
        turns.add(key, channel, f"{channel}{key}")
    assert begin_all(turns) == ["a0", "b4", "a1"]
    turns.end(0)
    assert begin_all(turns) == ["a2"]
    assert sorted(turns.keys()) == [1, 2, 3, 4]


def test_no_more_than_so_many_are_under_way_together() -> None:
    turns: Turns[str] = Turns(at_a_time=3, per_channel=2)
    for key, channel in enumerate("abcdef"):
        turns.add(key, channel, channel)
    assert begin_all(turns) == ["a", "b", "c"]
    turns.end(1)
    turns.end(1)
    assert begin_all(turns) == ["d"]


def test_it_is_nobodys_turn_where_nothing_waits() -> None:
    turns: Turns[str] = Turns()
    assert not turns
    with pytest.raises(ValueError, match="nobody"):
        turns.begin()


@given(st.lists(st.integers(0, 4), max_size=40), st.data())
def test_everything_gets_its_turn_in_the_order_of_its_channel(
    channels: list[int], data: st.DataObject
) -> None:
    turns: Turns[int] = Turns(at_a_time=4, per_channel=2)
    for key, channel in enumerate(channels):
        turns.add(key, channel, key)
    begun: list[int] = []
    running: list[int] = []
    while turns:
        while (case := turns.next()) is not None:
            turns.begin()
            begun.append(case)
            running.append(case)
        assert 1 <= len(running) <= 4
        assert max(Counter(channels[key] for key in running).values()) <= 2
        turns.end(running.pop(data.draw(st.integers(0, len(running) - 1))))
    for channel in set(channels):
        expected = [key for key, where in enumerate(channels) if where == channel]
        assert [key for key in begun if channels[key] == channel] == expected


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_second_has_more_than_its_pace(pauses: list[float]) -> None:
    pace = Pace(3, 1.0)
    now, booked = 0.0, list[float]()
    for pause in pauses:
        now += pause
        booked.append(pace.book(now))
        assert booked[-1] >= now
        if len(booked) <= 3 or now >= booked[-4] + 1:
            assert booked[-1] == now, "nobody waits without need"
    assert booked == sorted(booked)
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(booked, booked[3:], strict=False))
