"""When beats go, what a missing ACK means, and the latencies."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.heartbeat import Heartbeat, LatencyStatistics, LatencyWindow, first_beat


@given(st.floats(0.01, 600), st.integers())
def test_the_first_beat_goes_within_one_interval(interval: float, seed: int) -> None:
    assert 0 <= first_beat(interval, random.Random(seed)) < interval


def test_first_beats_spread_over_the_interval() -> None:
    beats = [first_beat(40.0, random.Random(seed)) for seed in range(200)]
    assert min(beats) < 4
    assert max(beats) > 36


def test_an_answered_beat_is_no_zombie() -> None:
    beat = Heartbeat(40.0)
    beat.listening(0.0)
    beat.sent(10.0)
    beat.heard(10.2)
    assert beat.acknowledged(10.2) is not None
    beat.listening(10.2)
    assert not beat.is_zombie(50.0)


def test_latency_is_from_beat_to_ack() -> None:
    beat = Heartbeat(40.0)
    beat.sent(10.0)
    assert round(beat.acknowledged(10.125) or 0, 6) == 0.125
    assert beat.acknowledged(10.2) is None


def test_an_unanswered_beat_is_a_zombie_when_the_next_is_due() -> None:
    beat = Heartbeat(40.0)
    beat.listening(0.0)
    beat.sent(10.0)
    assert not beat.is_zombie(11.0)
    assert beat.is_zombie(50.0)


def test_other_messages_do_not_count_as_an_ack() -> None:
    beat = Heartbeat(40.0)
    beat.sent(0.0)
    for second in range(39):
        beat.listening(float(second))
        beat.heard(second + 0.99)
    assert beat.is_zombie(40.0)


def test_while_nothing_is_read_a_missing_ack_means_nothing() -> None:
    """The shard holds back for five minutes: the ACKs are in the socket, unread."""
    beat = Heartbeat(40.0)
    beat.listening(0.0)
    beat.sent(10.0)
    beat.heard(10.1)
    for due in (50.0, 90.0, 130.0, 170.0):
        assert not beat.is_zombie(due)
        beat.sent(due)
    beat.listening(200.0)
    assert not beat.is_zombie(210.0)
    assert beat.is_zombie(221.0)


@given(st.lists(st.tuples(st.floats(0.001, 30), st.floats(0, 30)), max_size=40))
def test_a_gateway_that_answers_before_we_have_listened_half_an_interval_is_never_a_zombie(
    rounds: list[tuple[float, float]],
) -> None:
    """Any mix of listening and working, with ACKs read after at most 19 s of listening."""
    beat, now, due, listened = Heartbeat(40.0), 0.0, 0.0, 0.0
    for listen, work in rounds:
        if now >= due:
            assert not beat.is_zombie(now)
            beat.sent(now)
            due = now + 40.0
        beat.listening(now)
        now += min(listen, 19.0 - listened)
        listened += min(listen, 19.0 - listened)
        beat.heard(now)
        if listened >= 18.9:
            beat.acknowledged(now)
            listened = 0.0
        now += work


def test_no_samples_no_figures() -> None:
    assert LatencyWindow().statistics(0.0) == LatencyStatistics()


def test_percentiles_are_of_the_last_hour() -> None:
    window = LatencyWindow()
    window.record(0.0, 9.0)
    for number in range(1, 101):
        window.record(3000.0, number / 1000)
    assert window.statistics(3500.0).samples == 101
    found = window.statistics(3601.0)
    assert found == LatencyStatistics(last=0.1, p50=0.05, p95=0.095, samples=100)


def test_one_sample_is_every_percentile() -> None:
    window = LatencyWindow()
    window.record(1.0, 0.03)
    assert window.statistics(2.0) == LatencyStatistics(last=0.03, p50=0.03, p95=0.03, samples=1)


def test_the_window_is_bounded() -> None:
    window = LatencyWindow()
    for number in range(5000):
        window.record(float(number) / 100, 0.1)
    assert window.statistics(50.0).samples == 1000
