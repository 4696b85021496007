"""Limits of requests: the sliding window against its definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.http_limits import LIMITS, LimitClass, SlidingWindows, limit_class

STEPS = st.lists(st.tuples(st.floats(0, 30), st.sampled_from("ab"), st.sampled_from(list(LimitClass))))


@given(STEPS)
def test_a_request_is_accepted_iff_fewer_than_the_limit_were_in_the_last_minute(
    steps: list[tuple[float, str, LimitClass]],
) -> None:
    limits = dict.fromkeys(LimitClass, 2)
    windows = SlidingWindows(limits)
    accepted: list[tuple[float, str, LimitClass]] = []
    now = 0.0
    for pause, client, kind in steps:
        now += pause
        recent = [at for at, who, what in accepted if (who, what) == (client, kind) and now - at < 60]
        refusal = windows.take(client, kind, now)
        assert (refusal is None) == (len(recent) < 2)
        if refusal is None:
            accepted.append((now, client, kind))
        else:
            assert refusal.limit == 2
            left = min(recent) + 60 - now
            # Which way a sum of floats is rounded at a whole second is nobody's business.
            assert max(1, math.ceil(left - 1e-9)) <= refusal.retry_after <= max(1, math.ceil(left + 1e-9))


@given(st.floats(0, 1e9))
def test_after_the_pause_that_it_was_told_a_request_is_accepted(start: float) -> None:
    windows = SlidingWindows(dict.fromkeys(LimitClass, 1))
    assert windows.take("a", LimitClass.READ, start) is None
    refusal = windows.take("a", LimitClass.READ, start + 0.5)
    assert refusal is not None
    assert 1 <= refusal.retry_after <= 60
    assert windows.take("a", LimitClass.READ, start + 0.5 + refusal.retry_after) is None


def test_classes_and_clients_have_windows_of_their_own() -> None:
    windows = SlidingWindows()
    for _ in range(LIMITS[LimitClass.WRITE]):
        assert windows.take("a", LimitClass.WRITE, 1.0) is None
    assert windows.take("a", LimitClass.WRITE, 1.0) is not None
    assert windows.take("a", LimitClass.READ, 1.0) is None
    assert windows.take("b", LimitClass.WRITE, 1.0) is None


def test_so_many_clients_are_remembered_and_the_longest_silent_is_forgotten_first() -> None:
    windows = SlidingWindows(dict.fromkeys(LimitClass, 1), clients=3)
    for client in "abc":
        windows.take(client, LimitClass.READ, 1.0)
    assert windows.take("a", LimitClass.READ, 2.0) is not None
    windows.take("d", LimitClass.READ, 3.0)
    assert len(windows) == 3
    assert windows.take("a", LimitClass.READ, 3.0) is not None
    assert windows.take("b", LimitClass.READ, 3.0) is None


def test_a_sweep_forgets_whom_nothing_is_left_of() -> None:
    windows = SlidingWindows()
    windows.take("old", LimitClass.READ, 0.0)
    windows.take("new", LimitClass.READ, 30.0)
    windows.sweep(59.9)
    assert len(windows) == 2
    windows.sweep(60.0)
    assert len(windows) == 1
    windows.sweep(90.0)
    assert len(windows) == 0


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("GET /status", "probe"),
        ("GET /api/health", "probe"),
        ("GET /api/health/history", "probe"),
        ("GET /api/ready", "probe"),
        ("GET /api/observability", "probe"),
        ("GET /api/metrics", "probe"),
        ("GET /api/dashboard/metrics", "probe"),
        ("GET /metrics", "probe"),
        ("GET /healthz", "probe"),
        ("POST /health", "probe"),
        ("GET /api/reminders/1", "read"),
        ("HEAD /api/reminders/1", "read"),
        ("OPTIONS /api/reminders", "read"),
        ("GET /nothing", "read"),
        ("GET /api/healthy", "read"),
        ("POST /api/reminders", "write"),
        ("PUT /api/reminders", "write"),
        ("PATCH /x", "write"),
        ("DELETE /api/reminders/1/2", "write"),
        ("POST /console/letters", "write"),
        ("GET /console", "console"),
        ("GET /console/fragment", "console"),
        ("GET /consoles", "read"),
        ("POST /webhooks/founder", "hook"),
        ("GET /webhooks/founder", "hook"),
    ],
)
def test_what_kind_of_request_it_is(request_line: str, expected: str) -> None:
    method, path = request_line.split()
    assert limit_class(method, path).value == expected


def test_the_limits_are_those_of_the_specification() -> None:
    assert {kind.value: limit for kind, limit in LIMITS.items() if kind is not LimitClass.CONSOLE} == {
        "probe": 60,
        "write": 10,
        "read": 30,
        "hook": 300,
    }
