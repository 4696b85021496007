"""The progress of one incarnation of a durable actor: what it has dealt with, and what it skips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.kernel.actor import Unavailable
from alphapy.pure.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from typing import TypeVar

    from alphapy.actors.kernel.address import Address
    from alphapy.actors.kernel.noted import Row, Told
    from alphapy.actors.kernel.progress import Progress

    E = TypeVar("E", bound=Told)


class ActorProgress:
    """The progress of one incarnation of a durable actor: what it has dealt with, and what it skips."""

    def __init__(self, progress: Progress, address: Address) -> None:
        self._progress = progress
        self._address = address
        self._session_id = ""
        self._seq = 0
        self._seen = Seen()
        self._closing: list[Told] = []
        """Last messages of back-fills that were dealt with before, behind others that were not."""

    @property
    def seen(self) -> Seen:
        """The messages that it has dealt with."""
        return self._seen

    def restore(self, stored: tuple[str, int] | None, seen: Seen | None = None) -> None:
        """Take what the database says, or what is still on its way there."""
        self._session_id, self._seq = stored if stored is not None else ("", 0)
        self._seen = seen if seen is not None else Seen()
        noted = self._progress.noted(self._address)
        if noted is None:
            return
        self._seen = self._seen.merged(noted.seen)
        if noted.seq and not (noted.session_id == self._session_id and noted.seq < self._seq):
            self._session_id, self._seq = noted.session_id, noted.seq

    def fresh(self, events: Iterable[E]) -> list[E]:
        """Those that it has not dealt with; the rest are replays, and acknowledged once they are durable."""
        found: list[E] = []
        keys: set[int] = set()
        self._closing = []
        for event in events:
            if event.key in keys or self._has(event):
                self._progress.replayed(event, self._address)
                if event.closes:
                    self._closing.append(event)
            else:
                found.append(event)
                if event.key:
                    keys.add(event.key)
        if not found:
            self._close()
        return found

    def _has(self, event: Told) -> bool:
        """Whether an event was dealt with: by its place in the log, or as a message."""
        if event.seq and event.session_id == self._session_id and event.seq <= self._seq:
            return True
        if not event.key:
            return False
        seen = self._seen.has_live(event.key) if event.seq else self._seen.has(event.key)
        return seen or self._progress.is_parked(self._address, event.key)

    def check(self) -> None:
        """Raise Unavailable while a dead letter of this actor, or much of others' progress, is not stored."""
        if not self._progress.may_pass(self._address):
            raise Unavailable(f"a dead letter of {self._address} is not stored yet")
        if self._progress.is_backed_up:
            raise Unavailable("the progress of too many events waits to be written")

    async def flushed(self) -> None:
        """Wait until no row of this actor is on its way; raises Unavailable where that takes long."""
        if self._progress.has_rows(self._address):
            await self._progress.flush(self._address)

    def waiting(self, kind: type[Row], key: Hashable) -> Row | None:
        """The row of this kind and key that is on its way."""
        return self._progress.row(self._address, kind, key)

    @staticmethod
    def last(events: Sequence[E]) -> E | None:
        """The event up to which these bring the progress; None where none of them has a place in the log."""
        return next((event for event in reversed(events) if event.seq), None)

    def with_these(self, events: Sequence[Told]) -> Seen:
        """The messages that will be dealt with once these are."""
        keys = [event.key for event in events if event.key]
        if not keys:
            return self._seen
        return self._seen.plus(keys, filled=max((e.key for e in events if e.key and not e.seq), default=0))

    def committed(self, events: Sequence[Told]) -> None:
        """What these ask for is committed, and the progress with it."""
        self._move(events)
        for event in events:
            self._progress.acknowledge(event, self._address)
            self._progress.filled(event, self._address)
        self._close()

    def passed(self, events: Sequence[Told], rows: Sequence[Row] = ()) -> None:
        """These ask for nothing but rows; they and the progress are written with those of others."""
        self._move(events)
        self._progress.note(self._address, events, self._seen, rows)
        self._close()

    def _move(self, events: Sequence[Told]) -> None:
        self._seen = self.with_these(events)
        last = self.last(events)
        if last is not None:
            self._session_id, self._seq = last.session_id, last.seq

    def _close(self) -> None:
        """Have it written that back-fills are dealt with whose last message was no news."""
        closing, self._closing = self._closing, []
        if closing:
            self._progress.note(self._address, closing, self._seen)
