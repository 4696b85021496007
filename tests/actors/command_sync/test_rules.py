"""When commands are registered, and when they are not."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.command_sync.rules import (
    GLOBAL,
    NEVER,
    Decision,
    Leave,
    Now,
    Put,
    Record,
    Wait,
    Why,
    decide,
    duration,
    is_stale,
)
from tests.support.clock import START

HOUR, HALF = 3600.0, 1800.0
RECORD = Record(fingerprint="same", command_count=3, synced_at=START)


def after(seconds: float) -> Now:
    return Now(START + timedelta(seconds=seconds), 1000.0 + seconds)


@pytest.mark.parametrize(
    ("record", "why", "seconds", "scope", "decision"),
    [
        (None, Why.START, 0, GLOBAL, Put()),
        (None, Why.AUTOMATIC, 0, "5", Put()),
        (RECORD, Why.START, 0, GLOBAL, Leave()),
        (RECORD, Why.AUTOMATIC, 9 * HOUR, "5", Leave()),
        (attrs.evolve(RECORD, fingerprint="other"), Why.START, 300, GLOBAL, Put()),
        (attrs.evolve(RECORD, fingerprint="other"), Why.AUTOMATIC, 300, GLOBAL, Wait(HOUR - 300)),
        (attrs.evolve(RECORD, fingerprint="other"), Why.AUTOMATIC, 300, "5", Wait(HALF - 300)),
        (attrs.evolve(RECORD, fingerprint="other"), Why.AUTOMATIC, HALF, "5", Put()),
        (RECORD, Why.BY_HAND, 300, GLOBAL, Wait(HOUR - 300)),
        (RECORD, Why.BY_HAND, HOUR, GLOBAL, Put()),
        (RECORD, Why.FORCED, 1, GLOBAL, Put()),
        (
            attrs.evolve(RECORD, retry_after=START + timedelta(seconds=90)),
            Why.FORCED,
            30,
            "5",
            Wait(60, True),
        ),
        (attrs.evolve(RECORD, retry_after=START + timedelta(seconds=90)), Why.FORCED, 91, "5", Put()),
        (attrs.evolve(RECORD, retry_after=START + timedelta(seconds=90)), Why.START, 30, "5", Leave()),
        (Record(retry_after=START + timedelta(seconds=90)), Why.START, 30, GLOBAL, Wait(60, True)),
        (Record(retry_after=START + timedelta(seconds=90)), Why.AUTOMATIC, 91, "5", Put()),
    ],
)
def test_the_table_of_decisions(
    record: Record | None, why: Why, seconds: float, scope: str, decision: Decision
) -> None:
    assert decide(record, "same", after(seconds), scope=scope, why=why) == decision


def test_a_clock_that_was_set_back_makes_no_cooldown_longer() -> None:
    other = attrs.evolve(RECORD, fingerprint="other")
    assert decide(other, "same", after(-9 * HOUR), scope="5", why=Why.AUTOMATIC) == Wait(HALF)
    here = attrs.evolve(other, synced_mono=1000.0)
    set_back = Now(START - timedelta(days=300), 1000.0 + HALF)
    assert decide(here, "same", set_back, scope="5", why=Why.AUTOMATIC) == Put()


@given(
    st.builds(
        Record,
        fingerprint=st.sampled_from(["same", "other", ""]),
        synced_at=st.one_of(
            st.just(NEVER), st.datetimes().map(lambda found: found.replace(tzinfo=START.tzinfo))
        ),
        retry_after=st.none() | st.datetimes().map(lambda found: found.replace(tzinfo=START.tzinfo)),
    ),
    st.sampled_from(Why),
    st.sampled_from([GLOBAL, "5"]),
)
def test_no_wait_is_negative_and_none_is_longer_than_it_must_be(record: Record, why: Why, scope: str) -> None:
    decision = decide(record, "same", Now(START, 0.0), scope=scope, why=why)
    if isinstance(decision, Wait):
        assert decision.seconds > 0
        assert decision.limited_by_discord or decision.seconds <= HOUR


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1s"),
        (0.2, "1s"),
        (59, "59s"),
        (60, "1m 0s"),
        (725, "12m 5s"),
        (3599.5, "1h 0m"),
        (5400, "1h 30m"),
    ],
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_record_is_stale_an_hour_after_its_cooldown() -> None:
    assert not is_stale(RECORD, after(HALF + HOUR), "5")
    assert is_stale(RECORD, after(HALF + HOUR + 1), "5")
    assert not is_stale(RECORD, after(HALF + HOUR + 1), GLOBAL)
    patient = attrs.evolve(RECORD, retry_after=datetime.max.replace(tzinfo=START.tzinfo))
    assert not is_stale(patient, after(9 * HOUR), "5")
