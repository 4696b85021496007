"""Progress: which events of the log are durable, for every shard's session and for every durable actor.

The router tells how many durable actors hold an event (:meth:`Progress.hand_on`). Each acknowledges it once
what it did is committed; everything at or below the *mark* of a session is then durable, and a start RESUMEs
from there. Events that change nothing are only noted: one task writes the progress of many actors with one
statement, at most :data:`WRITE_AFTER` seconds later, and acknowledges them then.

Messages that are read back after a gap between two sessions have no number, but an id. So progress also says
which messages are dealt with (:mod:`alphapy.pure.seen`), and the last message of a back-fill carries the name
of that back-fill (*closes*), which is told once everything up to it is durable.

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
from alphapy.pure.backfill import Trail
from alphapy.pure.backoff import Backoff
from alphapy.pure.ledger import Ledger
from alphapy.pure.seen import Seen

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
    from typing import TypeVar

    E = TypeVar("E", bound="Told")

log = logging.getLogger("alphapy.actors.kernel.progress")

WRITE_AFTER = 0.25
"""Most seconds that noted progress waits to be written ..."""

WRITE_AT = 500
"""... and most events."""

MOST_NOTED = 20_000
"""Most noted events that wait to be written before actors are held up."""

PATIENCE = Backoff(initial=0.25, ceiling=5.0)
"""The wait after a failed write."""

MOST_PARKED = 10_000
"""Messages that became dead letters, remembered so that a back-fill does not bring them again."""


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


class Told(Placed, Protocol):
    """An event as an actor gets it."""

    @property
    def key(self) -> int:
        """The id of the message, where a back-fill may bring the same again; else 0."""
        ...

    @property
    def closes(self) -> str:
        """The back-fill of which this is the last message; else empty."""
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
    """What the actor at this address has dealt with: up to which event (0: none), and which messages."""

    address: Address
    session_id: str
    seq: int
    seen: Seen = attrs.field(factory=Seen)


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


_NOWHERE = Place(0, "", 0)


@attrs.define
class _Noted:
    last: Place = _NOWHERE
    seqs: list[int] = attrs.field(factory=list)
    seen: Seen = attrs.field(factory=Seen)
    closes: list[str] = attrs.field(factory=list)

    def leave_log(self) -> None:
        """Forget the events: their session is over."""
        self.last, self.seqs = _NOWHERE, []

    @property
    def is_empty(self) -> bool:
        return not self.seqs and not self.closes and self.seen == Seen()


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
        self._noted: dict[Address, _Noted] = {}
        self._count = 0
        self._something = trio.Event()
        self._much = trio.Event()
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
        return self._count >= MOST_NOTED

    # -- events without effect

    def note(self, address: Address, events: Sequence[Told], seen: Seen | None = None) -> None:
        """The actor at this address has dealt with these, in order; only its progress is to be kept.

        ``seen``: all that it has ever dealt with. Without it: they are dead letters.
        """
        current = [event for event in events if event.seq and self._is_current(event)]
        if seen is None:
            seen = self._park(address, events)
        closes = [event.closes for event in events if event.closes]
        if not current and not closes and seen == Seen():
            return
        noted = self._noted.setdefault(address, _Noted())
        if current:
            noted.last = Place.of(current[-1])
        noted.seqs += [event.seq for event in current]
        noted.seen = noted.seen.merged(seen)
        noted.closes += closes
        self._count += len(current)
        self._something.set()
        if self._count >= WRITE_AT:
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
        found = self._noted.get(address)
        return None if found is None else _standing(address, found)

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
        standings = [_standing(address, noted) for address, noted in ready.items()]
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

    def _keep(self, kept: dict[Address, _Noted]) -> None:
        """Put back what could not be written, behind which more may have been noted meanwhile."""
        for address, noted in kept.items():
            if not self._is_current(noted.last):
                noted.leave_log()
                if noted.is_empty:
                    continue
            self._count += len(noted.seqs)
            newer = self._noted.get(address)
            if newer is not None:
                noted.last = newer.last if newer.last.seq else noted.last
                noted.seqs += newer.seqs
                noted.seen = noted.seen.merged(newer.seen)
                noted.closes += newer.closes
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
        """Those that it has not dealt with; the rest are replays, and acknowledged."""
        found: list[E] = []
        keys: set[int] = set()
        self._closing = []
        for event in events:
            if event.key in keys or self._has(event):
                self._progress.acknowledge(event, self._address)
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

    def passed(self, events: Sequence[Told]) -> None:
        """These ask for nothing; the progress is written with that of others."""
        self._move(events)
        self._progress.note(self._address, events, self._seen)
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


def _standing(address: Address, noted: _Noted) -> Standing:
    return Standing(address, noted.last.session_id, noted.last.seq, noted.seen)
