"""Keeps the gateway's sessions: where to resume from, and the guilds that a resumed session tells nothing of.

A task writes at most a second after a change, first the guilds that have changed, then the marks. An event
that changes the guild cache counts as durable once its guild is stored, so that a mark never passes what the
next process has to know.

When it fails: a database that is gone is waited for, and the marks stand still. Stored guilds that a newer
version cannot read end the session: the shard identifies anew, and Discord tells everything again.

Where a session begins anew, what happened since the last one is not in the log. With the new session a *gap*
is stored for each of its guilds: the message up to which everything was surely seen. It is closed once the
guild's features have read back what they missed (:mod:`alphapy.actors.backfill.backfill`).
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import attrs
import psycopg
import trio
from typing_extensions import override

from alphapy.actors.kernel.noted import Place, Standing
from alphapy.actors.kernel.progress import ProgressStore
from alphapy.actors.kernel.waypoints import Unwatched, Waypoint, Waypoints
from alphapy.gateway.session import GatewaySession
from alphapy.pure.ids import GuildId, UserId
from alphapy.pure.seen import Seen
from alphapy.storage import sessions as storage
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.storage.rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from alphapy.actors.backfill.backfill import Backfill
    from alphapy.actors.kernel.noted import Placed
    from alphapy.actors.kernel.progress import Progress
    from alphapy.gateway.events import Ready
    from alphapy.gateway.guilds import GuildCache
    from alphapy.pure.ids import ApplicationId
    from alphapy.storage.pool import Pool
    from alphapy.storage.rows import StoredRow
    from alphapy.storage.transaction import Transaction

T = TypeVar("T")

log = logging.getLogger("alphapy.actors.sessions")

COMPONENT = "sessions"
"""Name at the connection pool."""

WRITE_EVERY = 0.5
"""Seconds between two writes; a mark is at most a second old in the database."""

STORE_WITHIN = 2.0
"""Seconds that a new session waits to be stored before its events are handed on."""

AT_ONCE = 200
"""Guilds stored or read by one statement."""

LOCKED_WITHIN = 250
"""Milliseconds that a row of progress may be locked by somebody else before the others go on without it."""

HOLDER = "guilds"
"""The guild cache, as a holder of events."""


class StoredProgress(ProgressStore):
    """The table ``event_progress``, and the rows that go with it (:class:`alphapy.storage.rows.StoredRow`).

    A row that somebody locks, or that the database refuses, holds up no other actor: the batch is halved
    until its actor is alone.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @override
    async def advance(self, standings: Sequence[Standing]) -> Collection[Standing]:
        pending, failed = [sorted(standings, key=lambda standing: standing.address.path)], list[Standing]()
        while pending:
            batch = pending.pop()
            try:
                await self._write(batch)
            except psycopg.Error as error:
                if len(batch) == 1:
                    _tell_refused(batch[0], error)
                    failed += batch
                else:
                    half = len(batch) // 2
                    pending += [batch[half:], batch[:half]]
        return failed

    async def _write(self, standings: Sequence[Standing]) -> None:
        rows = sorted(
            (
                storage.ProgressRow(
                    guild_id, standing.address.name, standing.session_id, standing.seq, standing.seen
                )
                for standing in standings
                if (guild_id := standing.address.guild_id) is not None
                and (standing.seq or standing.seen != Seen())
            ),
            key=lambda row: (row.guild_id, row.feature),
        )

        made = [row for standing in standings for row in cast("tuple[StoredRow, ...]", standing.rows)]

        async def write(tx: Transaction) -> None:
            await tx.execute(f"SET LOCAL lock_timeout = '{LOCKED_WITHIN}ms'")
            await storage.advance_many(tx, rows)
            await write_rows(tx, made)

        await self._pool.run("progress", write, idempotent=True)


@attrs.define
class _Change:
    """A guild that is to be stored, and the events that wait for it."""

    shard_id: int
    seq: int
    events: list[Place]


@attrs.define
class _Session:
    row: storage.SessionRow
    ready: Place | None
    """READY itself, until it is stored with the list of its guilds ..."""
    guild_ids: tuple[GuildId, ...] = ()
    """... which are these ..."""
    gap_since: int | None = None
    """... and have missed what came after this message, if there was a session before."""
    written: int = -1
    """The mark in the database."""


class SessionKeeper:
    """The sessions of this process's shards."""

    def __init__(
        self,
        pool: Pool,
        guilds: GuildCache,
        progress: Progress,
        backfill: Backfill,
        waypoints: Waypoints | None = None,
    ) -> None:
        self._pool = pool
        self._guilds = guilds
        self._progress = progress
        self._backfill = backfill
        self._waypoints = waypoints if waypoints is not None else Unwatched()
        self._application_id = 0
        self._sessions: dict[int, _Session] = {}
        self._changed: dict[GuildId, _Change] = {}
        self._restored: dict[GuildId, tuple[int, int]] = {}
        """Shard and last event of guilds as they were restored."""
        self._lost: int | None = None
        """The message up to which everything was seen in stored sessions that cannot be resumed."""
        self._closed: set[GuildId] = set()
        """Guilds whose gap is closed, which is not written yet."""
        self._writing = trio.Lock()

    # -- the start

    async def load(
        self, application_id: ApplicationId, shard_ids: Iterable[int], shard_count: int
    ) -> dict[int, GatewaySession]:
        """The sessions to RESUME, by shard, with the guild cache as it was; waits for the database."""
        self._application_id = application_id
        wanted = set(shard_ids)
        found: dict[int, GatewaySession] = {}
        for row in await self._ask(lambda tx: storage.load_sessions(tx, application_id)):
            is_ours = row.shard_id in wanted and row.shard_count == shard_count
            if not is_ours or not await self._restore(row):
                self._lost = row.seen if self._lost is None else min(self._lost, row.seen)
                continue
            self._guilds.me = UserId(row.user_id)
            self._sessions[row.shard_id] = _Session(row, None, written=row.mark)
            await self._progress.begin(row.shard_id, row.session_id, mark=row.mark, seen=row.seen)
            found[row.shard_id] = GatewaySession(row.session_id, row.resume_url, row.mark)
        await self._reopen(wanted, shard_count)
        log.info(
            "the sessions are loaded",
            extra={"event": "sessions_loaded", "resumable": len(found), "guilds": self._guilds.count},
        )
        return found

    async def _reopen(self, wanted: Collection[int], shard_count: int) -> None:
        """Go on with the gaps that the process before has not closed."""
        for gap in await self._ask(storage.load_gaps):
            shard_id = (gap.guild_id >> 22) % shard_count
            if shard_id in wanted:
                session = self._sessions.get(shard_id)
                session_id = "" if session is None else session.row.session_id
                self._backfill.reopened(shard_id, session_id, gap.guild_id, gap.since)
                if session is not None and self._guilds.get(gap.guild_id) is not None:
                    self._backfill.appeared(gap.guild_id)

    async def _restore(self, row: storage.SessionRow) -> bool:
        """Bring a shard's guilds back; False where that cannot be done."""
        after = -1
        while True:
            page = await self._ask(
                partial(storage.load_guilds, shard_id=row.shard_id, after=after, limit=AT_ONCE)
            )
            for guild in page:
                if guild.data is None:
                    self._guilds.expect([guild.guild_id])
                    continue
                try:
                    self._guilds.restore(guild.data.encode())
                except ValueError as error:
                    log.warning(
                        "a stored guild cannot be read; the shard begins a new session",
                        extra={"event": "guild_unreadable", "shard": row.shard_id, "error": str(error)},
                    )
                    return False
                self._restored[guild.guild_id] = (row.shard_id, guild.seq)
            if len(page) < AT_ONCE:
                return True
            after = page[-1].guild_id

    async def _ask(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """What the database says; waited for while it is away."""
        while True:
            try:
                return await self._pool.run(COMPONENT, work, idempotent=True)
            except (DatabaseUnavailable, DatabaseBusy) as error:
                _tell_waiting(error)
                await trio.sleep(WRITE_EVERY)

    # -- what the router tells

    async def began(self, event: Placed, ready: Ready) -> bool:
        """A new session: nothing of the old one counts any more.

        Waits a moment for the database, so that nothing of a session is handed on that could not be resumed.
        False where it is not stored yet; the keeper then holds READY.
        """
        since = self._seen_before(event.shard_id)
        await self._progress.begin(event.shard_id, event.session_id, mark=event.seq - 1, seen=since or 0)
        self._restored = {
            guild_id: found for guild_id, found in self._restored.items() if found[0] != event.shard_id
        }
        self._changed = {
            guild_id: change
            for guild_id, change in self._changed.items()
            if change.shard_id != event.shard_id
        }
        row = storage.SessionRow(
            shard_id=event.shard_id,
            shard_count=ready.shard[1],
            application_id=self._application_id,
            user_id=ready.user.id,
            session_id=event.session_id,
            resume_url=ready.resume_gateway_url,
            mark=event.seq,
            seen=since or 0,
        )
        guild_ids = tuple(guild.id for guild in ready.guilds)
        session = _Session(row, Place.of(event), guild_ids, since)
        self._sessions[event.shard_id] = session
        self._closed -= set(guild_ids)
        if since is not None:
            self._backfill.opened(event.shard_id, event.session_id, guild_ids, since)
        with trio.move_on_after(STORE_WITHIN):
            try:
                async with self._writing:
                    await self._write_new()
            except (DatabaseUnavailable, DatabaseBusy) as error:
                _tell_waiting(error)
        return session.ready is None

    def _seen_before(self, shard_id: int) -> int | None:
        """The message up to which everything was seen in the session before; None where there was none."""
        if shard_id not in self._sessions:
            return self._lost
        shard = self._progress.shard(shard_id)
        return None if shard is None else shard.seen

    def closed(self, guild_id: GuildId) -> None:
        """What this guild missed is dealt with, or given up."""
        self._closed.add(guild_id)

    def includes(self, event: Placed, guild_id: GuildId) -> bool:
        """Whether the guild, as it was restored, includes this event already."""
        return guild_id in self._restored and event.seq <= self._restored[guild_id][1]

    def changed(self, event: Placed, guild_ids: Iterable[GuildId]) -> None:
        """An event changed these guilds, which the keeper holds until they are stored."""
        for guild_id in guild_ids:
            change = self._changed.setdefault(guild_id, _Change(event.shard_id, event.seq, []))
            change.seq = event.seq
            change.events.append(Place.of(event))

    # -- writing

    async def run(self) -> None:
        """Write what has changed, until cancelled."""
        while True:
            await trio.sleep(WRITE_EVERY)
            try:
                await self.write()
            except (DatabaseUnavailable, DatabaseBusy) as error:
                _tell_waiting(error)

    async def write(self) -> None:
        """Store what has changed; raises DatabaseUnavailable or DatabaseBusy and keeps the rest for later."""
        async with self._writing:
            await self._write_new()
            while batch := self._take_changed():
                await self._write_guilds(batch)
            await self._write_gaps()
            await self._write_marks()

    async def forget(self) -> None:
        """Forget the sessions: the next start begins new ones."""
        async with self._writing:
            shard_ids = list(self._sessions)
            self._sessions.clear()
            await self._pool.run(
                COMPONENT, lambda tx: storage.forget_sessions(tx, shard_ids), idempotent=True
            )

    async def _write_new(self) -> None:
        for session in tuple(self._sessions.values()):
            ready = session.ready
            if ready is not None:
                await self._pool.run(COMPONENT, partial(_write_new, session), idempotent=True)
                session.ready, session.written = None, session.row.mark
                self._progress.acknowledge(ready, HOLDER)

    def _take_changed(self) -> dict[GuildId, _Change]:
        """Some of what is to be stored, but nothing of a session that is not stored itself yet."""
        batch: dict[GuildId, _Change] = {}
        for guild_id, change in self._changed.items():
            session = self._sessions.get(change.shard_id)
            if session is None or session.ready is None:
                batch[guild_id] = change
                if len(batch) == AT_ONCE:
                    break
        for guild_id in batch:
            del self._changed[guild_id]
        return batch

    async def _write_guilds(self, batch: dict[GuildId, _Change]) -> None:
        gone = [guild_id for guild_id in batch if not self._guilds.is_known(guild_id)]
        kept: dict[int, list[storage.GuildRow]] = {}
        for guild_id, change in batch.items():
            if self._guilds.is_known(guild_id):
                dump = self._guilds.dump(guild_id)
                data = None if dump is None else dump.decode()
                kept.setdefault(change.shard_id, []).append(storage.GuildRow(guild_id, change.seq, data))

        async def write(tx: Transaction) -> None:
            await storage.forget_guilds(tx, gone)
            for shard_id, rows in kept.items():
                await storage.save_guilds(tx, shard_id, rows)

        try:
            await self._pool.run(COMPONENT, write, idempotent=True)
        except BaseException:
            self._put_back(batch)
            raise
        for change in batch.values():
            for event in change.events:
                self._progress.acknowledge(event, HOLDER)

    def _put_back(self, batch: dict[GuildId, _Change]) -> None:
        for guild_id, change in batch.items():
            newer = self._changed.get(guild_id)
            if newer is None:
                self._changed[guild_id] = change
            else:
                newer.events = change.events + newer.events

    async def _write_gaps(self) -> None:
        closed = self._closed
        if not closed:
            return
        await self._waypoints.reach(Waypoint.BEFORE_GAPS)
        self._closed = set()
        try:
            await self._pool.run(COMPONENT, lambda tx: storage.close_gaps(tx, closed), idempotent=True)
        except BaseException:
            self._closed |= {guild_id for guild_id in closed if not self._backfill.is_open(guild_id)}
            raise
        await self._waypoints.reach(Waypoint.AFTER_GAPS)

    async def _write_marks(self) -> None:
        rows = []
        for shard_id, session in self._sessions.items():
            shard = self._progress.shard(shard_id)
            if (
                session.ready is None
                and shard is not None
                and shard.session_id == session.row.session_id
                and shard.mark > session.written
            ):
                rows.append(attrs.evolve(session.row, mark=shard.mark, seen=shard.seen))
        if not rows:
            return
        await self._waypoints.reach(Waypoint.BEFORE_MARK)
        await self._pool.run(COMPONENT, lambda tx: storage.save_sessions(tx, rows), idempotent=True)
        await self._waypoints.reach(Waypoint.AFTER_MARK)
        for row in rows:
            written = self._sessions.get(row.shard_id)
            if written is not None and written.row.session_id == row.session_id:
                written.written = row.mark


async def _write_new(session: _Session, tx: Transaction) -> None:
    await storage.replace_guilds(tx, session.row.shard_id, session.guild_ids, gap_since=session.gap_since)
    await storage.save_sessions(tx, [session.row])


def _tell_refused(standing: Standing, error: psycopg.Error) -> None:
    log.warning(
        "the progress of an actor cannot be stored at the moment",
        extra={"event": "progress_refused", "actor": str(standing.address), "error": str(error)},
    )


def _tell_waiting(error: Exception) -> None:
    log.warning(
        "the sessions cannot be stored or read at the moment",
        extra={"event": "sessions_wait", "error": str(error)},
    )
