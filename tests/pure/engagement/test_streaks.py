"""Days in a row: the table of the specification, and what must hold for any messages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.engagement.streaks import Days, after_post, day_of

DAY = date(2026, 7, 20)


@pytest.mark.parametrize(
    ("stored", "days_later", "expected"),
    [
        (None, 0, Days(DAY, 1)),
        (Days(None, 0), 0, Days(DAY, 1)),
        (Days(None, 9), 0, Days(DAY, 1)),
        (Days(DAY, 4), -1, None),
        (Days(DAY, 4), -400, None),
        (Days(DAY, 4), 0, Days(DAY, 4)),
        (Days(DAY, 4), 1, Days(DAY + timedelta(days=1), 5)),
        (Days(DAY, 4), 2, Days(DAY + timedelta(days=2), 1)),
        (Days(DAY, 4), 400, Days(DAY + timedelta(days=400), 1)),
    ],
)
def test_the_table(stored: Days | None, days_later: int, expected: Days | None) -> None:
    assert after_post(stored, DAY + timedelta(days=days_later)) == expected


def test_a_day_is_one_in_utc() -> None:
    assert day_of(datetime(2026, 7, 20, 23, 59, 59, 999_999, tzinfo=UTC)) == DAY
    assert day_of(datetime(2026, 7, 21, 1, 59, tzinfo=timezone(timedelta(hours=2)))) == DAY
    assert day_of(datetime(2026, 7, 21, tzinfo=UTC)) == DAY + timedelta(days=1)


def test_a_day_again_is_the_same_streak() -> None:
    stored = Days(DAY, 4)
    assert after_post(stored, DAY) is stored


@given(st.lists(st.integers(0, 40)))
def test_late_messages_and_repetitions_change_nothing(offsets: list[int]) -> None:
    """However messages are mixed, the streak is that of the days which were newest when they came."""
    streak: Days | None = None
    for offset in offsets:
        streak = after_post(streak, DAY + timedelta(days=offset)) or streak
    newest, run = -1, 0
    for offset in offsets:
        if offset > newest:
            run = run + 1 if newest >= 0 and offset == newest + 1 else 1
            newest = offset
    assert streak == (Days(DAY + timedelta(days=newest), run) if offsets else None)
