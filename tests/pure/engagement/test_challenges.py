"""Who wins, what counts, and how far a challenge has come (spec/engagement.md 4.1, 5.2 and 9)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.engagement.challenges import (
    CELLS,
    Challenge,
    Mode,
    Winner,
    choose_winner,
    filled_cells,
    progress_bar,
    top,
)
from alphapy.pure.ids import ChannelId, UserId

START = datetime(2026, 7, 13, 14, tzinfo=UTC)
COUNTS = st.dictionaries(st.integers(1, 50).map(UserId), st.integers(0, 5), max_size=20)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("passed", "whole", "filled"),
    [
        (100, 200, 10),
        (6, 80, 2),
        (10, 80, 2),
        (0, 80, 0),
        (80, 80, 20),
        (900, 80, 20),
        (-5, 80, 0),
        (0.9, 1, 0),
    ],
)
def test_scenario_8_the_bar_is_rounded_with_halves_to_even(passed: float, whole: int, filled: int) -> None:
    assert filled_cells(START, after(whole), after(passed)) == filled
    assert progress_bar(START, after(whole), after(passed)) == "█" * filled + "░" * (CELLS - filled)


def test_a_challenge_without_an_end_or_a_length_is_full() -> None:
    assert filled_cells(START, None, START) == filled_cells(START, START, START) == CELLS


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_bar_never_goes_back(whole: int, first: int, second: int) -> None:
    early, late = sorted((first, second))
    assert (
        0 <= filled_cells(START, after(whole), after(early)) <= filled_cells(START, after(whole), after(late))
    )
    assert filled_cells(START, after(whole), after(late)) <= CELLS


def test_scenario_4_of_equal_counts_the_lowest_id_wins() -> None:
    counts = {UserId(20): 5, UserId(10): 5, UserId(5): 4}
    assert choose_winner(Mode.LEADERBOARD, counts, random.Random(1)) == Winner(UserId(10), 5)


def test_a_count_of_zero_wins_no_leaderboard_but_may_be_drawn() -> None:
    counts = {UserId(10): 0}
    assert choose_winner(Mode.LEADERBOARD, counts, random.Random(1)) is None
    assert choose_winner(Mode.RANDOM, counts, random.Random(1)) == Winner(UserId(10), 0)
    assert choose_winner(Mode.RANDOM, {}, random.Random(1)) is None


@given(COUNTS)
def test_nobody_is_ahead_of_the_winner(counts: dict[UserId, int]) -> None:
    winner = choose_winner(Mode.LEADERBOARD, counts, random.Random(1))
    if winner is None:
        assert not any(counts.values())
        return
    assert counts[winner.user_id] == winner.messages == max(counts.values())
    assert winner.user_id == min(user_id for user_id, count in counts.items() if count == winner.messages)
    places = top(counts)
    assert places[0] == winner
    assert places == sorted(places, key=lambda place: (-place.messages, place.user_id))
    assert len(places) == min(5, sum(count > 0 for count in counts.values()))


def test_a_draw_is_uniform_whatever_the_counts() -> None:
    counts = {UserId(1): 0, UserId(2): 1_000, UserId(3): 1}
    rng, drawn = random.Random(7), dict.fromkeys(counts, 0)
    for _ in range(3_000):
        winner = choose_winner(Mode.RANDOM, counts, rng)
        assert winner is not None
        drawn[winner.user_id] += 1
    assert all(900 < times < 1_100 for times in drawn.values())


def test_what_counts_is_half_open_and_in_the_channel() -> None:
    channel = ChannelId(7)
    challenge = Challenge(
        id=1, channel_id=channel, mode=Mode.LEADERBOARD, title=None, started_at=START, ends_at=after(10)
    )
    assert challenge.counts(channel, START)
    assert challenge.counts(channel, after(9.999))
    assert not challenge.counts(channel, after(10))
    assert not challenge.counts(channel, after(-0.001))
    assert not challenge.counts(ChannelId(8), after(1))


def test_a_stored_mode_that_is_not_known_is_a_leaderboard() -> None:
    assert [Mode.read(stored) for stored in ("random", "leaderboard", "Random!", None)] == [
        Mode.RANDOM,
        *[Mode.LEADERBOARD] * 3,
    ]
