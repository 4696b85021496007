"""Progress: which events of the log are durable, for every shard's session and for every durable actor.

The router tells how many durable actors hold an event (:meth:`Progress.hand_on`). Each acknowledges it once
what it did is committed; everything at or below the *mark* of a session is then durable, and a start RESUMEs
from there. Events that change nothing are only noted: one task writes the progress of many actors with one
statement, at most :data:`WRITE_AFTER` seconds later, and acknowledges them then.

Failure modes. The database is gone: notes wait here and are written later, marks stand still; once
:data:`MOST_NOTED` wait, the actors are held up too, so that the budget is spent and the shard stops reading.
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
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.containment import Failure, contain, summary
from alphapy.actors.kernel.waypoints import Unwatched, Waypoint, Waypoints
from alphapy.pure.backoff import Backoff
from alphapy.pure.ledger import Ledger

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Hashable, Iterable, Sequence
    from typing import TypeVar

    E = TypeVar("E", bound="Placed")

log = logging.getLogger("alphapy.actors.kernel.progress")

WRITE_AFTER = 0.25
"""Most seconds that noted progress waits to be written ..."""

WRITE_AT = 500
"""... and most events."""

MOST_NOTED = 20_000
"""Most noted events that wait to be written before actors are held up."""

PATIENCE = Backoff(initial=0.25, ceiling=5.0)
"""The wait after a failed write."""


class Placed(Protocol):
    """Something with a place in the log; ``seq`` 0 for what has none and never comes again by itself."""

    @property
    def shard_id(self) -> int:
        """Whose session it is."""
        ...

    @property
    def session_id(self) -> str:
        """Which session."""
        ...

    @property
    def seq(self) -> int:
        """Its number in the session, from 1."""
        ...


@attrs.frozen
class Place:
    """A place in the log, and nothing else."""

    shard_id: int
    session_id: str
    seq: int

    @classmethod
    def of(cls, event: Placed) -> Place:
        """The place of an event, without the event."""
        return cls(event.shard_id, event.session_id, event.seq)


@attrs.frozen
class Standing:
    """The last event that the actor at this address has dealt with."""

    address: Address
    session_id: str
    seq: int


class ProgressStore(Protocol):
    """Where progress is kept."""

    async def advance(self, standings: Sequence[Standing]) -> Collection[Standing]:
        """Keep these for good, and return those that could not be kept although others could.

        May raise anything, and then none of them was. What was not kept is given again later.
        """
        ...


@attrs.frozen
class ShardProgress:
    """How far a shard's session is: handed on up to ``top``, durable up to ``mark``; ``open`` are neither."""

    shard_id: int
    session_id: str
    mark: int
    top: int
    open: int


@attrs.define
class _Noted:
    last: Place
    seqs: list[int]


@attrs.define
class _Session:
    session_id: str
    ledger: Ledger


class Progress:
    """The progress of this process."""

    def __init__(self, store: ProgressStore, rng: random.Random, waypoints: Waypoints | None = None) -> None:
        self._store = store
        self._rng = rng
        self._waypoints = waypoints if waypoints is not None else Unwatched()
        self._sessions: dict[int, _Session] = {}
        self._noted: dict[Address, _Noted] = {}
        self._count = 0
        self._something = trio.Event()
        self._much = trio.Event()
        self._writing = trio.Lock()
        self._letters: Counter[Address] = Counter()

    # -- the log

    async def begin(self, shard_id: int, session_id: str, *, mark: int = 0) -> None:
        """A shard has a session, new or resumed from ``mark``."""
        self._sessions[shard_id] = _Session(session_id, Ledger(mark))
        for address, noted in list(self._noted.items()):
            if not self._is_current(noted.last):
                self._count -= len(noted.seqs)
                del self._noted[address]
        async with self._writing:
            pass

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

    def shard(self, shard_id: int) -> ShardProgress | None:
        """How far a shard's session is; None before there is one."""
        session = self._sessions.get(shard_id)
        if session is None:
            return None
        ledger = session.ledger
        return ShardProgress(shard_id, session.session_id, ledger.mark, ledger.top, ledger.open)

    def shards(self) -> tuple[ShardProgress, ...]:
        """How far every session is."""
        return tuple(found for shard_id in sorted(self._sessions) if (found := self.shard(shard_id)))

    def _is_current(self, event: Placed) -> bool:
        session = self._sessions.get(event.shard_id)
        return session is not None and session.session_id == event.session_id

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
        return self._count >= MOST_NOTED

    # -- events without effect

    def note(self, address: Address, events: Sequence[Placed]) -> None:
        """The actor at this address has dealt with these, in order; only its progress is to be kept."""
        current = [event for event in events if event.seq and self._is_current(event)]
        if not current:
            return
        last = Place.of(current[-1])
        noted = self._noted.setdefault(address, _Noted(last, []))
        noted.last = last
        noted.seqs += [event.seq for event in current]
        self._count += len(current)
        self._something.set()
        if self._count >= WRITE_AT:
            self._much.set()

    def noted(self, address: Address) -> Standing | None:
        """What is noted of an actor and not written."""
        found = self._noted.get(address)
        return None if found is None else Standing(address, found.last.session_id, found.last.seq)

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
            self._count = 0
            self._something, self._much = trio.Event(), trio.Event()
            ready = {address: noted for address, noted in batch.items() if self.may_pass(address)}
            kept = {address: noted for address, noted in batch.items() if address not in ready}
            if ready:
                kept |= await self._advance(ready)
            self._keep(kept)
            return not kept

    async def _advance(self, ready: dict[Address, _Noted]) -> dict[Address, _Noted]:
        """Write these and acknowledge them; returns those with which that failed."""
        standings = [
            Standing(address, noted.last.session_id, noted.last.seq) for address, noted in ready.items()
        ]
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
            if address not in failed and self._is_current(noted.last):
                ledger = self._sessions[noted.last.shard_id].ledger
                for seq in noted.seqs:
                    ledger.acknowledge(seq, address)
        return failed

    def _keep(self, kept: dict[Address, _Noted]) -> None:
        """Put back what could not be written, behind which more may have been noted meanwhile."""
        for address, noted in kept.items():
            if not self._is_current(noted.last):
                continue
            self._count += len(noted.seqs)
            newer = self._noted.get(address)
            if newer is not None:
                noted.last = newer.last
                noted.seqs += newer.seqs
            self._noted[address] = noted
        if self._noted:
            self._something.set()


class ActorProgress:
    """The progress of one incarnation of a durable actor: what it has dealt with, and what it skips."""

    def __init__(self, progress: Progress, address: Address) -> None:
        self._progress = progress
        self._address = address
        self._session_id = ""
        self._seq = 0

    def restore(self, stored: tuple[str, int] | None) -> None:
        """Take what the database says, or what is still on its way there."""
        self._session_id, self._seq = stored if stored is not None else ("", 0)
        noted = self._progress.noted(self._address)
        if noted is not None and not (noted.session_id == self._session_id and noted.seq < self._seq):
            self._session_id, self._seq = noted.session_id, noted.seq

    def fresh(self, events: Iterable[E]) -> list[E]:
        """Those that it has not dealt with; the rest are replays, and acknowledged."""
        found: list[E] = []
        for event in events:
            if event.seq and event.session_id == self._session_id and event.seq <= self._seq:
                self._progress.acknowledge(event, self._address)
            else:
                found.append(event)
        return found

    def check(self) -> None:
        """Raise Unavailable while a dead letter of this actor, or much of others' progress, is not stored."""
        if not self._progress.may_pass(self._address):
            raise Unavailable(f"a dead letter of {self._address} is not stored yet")
        if self._progress.is_backed_up:
            raise Unavailable("the progress of too many events waits to be written")

    @staticmethod
    def last(events: Sequence[E]) -> E | None:
        """The event up to which these bring the progress; None where none of them has a place in the log."""
        return next((event for event in reversed(events) if event.seq), None)

    def committed(self, events: Sequence[Placed]) -> None:
        """What these ask for is committed, and the progress with it."""
        self._move(events)
        for event in events:
            self._progress.acknowledge(event, self._address)

    def passed(self, events: Sequence[Placed]) -> None:
        """These ask for nothing; the progress is written with that of others."""
        self._move(events)
        self._progress.note(self._address, events)

    def _move(self, events: Sequence[Placed]) -> None:
        last = self.last(events)
        if last is not None:
            self._session_id, self._seq = last.session_id, last.seq
