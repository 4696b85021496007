"""Progress: which events of the log are durable, for every shard's session and for every durable actor.

The router tells how many durable actors hold an event (:meth:`Progress.hand_on`). Each acknowledges it once
what it did is committed; everything at or below the *mark* of a session is then durable, and a start RESUMEs
from there. Events that change nothing are only noted: one task writes the progress of many actors with one
statement, at most :data:`WRITE_AFTER` seconds later, and acknowledges them then.

Messages that are read back after a gap between two sessions have no number, but an id. So progress also says
which messages are dealt with (:mod:`alphapy.pure.seen`), and the last message of a back-fill carries the name
of that back-fill (*closes*), which is told once everything up to it is durable.

Events that only change figures are noted with the *rows* (:mod:`alphapy.actors.kernel.noted`) that they lead
to, written in the transaction of the progress: both are there, or neither. Until then they lie here, where a
crash of their actor does not reach them; whoever reads those tables waits for them first
(:meth:`Progress.flush`).

Failure modes. The database is gone: notes wait here and are written later, marks stand still; once
:data:`MOST_NOTED` wait, the actors are held up too, so that the budget is spent and the shard stops reading.
A write is cancelled, or nobody knows whether it was committed: it is repeated, which changes nothing.
The process is killed: what was noted and not written comes again. A new session: what was noted of the old
one is dropped, since it cannot come again (:meth:`Progress.begin` waits until nothing of it is being written,
so that it never overwrites the new one's progress).
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from alphapy.actors.kernel.actor import Unavailable
from alphapy.actors.kernel.containment import Failure, contain, summary
from alphapy.actors.kernel.noted import Noted, Place
from alphapy.actors.kernel.waypoints import Unwatched, Waypoint, Waypoints
from alphapy.pure.backfill import Trail
from alphapy.pure.backoff import Backoff
from alphapy.pure.ledger import Ledger
from alphapy.pure.seen import Seen

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Hashable, Sequence

    from alphapy.actors.kernel.address import Address
    from alphapy.actors.kernel.noted import Placed, Row, Standing, Told

log = logging.getLogger("alphapy.actors.kernel.progress")

WRITE_AFTER = 0.25
"""Most seconds that noted progress waits to be written ..."""

WRITE_AT = 500
"""... and most events ..."""

WRITE_ROWS_AT = 2_000
"""... and most rows."""

MOST_NOTED = 20_000
"""Most noted events that wait to be written before actors are held up ..."""

MOST_ROWS = 60_000
"""... and most rows; one that takes the place of another counts, too."""

FLUSH_WITHIN = 5.0
"""Seconds that somebody waits for what is noted of an actor to be written."""

PATIENCE = Backoff(initial=0.25, ceiling=5.0)
"""The wait after a failed write."""

MOST_PARKED = 10_000
"""Messages that became dead letters, remembered so that a back-fill does not bring them again."""


class ProgressStore(Protocol):
    """Where progress is kept."""

    async def advance(self, standings: Sequence[Standing]) -> Collection[Standing]:
        """Keep these for good, and return those that could not be kept although others could.

        May raise anything, and then none of them was. What was not kept is given again later.
        """
        ...


@attrs.frozen
class ShardProgress:
    """How far a shard's session is: handed on up to ``top``, durable up to ``mark``; ``open`` are neither.

    ``seen`` is the newest message that surely was at or below the mark.
    """

    shard_id: int
    session_id: str
    mark: int
    top: int
    open: int
    seen: int = 0


@attrs.define
class _Session:
    session_id: str
    ledger: Ledger
    trail: Trail = attrs.field(factory=Trail)


class Progress:
    """The progress of this process."""

    def __init__(self, store: ProgressStore, rng: random.Random, waypoints: Waypoints | None = None) -> None:
        self._store = store
        self._rng = rng
        self._waypoints = waypoints if waypoints is not None else Unwatched()
        self._sessions: dict[int, _Session] = {}
        self._noted: dict[Address, Noted] = {}
        self._in_flight: dict[Address, Noted] = {}
        """What is being written."""
        self._count = 0
        self._rows = 0
        self._something = trio.Event()
        self._much = trio.Event()
        self._attempted = trio.Event()
        self._writing = trio.Lock()
        self._letters: Counter[Address] = Counter()
        self._parked: dict[tuple[Address, int], None] = {}
        self._on_filled: Callable[[Address, str], None] = lambda _address, _closes: None

    # -- the log

    async def begin(self, shard_id: int, session_id: str, *, mark: int = 0, seen: int = 0) -> None:
        """A shard has a session, new or resumed from ``mark``; messages up to ``seen`` were there before."""
        self._sessions[shard_id] = _Session(session_id, Ledger(mark), Trail(seen))
        for address, noted in list(self._noted.items()):
            if noted.last.seq and not self._is_current(noted.last):
                self._count -= len(noted.seqs)
                noted.leave_log()
                if noted.is_empty:
                    del self._noted[address]
        async with self._writing:
            pass

    def saw(self, event: Placed, message_id: int) -> None:
        """This event tells of a message of this id."""
        if self._is_current(event):
            self._sessions[event.shard_id].trail.note(event.seq, message_id)

    def hand_on(self, event: Placed, holders: Collection[Hashable], *, refused: bool = False) -> None:
        """An event was given to these, who will acknowledge it, and perhaps refused by one who should."""
        session = self._sessions.get(event.shard_id)
        if session is None or session.session_id != event.session_id:
            session = self._sessions[event.shard_id] = _Session(event.session_id, Ledger(event.seq - 1))
        session.ledger.hand_on(event.seq, holders, refused=refused)

    def acknowledge(self, event: Placed, holder: Hashable) -> None:
        """What this holder does about this event is durable."""
        if self._is_current(event):
            self._sessions[event.shard_id].ledger.acknowledge(event.seq, holder)

    def replayed(self, event: Placed, holder: Address) -> None:
        """This actor had dealt with this event before; acknowledge it unless that is still to be written."""
        waiting = (self._in_flight.get(holder), self._noted.get(holder))
        if not any(event.seq in noted.seqs for noted in waiting if noted is not None):
            self.acknowledge(event, holder)

    def shard(self, shard_id: int) -> ShardProgress | None:
        """How far a shard's session is; None before there is one."""
        session = self._sessions.get(shard_id)
        if session is None:
            return None
        ledger = session.ledger
        mark = ledger.mark
        seen = session.trail.upto(mark)
        return ShardProgress(shard_id, session.session_id, mark, ledger.top, ledger.open, seen)

    def shards(self) -> tuple[ShardProgress, ...]:
        """How far every session is."""
        return tuple(found for shard_id in sorted(self._sessions) if (found := self.shard(shard_id)))

    def _is_current(self, event: Placed) -> bool:
        session = self._sessions.get(event.shard_id)
        return session is not None and session.session_id == event.session_id

    # -- back-fill

    def when_filled(self, listener: Callable[[Address, str], None]) -> None:
        """Who is told that an actor has dealt with all messages of a back-fill, for good."""
        self._on_filled = listener

    def filled(self, event: Told, address: Address) -> None:
        """What this actor does about this event, and about all before it, is durable."""
        if event.closes:
            self._on_filled(address, event.closes)

    # -- dead letters

    def letter_waits(self, address: Address) -> None:
        """A dead letter of this actor is not stored yet: its progress must not pass the letter's event."""
        self._letters[address] += 1

    def letter_settled(self, address: Address) -> None:
        """It is stored, or given up."""
        self._letters[address] -= 1
        if self._letters[address] <= 0:
            del self._letters[address]

    def may_pass(self, address: Address) -> bool:
        """Whether no dead letter of this actor waits to be stored."""
        return address not in self._letters

    @property
    def is_backed_up(self) -> bool:
        """Whether so much waits to be written that nothing more should be noted."""
        return self._count >= MOST_NOTED or self._rows >= MOST_ROWS

    # -- events without effect, or with no other than rows

    def note(
        self, address: Address, events: Sequence[Told], seen: Seen | None = None, rows: Sequence[Row] = ()
    ) -> None:
        """The actor at this address has dealt with these, in order; keep its progress, and these rows.

        ``seen``: all that it has ever dealt with. Without it: they are dead letters.
        """
        current = [event for event in events if event.seq and self._is_current(event)]
        if seen is None:
            seen = self._park(address, events)
        closes = [event.closes for event in events if event.closes]
        if not current and not closes and not rows and seen == Seen():
            return
        noted = self._noted.get(address)
        if noted is None:
            noted = self._noted[address] = Noted()
        if current:
            noted.last = Place.of(current[-1])
        noted.seqs += [event.seq for event in current]
        noted.seen = noted.seen.merged(seen)
        noted.closes += closes
        noted.add_rows(rows)
        self._count += len(current)
        self._rows += len(rows)
        self._something.set()
        if self._count >= WRITE_AT or self._rows >= WRITE_ROWS_AT:
            self._much.set()

    def _park(self, address: Address, events: Sequence[Told]) -> Seen:
        seen = Seen()
        for key in (event.key for event in events if event.key):
            seen = seen.merged(Seen.only(key))
            self._parked[address, key] = None
            if len(self._parked) > MOST_PARKED:
                del self._parked[next(iter(self._parked))]
        return seen

    def is_parked(self, address: Address, key: int) -> bool:
        """Whether this message of this actor has become a dead letter."""
        return bool(self._parked) and (address, key) in self._parked

    def noted(self, address: Address) -> Standing | None:
        """What is noted of an actor and not written."""
        found = [noted for noted in self._waiting(address) if noted is not None]
        if not found:
            return None
        whole = Noted()
        for noted in found:
            whole.follow(noted)
        return whole.standing(address)

    def row(self, address: Address, kind: type[Row], key: Hashable) -> Row | None:
        """The row of an actor that waits to be written, if there is one; the newest."""
        for noted in reversed(self._waiting(address)):
            row = None if noted is None else noted.row(kind, key)
            if row is not None:
                return row
        return None

    def has_rows(self, address: Address) -> bool:
        """Whether rows of an actor wait to be written."""
        return any(noted is not None and noted.has_rows for noted in self._waiting(address))

    @property
    def rows_waiting(self) -> int:
        """How many rows wait to be written, of all actors."""
        waiting = (*self._in_flight.values(), *self._noted.values())
        return sum(noted.row_count for noted in waiting)

    def _waiting(self, address: Address) -> tuple[Noted | None, Noted | None]:
        """What is being written of an actor, and what was noted after that."""
        return self._in_flight.get(address), self._noted.get(address)

    async def flush(self, address: Address) -> None:
        """Wait until all that is noted of an actor is written; raises Unavailable after FLUSH_WITHIN.

        It is written as soon as possible, with what waits of all others.
        """
        with trio.move_on_after(FLUSH_WITHIN):
            while any(noted is not None for noted in self._waiting(address)):
                self._much.set()
                await self._attempted.wait()
            return
        raise Unavailable(f"what {address} has counted cannot be written")

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what is noted, until cancelled."""
        task_status.started()
        failures = 0
        while True:
            await self._something.wait()
            with trio.move_on_after(WRITE_AFTER):
                await self._much.wait()
            failures = 0 if await self.write() else failures + 1
            if failures:
                await trio.sleep(PATIENCE.delay(failures, self._rng))

    async def write(self) -> bool:
        """Write what is noted now; False where that failed and it is kept for later."""
        async with self._writing:
            batch, self._noted = self._noted, {}
            self._count = self._rows = 0
            # Those that are not set stay: the writer may be waiting for them.
            self._something = trio.Event() if self._something.is_set() else self._something
            self._much = trio.Event() if self._much.is_set() else self._much
            kept = self._in_flight = batch
            try:
                ready = {address: noted for address, noted in batch.items() if self.may_pass(address)}
                failed = await self._advance(ready) if ready else {}
                kept = {address: noted for address, noted in batch.items() if address not in ready} | failed
            finally:
                # Also where it was cancelled: it may have been committed or not, and is written again.
                self._in_flight = {}
                self._keep(kept)
                self._attempted.set()
                self._attempted = trio.Event()
            return not kept

    async def _advance(self, ready: dict[Address, Noted]) -> dict[Address, Noted]:
        """Write these and acknowledge them; returns those with which that failed."""
        standings = [noted.standing(address) for address, noted in ready.items()]
        await self._waypoints.reach(Waypoint.BEFORE_PROGRESS)
        outcome = await contain(self._store.advance, standings)
        if isinstance(outcome, Failure):
            log.warning(
                "progress could not be written and is kept in memory: %s",
                summary(outcome.error),
                extra={"event": "progress_waits", "actors": len(ready)},
            )
            return ready
        failed = {standing.address: ready[standing.address] for standing in outcome}
        await self._waypoints.reach(Waypoint.AFTER_PROGRESS)
        for address, noted in ready.items():
            if address in failed:
                continue
            if self._is_current(noted.last):
                ledger = self._sessions[noted.last.shard_id].ledger
                for seq in noted.seqs:
                    ledger.acknowledge(seq, address)
            for closes in noted.closes:
                self._on_filled(address, closes)
        return failed

    def _keep(self, kept: dict[Address, Noted]) -> None:
        """Put back what could not be written, behind which more may have been noted meanwhile."""
        for address, noted in kept.items():
            if not self._is_current(noted.last):
                noted.leave_log()
                if noted.is_empty:
                    continue
            self._count += len(noted.seqs)
            self._rows += noted.row_count
            newer = self._noted.get(address)
            if newer is not None:
                noted.follow(newer)
            self._noted[address] = noted
        if self._noted:
            self._something.set()
