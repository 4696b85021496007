"""120 sends in any 60 seconds, and never at the expense of the heartbeats."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.sendlimit import LIMIT, WINDOW, SendLimit, Urgency

_WISHES = st.lists(
    st.tuples(st.floats(0, 8), st.sampled_from(list(Urgency)), st.integers(1, 60)), max_size=60
)


def most_in_a_window(sent: list[float]) -> int:
    return max((sum(start <= one <= start + WINDOW for one in sent) for start in sent), default=0)


@given(wishes=_WISHES, interval=st.floats(0.01, 600))
def test_no_window_ever_holds_more_than_the_limit(
    wishes: list[tuple[float, Urgency, int]], interval: float
) -> None:
    limit, now, sent = SendLimit(interval), 0.0, list[float]()
    for pause, urgency, burst in wishes:
        now += pause
        sent += [now for _ in range(burst) if limit.take(now, urgency)]
    assert most_in_a_window(sent) <= LIMIT


@given(wishes=_WISHES, interval=st.floats(5, 60))
def test_scheduled_beats_are_never_refused(wishes: list[tuple[float, Urgency, int]], interval: float) -> None:
    """However greedily everything else is sent, a beat each interval always finds room."""
    limit, now, due = SendLimit(interval), 0.0, 0.0
    for pause, urgency, burst in wishes:
        now += pause
        while due <= now:
            assert limit.take(due, Urgency.SCHEDULED_BEAT)
            due += interval
        if urgency is not Urgency.SCHEDULED_BEAT:
            for _ in range(burst):
                limit.take(now, urgency)


@given(wishes=_WISHES)
def test_requests_leave_room_for_beats_that_are_asked_for(
    wishes: list[tuple[float, Urgency, int]],
) -> None:
    limit, now = SendLimit(41.25), 0.0
    for pause, _, burst in wishes:
        now += pause
        for _ in range(burst):
            limit.take(now, Urgency.ORDINARY)
    assert limit.take(now, Urgency.REQUESTED_BEAT)


@given(wishes=_WISHES, urgency=st.sampled_from(list(Urgency)))
def test_the_delay_is_exactly_as_long_as_needed(
    wishes: list[tuple[float, Urgency, int]], urgency: Urgency
) -> None:
    limit, now = SendLimit(41.25), 0.0
    for pause, kind, burst in wishes:
        now += pause
        for _ in range(burst):
            limit.take(now, kind)
    delay = limit.delay(now, urgency)
    assert 0.0 <= delay <= WINDOW + 1.0
    if delay > 0.001:
        assert not limit.take(now + delay - 0.001, urgency)
    assert limit.take(now + delay + 0.001, urgency)


def test_a_burst_is_allowed_up_to_what_is_kept_for_beats() -> None:
    limit = SendLimit(41.25)
    assert sum(limit.take(0.0, Urgency.ORDINARY) for _ in range(200)) == LIMIT - 2 - 5
