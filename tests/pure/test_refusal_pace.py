"""The pace of refusals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.refusal_pace import RefusalPace


@given(st.lists(st.floats(0, 0.3), max_size=80))
def test_no_second_has_more_refusals_than_the_rate_and_one_burst(pauses: list[float]) -> None:
    pace = RefusalPace(rate=10, burst=5, longest=1e9)
    now, given_at = 0.0, []
    for pause in pauses:
        now += pause
        given_at.append(now + pace.wait("a", now))
    assert given_at == sorted(given_at)
    for first in range(len(given_at)):
        for last in range(first, len(given_at)):
            span = given_at[last] - given_at[first]
            assert last - first + 1 <= 5 + 10 * span + 1 + 1e-6


def test_a_burst_is_refused_at_once_and_what_follows_at_the_steady_pace() -> None:
    pace = RefusalPace(rate=10, burst=3)
    assert [round(pace.wait("a", 5.0), 6) for _ in range(6)] == [0, 0, 0, 0.1, 0.2, 0.3]
    assert pace.wait("b", 5.0) == 0
    assert [round(pace.wait("a", 60.0), 6) for _ in range(4)] == [0, 0, 0, 0.1]


def test_nobody_waits_longer_than_the_longest() -> None:
    pace = RefusalPace(rate=1, burst=1, longest=2.0)
    assert max(pace.wait("a", 0.0) for _ in range(100)) == 2.0


def test_it_remembers_so_many_clients_and_forgets_who_is_calm() -> None:
    pace = RefusalPace(rate=10, burst=3, clients=2)
    for client in "abc":
        pace.wait(client, 1.0)
    assert len(pace) == 2
    pace.sweep(1.0)
    assert len(pace) == 2
    pace.sweep(2.0)
    assert len(pace) == 0
