"""What is to be read back after a gap between two gateway sessions: decisions only.

A gap begins *since* an id up to which everything was surely seen, and ends where the new session begins. It
is read channel by channel; what turns up is put into the order of the ids.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.pure.ids import ChannelId, snowflake_at
from alphapy.pure.seen import SECOND, WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

OVERLAP: Final = WINDOW
"""How much more is read than what was missed for certain: Discord's ids and its events are not in quite the
same order. What was dealt with is known one by one for as long (:mod:`alphapy.pure.seen`)."""

TAIL: Final = WINDOW // 2
"""How far behind the first message that comes live others may lie that do not: read back as well."""

MOST_STEPS: Final = 4096


class Trail:
    """How new the messages were when the log was at some number: what has surely been seen, by number.

    A step is kept for every second of message time; where the mark stands still for hours, for longer ones.
    """

    def __init__(self, start: int = 0) -> None:
        """``start``: the id up to which everything was seen before."""
        self._passed = self._newest = start
        self._steps: deque[tuple[int, int]] = deque()

    def note(self, seq: int, message_id: int) -> None:
        """At this number of the log there was a message of this id."""
        if message_id < self._newest + SECOND or (self._steps and seq <= self._steps[-1][0]):
            return
        self._newest = message_id
        self._steps.append((seq, message_id))
        if len(self._steps) > MOST_STEPS:
            self._steps = deque(list(self._steps)[::2])

    def upto(self, mark: int) -> int:
        """The newest id that was seen at or below this number, which never goes back."""
        while self._steps and self._steps[0][0] <= mark:
            self._passed = max(self._passed, self._steps.popleft()[1])
        return self._passed


def beginning(since: int, *, now: datetime, oldest: timedelta, joined_at: datetime | None) -> int:
    """The id behind which messages of a gap are acted upon.

    Not those from before the bot joined, nor those that are older than ``oldest`` by now.
    """
    bounds = [since - OVERLAP, snowflake_at(now - oldest)]
    if joined_at is not None:
        bounds.append(snowflake_at(joined_at))
    return max(0, *bounds)


def ending(first_live: int | None, newest: int) -> int | None:
    """The id up to which messages are handed on; None for no end.

    ``first_live``: the first message that has come live, if any has; ``newest``: the newest that there was
    when the guild arrived, which cannot come live. What is newer than both comes live, and is not to
    overtake what comes live before it.
    """
    return None if first_live is None else max(first_live + TAIL, newest)


@attrs.frozen
class Room:
    """A channel or thread in which people write."""

    channel_id: ChannelId
    newest: int
    """The id of its last message, deleted or not; 0 for none."""
    may_see: bool
    may_read: bool


@attrs.frozen
class Plan:
    """Where to read, the liveliest channels first, and where that is not allowed."""

    channels: tuple[ChannelId, ...] = ()
    forbidden: tuple[ChannelId, ...] = ()
    left_out: int = 0
    """Channels beyond the bound."""


def plan(rooms: Iterable[Room], after: int, *, most: int) -> Plan:
    """Where something may have been written behind ``after``, in at most ``most`` channels."""
    changed = sorted(
        (room for room in rooms if room.newest > after and room.may_see),
        key=lambda room: (-room.newest, room.channel_id),
    )
    readable = [room.channel_id for room in changed if room.may_read]
    forbidden = [room.channel_id for room in changed if not room.may_read]
    return Plan(tuple(readable[:most]), tuple(forbidden), max(0, len(readable) - most))
