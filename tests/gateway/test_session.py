"""Where a shard is in its session."""

from __future__ import annotations

from alphapy.gateway.session import GatewaySession, SessionTrack


def test_without_a_session_there_is_nothing_to_resume() -> None:
    track = SessionTrack(None)
    assert (track.session, track.session_id, track.seq) == (None, None, 0)


def test_a_late_event_does_not_set_the_number_back() -> None:
    track = SessionTrack(GatewaySession("s", "wss://x", 5))
    for seq in (6, 8, 7):
        assert not track.is_repeated(seq)
        track.handed_on(seq)
    assert track.session == GatewaySession("s", "wss://x", 8)
    assert [seq for seq in range(1, 12) if track.is_repeated(seq)] == [6, 7, 8]


def test_what_was_handed_on_before_the_start_comes_again() -> None:
    """The low-water mark may lie below what was handed on: those events are wanted again."""
    assert not SessionTrack(GatewaySession("s", "wss://x", 5)).is_repeated(4)


def test_a_new_session_counts_anew() -> None:
    track = SessionTrack(GatewaySession("s", "wss://x", 5))
    track.handed_on(6)
    track.begin("t", "wss://y")
    assert track.session == GatewaySession("t", "wss://y", 0)
    assert not track.is_repeated(6)


def test_a_gap_is_asked_for_once_and_no_more_after_three_times_in_vain() -> None:
    track = SessionTrack(GatewaySession("s", "wss://x", 5))
    for filled in (6, 8, 10):  # each of these was asked for and came
        assert track.ask_again()
        track.handed_on(filled)
        track.handed_on(filled + 1)
    for missing in (20, 30, 40):
        assert track.ask_again()
        assert not track.ask_again()
        track.handed_on(missing)
    assert not track.ask_again()
    track.begin("t", "wss://y")
    assert track.ask_again()


def test_only_the_last_512_are_remembered() -> None:
    track = SessionTrack(None)
    for seq in range(1, 1001):
        track.handed_on(seq)
    assert track.is_repeated(489)
    assert not track.is_repeated(488)
