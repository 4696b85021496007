"""Five answers in ten seconds and channel, by when the messages were written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alphapy.actors.custom_commands.flood import FLOOD_LIMIT, FLOOD_WINDOW, Flood
from alphapy.pure.ids import ChannelId

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ONE, TWO = ChannelId(1), ChannelId(2)


def test_the_limit_is_per_channel_and_passes_with_time() -> None:
    flood = Flood()
    second = timedelta(seconds=1)
    assert all(flood.admit(ONE, NOON + n * second) for n in range(FLOOD_LIMIT))
    assert not flood.admit(ONE, NOON + 9 * second)
    assert flood.admit(TWO, NOON + 9 * second)
    assert flood.admit(ONE, NOON + FLOOD_WINDOW)
    assert not flood.admit(ONE, NOON + FLOOD_WINDOW)


def test_what_is_refused_is_not_counted() -> None:
    flood = Flood((ONE, NOON) for _ in range(FLOOD_LIMIT))
    for _ in range(20):
        assert not flood.admit(ONE, NOON + FLOOD_WINDOW / 2)
    assert flood.admit(ONE, NOON + FLOOD_WINDOW)


def test_a_copy_decides_for_itself() -> None:
    flood = Flood()
    plan = flood.copy()
    for _ in range(FLOOD_LIMIT):
        assert plan.admit(ONE, NOON)
    assert not plan.admit(ONE, NOON)
    assert flood.admit(ONE, NOON)
