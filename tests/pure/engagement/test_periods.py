"""The weeks of the weekly awards, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.engagement.periods import LONGEST_JITTER, WEEK, Period, completed, jitter

INSTANTS = st.datetimes(
    min_value=datetime(2016, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, ZoneInfo("Europe/Brussels"), ZoneInfo("America/New_York")]),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-07-22T09:00", "2026-07-13T14:00", "2026-07-20T14:00"),
        ("2026-07-20T14:00:00", "2026-07-13T14:00", "2026-07-20T14:00"),
        ("2026-07-20T13:59:59", "2026-07-06T14:00", "2026-07-13T14:00"),
        ("2026-01-01T00:00", "2025-12-22T14:00", "2025-12-29T14:00"),
    ],
)
def test_the_table_of_the_specification(now: str, start: str, end: str) -> None:
    period = completed(at(now))
    assert period == Period(at(start), at(end))
    assert (str(period.week_start), str(period.week_end)) == (start[:10], end[:10])


def test_scenario_14_both_ends_are_shown_the_last_one_a_second_earlier() -> None:
    assert str(completed(at("2026-07-20T14:00"))) == "13 Jul 14:00 – 20 Jul 13:59"
    assert str(completed(at("2026-01-06T00:00"))) == "29 Dec 14:00 – 05 Jan 13:59"


def test_scenario_15_the_last_millisecond_counts_and_the_next_week_begins_at_its_end() -> None:
    period = completed(at("2026-07-20T14:00"))
    last, first = at("2026-07-20T13:59:59.999"), at("2026-07-20T14:00:00.000")
    assert last in period
    assert first not in period
    assert first in period.following
    assert last not in period.following


@given(INSTANTS)
def test_a_completed_week_is_the_last_one_that_is_over(now: datetime) -> None:
    period = completed(now)
    assert period.end <= now < period.end + WEEK
    assert period.end - period.start == WEEK
    assert (period.start.weekday(), period.start.hour, period.start.minute) == (0, 14, 0)
    assert (period.end.utcoffset(), period.end.weekday(), period.end.hour) == (timedelta(0), 0, 14)
    assert completed(period.end) == period
    assert completed(period.end - timedelta(microseconds=1)).following == period


@given(INSTANTS, INSTANTS)
def test_every_instant_is_in_one_week(first: datetime, second: datetime) -> None:
    weeks = {completed(first), completed(first).following, completed(second), completed(second).following}
    assert sum(first in week for week in weeks) == 1
    assert sum(second in week for week in weeks) == 1


@given(st.integers(min_value=1, max_value=2**63 - 1), INSTANTS)
def test_guilds_are_spread_over_two_minutes_each_always_alike(guild_id: int, now: datetime) -> None:
    period = completed(now)
    assert timedelta(0) <= jitter(guild_id, period) <= timedelta(seconds=LONGEST_JITTER)
    assert jitter(guild_id, period) == jitter(guild_id, completed(period.end))


def test_guilds_are_spread_evenly() -> None:
    period = completed(at("2026-07-22T09:00"))
    early = sum(jitter(guild_id, period) < timedelta(seconds=60) for guild_id in range(1, 1001))
    assert 400 < early < 600
