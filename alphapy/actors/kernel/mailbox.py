"""Two lanes of envelopes and one wake-up.

The mailbox belongs to the cell and outlives incarnations: what a crashed one had taken is put back in
front. It is two deques and a parked task rather than two memory channels, because Trio cannot wait on two
channels at once, and a channel can neither be put back into nor outlive its last receiver. Nothing here
blocks but :meth:`Mailbox.wait_for_arrival`, and only the cell takes.

Arrival is stamped once per wake-up, not per message: a queue notes the time whenever it was empty or taken
from, together with how many messages had arrived by then, and so knows the age of its oldest one from
above.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.bus import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alphapy.actors.kernel.asking import Asked


# Looking up a member of an enumeration costs more than appending to a deque.
_NORMAL = Lane.NORMAL
_ACCEPTED = Delivery.ACCEPTED


class Envelope:
    """A message on its way, with what the kernel needs to know of it."""

    __slots__ = ("alone", "asked", "is_event", "is_exempt", "message")

    def __init__(
        self,
        message: object,
        asked: Asked | None = None,
        is_exempt: bool = False,
        is_event: bool = False,
    ) -> None:
        self.message = message
        self.asked = asked
        self.is_exempt = is_exempt
        """It does not count towards the bound of its lane: an event, or the actor's own."""
        self.is_event = is_event
        """It holds a place of the global budget."""
        self.alone = asked is not None
        """It must not share a batch: it wants an answer, or its batch has failed."""


@attrs.frozen
class MailboxStatistics:
    """A mailbox at one moment."""

    urgent_depth: int
    normal_depth: int
    urgent_peak: int
    normal_peak: int
    events: int
    refused: int
    oldest_seconds: float


class _Queue:
    """One lane: first in, first out, except for what is put back."""

    __slots__ = ("_marks", "_run_since", "_taken", "exempt", "items", "limit", "peak")

    def __init__(self, limit: int) -> None:
        # A deque holds some 700 bytes even when it is empty, and most lanes of most actors are.
        self.items: deque[Envelope] | tuple[()] = ()
        self.limit = limit
        self.exempt = 0
        self.peak = 0
        self._taken = 0
        self._run_since = 0.0
        # (messages that had arrived by then, when), oldest first; the first is at or before the oldest
        # message.
        self._marks: list[tuple[int, float]] = []

    def append(self, envelope: Envelope) -> None:
        items = self.items or self._fill()
        items.append(envelope)

    def take_run(self, limit: int) -> list[Envelope]:
        """The first one, and as many behind it, at most ``limit`` in all, as may share a batch with it."""
        items = self.items or self._fill()
        self.peak = max(self.peak, len(items))
        first = items.popleft()
        run = [first]
        if not first.alone:
            for _ in range(min(limit - 1, len(items))):
                if items[0].alone:
                    break
                run.append(items.popleft())
        if self.exempt:
            self.exempt -= sum(envelope.is_exempt for envelope in run)
        self._note_taken(len(run))
        return run

    def put_back(self, run: Sequence[Envelope]) -> None:
        (self.items or self._fill()).extendleft(reversed(run))
        self.exempt += sum(envelope.is_exempt for envelope in run)
        self._taken -= len(run)
        self._marks.insert(0, (self._taken, self._run_since))

    def take_events(self, limit: int) -> list[Envelope]:
        """The oldest events, at most ``limit`` of them, whatever stands between them."""
        if not self.items:
            return []
        everything, self.items = list(self.items), ()
        self.exempt = 0
        self._note_taken(len(everything))
        events: list[Envelope] = []
        rest: list[Envelope] = []
        for envelope in everything:
            (events if envelope.is_event and len(events) < limit else rest).append(envelope)
        if rest:
            self.put_back(rest)
        return events

    def oldest_since(self) -> float | None:
        """When the oldest message came, or somewhat earlier; None for an empty lane."""
        return self._marks[0][1] if self.items else None

    def clear(self) -> None:
        self.items, self._marks = (), []
        self.exempt = 0

    def _fill(self) -> deque[Envelope]:
        """The deque of an empty lane, which is about to get a message."""
        self._marks = [(self._taken, trio.current_time())]
        items: deque[Envelope] = deque()
        self.items = items
        return items

    def _note_taken(self, count: int) -> None:
        marks = self._marks
        self._run_since = marks[0][1]
        self._taken += count
        if not self.items:
            self.items, self._marks = (), []
            return
        arrived = self._taken + len(self.items)
        if marks[-1][0] != arrived:
            marks.append((arrived, trio.current_time()))
        while len(marks) > 1 and marks[1][0] <= self._taken:
            del marks[0]


class Mailbox:
    """The messages of one actor that it has not taken yet."""

    __slots__ = ("_closed", "_normal", "_parked", "_urgent", "events", "refused")

    def __init__(self, *, normal: int, urgent: int) -> None:
        self._normal = _Queue(normal)
        self._urgent = _Queue(urgent)
        self._parked: trio.lowlevel.Task | None = None
        self._closed = False
        self.events = 0
        """How many places of the global budget its messages hold, in the lanes or taken."""
        self.refused = 0

    def put(self, envelope: Envelope, lane: Lane) -> Delivery:
        """Queue a message from outside, if there is room for it."""
        queue = self._normal if lane is _NORMAL else self._urgent
        if self._closed:
            self.refused += 1
            return Delivery.STOPPED
        if envelope.is_exempt:
            queue.exempt += 1
            self.events += envelope.is_event
        elif len(queue.items) - queue.exempt >= queue.limit:
            self.refused += 1
            return Delivery.FULL
        queue.append(envelope)
        if self._parked is not None:
            self.wake()
        return _ACCEPTED

    def put_own(self, message: object, lane: Lane) -> bool:
        """Queue what the actor tells itself, closed or not; False when too much of it waits already."""
        queue = self._queue(lane)
        if queue.exempt - (self.events if lane is Lane.NORMAL else 0) >= queue.limit:
            return False
        queue.exempt += 1
        queue.append(Envelope(message, None, True))
        self.wake()
        return True

    def take(self, lane: Lane, limit: int) -> list[Envelope]:
        """Take a run of at most ``limit`` messages that may share a batch; the lane must not be empty."""
        return self._queue(lane).take_run(limit)

    def put_back(self, run: Sequence[Envelope], lane: Lane) -> None:
        """Return to the front, in order, what was taken and not done."""
        if run:
            self._queue(lane).put_back(run)

    def take_events(self, limit: int) -> list[Envelope]:
        """Take out the oldest gateway events that wait, at most ``limit`` of them."""
        return self._normal.take_events(limit)

    def depth(self, lane: Lane) -> int:
        """How many messages wait on a lane."""
        return len(self._queue(lane).items)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits on either lane."""
        return not self._urgent.items and not self._normal.items

    def close(self) -> None:
        """Refuse what comes from outside from now on."""
        self._closed = True

    def waiting(self) -> Iterator[Envelope]:
        """Look at everything that waits, urgent first."""
        yield from self._urgent.items
        yield from self._normal.items

    def drain(self) -> list[Envelope]:
        """Take out everything that is left, urgent first."""
        left = list(self.waiting())
        for queue in (self._urgent, self._normal):
            queue.clear()
        return left

    async def wait_for_arrival(self) -> None:
        """Park until the next message is put or :meth:`wake` is called; one task at a time.

        What lies in the lanes already does not count: look before you park.
        """

        def give_up(_raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        self._parked = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(give_up)

    def wake(self) -> None:
        """Let the parked task, if any, look around."""
        task, self._parked = self._parked, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def statistics(self) -> MailboxStatistics:
        """A frozen snapshot."""
        stamps = [
            stamp for queue in (self._urgent, self._normal) if (stamp := queue.oldest_since()) is not None
        ]
        return MailboxStatistics(
            urgent_depth=len(self._urgent.items),
            normal_depth=len(self._normal.items),
            urgent_peak=max(self._urgent.peak, len(self._urgent.items)),
            normal_peak=max(self._normal.peak, len(self._normal.items)),
            events=self.events,
            refused=self.refused,
            oldest_seconds=trio.current_time() - min(stamps) if stamps else 0.0,
        )

    def _queue(self, lane: Lane) -> _Queue:
        return self._normal if lane is _NORMAL else self._urgent
