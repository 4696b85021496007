"""When old rows are deleted, and which are old."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.retention.rules import AUDIT_TIME, FIRST_AFTER, HOUR, Daily, Every, audit_limits
from alphapy.actors.settings.definitions import registry

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
DAYS = registry(llm_provider="grok").definition("system", "audit_retention_days")
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by timezones


@given(now=MOMENTS)
def test_daily_work_is_due_once_in_every_24_hours(now: datetime) -> None:
    due = Daily(AUDIT_TIME).first(now)
    assert due.time() == time(3, 10)
    assert timedelta() < due - now <= timedelta(days=1)
    assert Daily(AUDIT_TIME).following(due, failed=False) == due + timedelta(days=1)


@given(now=MOMENTS)
def test_a_failed_day_is_tried_again_within_an_hour(now: datetime) -> None:
    assert timedelta() < Daily(AUDIT_TIME).following(now, failed=True) - now <= HOUR


def test_frequent_work_begins_a_minute_after_the_start() -> None:
    hourly = Every(HOUR)
    assert hourly.first(NOW) == NOW + FIRST_AFTER == NOW + timedelta(seconds=60)
    assert hourly.following(NOW, failed=True) == hourly.following(NOW, failed=False) == NOW + HOUR


@pytest.mark.parametrize(
    ("stored", "days"),
    [
        *((30, 30), ("30", 30), ('"30"', 30), (7, 7), (3650, 3650), (0, None), (6, None), (3651, None)),
        *((-30, None), ("soon", None), (None, None), ([30], None), (10**30, None)),
    ],
)
def test_only_what_may_be_set_deletes_anything(stored: object, days: int | None) -> None:
    found = audit_limits([(5, stored)], DAYS, days_of_messages=0, now=NOW)
    assert found == ([] if days is None else [(5, NOW - timedelta(days=days))])


def test_direct_messages_are_the_operators_choice() -> None:
    assert audit_limits([(0, 30), (5, 7)], DAYS, days_of_messages=0, now=NOW) == [
        (5, NOW - timedelta(days=7))
    ]
    assert audit_limits([(0, 30)], DAYS, days_of_messages=90, now=NOW) == [(0, NOW - timedelta(days=90))]
