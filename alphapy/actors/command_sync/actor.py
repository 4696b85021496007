"""Registers the commands at Discord, and not once more than is needed (spec/operations.md 5.3).

The global commands by one bulk overwrite, where their fingerprint is not the one that was registered last; a
guild's own list (which is empty) where nothing, or something else, is on record. What was registered when is
stored, so that neither restarts nor reconnects spam Discord. Guilds are seen to a few at a time, and between
them whoever asks.

When it fails: what Discord refuses is left for the next occasion, and told by an event; a database that is
away postpones the guilds, and what was registered meanwhile is kept in memory, to be stored later.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
import psycopg
import trio
from typing_extensions import override

from alphapy.actors.command_sync.messages import (
    CountRecords,
    NextGuilds,
    RegisterAtStart,
    SweepTick,
    SyncByHand,
    SyncGuilds,
    SyncOutcome,
    SyncResult,
    SyncType,
)
from alphapy.actors.command_sync.records import Records
from alphapy.actors.command_sync.rules import GLOBAL, Leave, Now, Put, Record, Wait, Why, decide
from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.operational_events.messages import EVENTS, EventType, RecordEvent
from alphapy.gateway.commands import fingerprint
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import GuildId
from alphapy.pure.schedule import FixedRate
from alphapy.pure.text import cut
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import ApplicationId
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.command_sync")

AT_ONCE: Final = 5
"""Guilds whose commands are registered at the same time."""

LOOKED_UP: Final = 100
"""Guilds whose records are read by one statement."""

SWEEP_EVERY: Final = 600.0
"""Seconds."""

PATIENCE: Final = 60.0
"""Seconds that Discord is left alone when it does not say for how long."""

MAX_ERROR: Final = 500


class CommandRegistry(Protocol):
    """Who registers commands."""

    async def put_global_commands(
        self, application_id: ApplicationId, manifest: Sequence[Mapping[str, Any]]
    ) -> int:
        """Replace every global command; returns how many there are now. Raises DiscordError."""
        ...

    async def put_guild_commands(
        self, application_id: ApplicationId, guild_id: GuildId, manifest: Sequence[Mapping[str, Any]]
    ) -> int:
        """Replace every command of one guild; returns how many there are now. Raises DiscordError."""
        ...


@attrs.define(eq=False)
class _Batch:
    """Guilds that wait, and what became of those before them."""

    sync_type: SyncType
    waiting: deque[GuildId]
    total: int
    synced: int = 0
    skipped: int = 0
    global_is_due: bool = False


class CommandSync(Actor):
    """The actor ``process/command_sync``."""

    def __init__(
        self,
        context: Context,
        *,
        pool: Pool,
        clock: Clock,
        discord: CommandRegistry,
        application: Callable[[], ApplicationId | None],
        manifest: Callable[[], Sequence[dict[str, Any]]],
        sweep_every: float = SWEEP_EVERY,
    ) -> None:
        """``application`` is None until Discord has said which it is; nothing can be registered before."""
        super().__init__(context)
        self._clock = clock
        self._discord = discord
        self._application = application
        self._manifest = manifest
        self._sweeps = FixedRate(trio.current_time() + sweep_every, sweep_every)
        self._records = Records(pool)
        self._batches: deque[_Batch] = deque()
        self._is_going_on = False

    @override
    async def load(self) -> None:
        self.context.tell_after(self._sweeps.wait(trio.current_time()), SweepTick())

    @override
    async def handle(self, message: object) -> object:
        match message:
            case RegisterAtStart():
                return await self._at_start()
            case SyncByHand():
                return await self._by_hand(message)
            case CountRecords():
                return len(self._records)
            case SyncGuilds():
                self._batches.append(
                    _Batch(
                        sync_type=message.sync_type,
                        waiting=deque(message.guild_ids),
                        total=len(message.guild_ids),
                        global_is_due=message.sync_type is SyncType.RECONNECT,
                    )
                )
                self._go_on()
            case NextGuilds():
                await self._next_guilds()
            case SweepTick():
                self._records.sweep(self._now())
                await self._records.save()
                self.context.tell_after(self._sweeps.wait(trio.current_time()), SweepTick())
            case _:
                return await super().handle(message)
        return None

    @override
    async def flush(self) -> None:
        if not await self._records.save():
            raise Unavailable("what was registered cannot be stored at the moment")

    # -- one scope

    async def _at_start(self) -> SyncResult:
        try:
            await self._records.look_up([GLOBAL])
        except (StorageError, psycopg.Error) as error:
            return SyncResult(outcome=SyncOutcome.FAILED, error=str(error))
        result = await self._global(Why.START)
        await self._records.save()
        return result

    async def _by_hand(self, request: SyncByHand) -> SyncResult:
        why = Why.FORCED if request.force else Why.BY_HAND
        if request.guild_id is None:
            await self._records.look_up([GLOBAL])
            result = await self._global(why)
        else:
            await self._records.look_up([str(request.guild_id)])
            result = await self._guild(request.guild_id, why)
            self._tell_of(request.guild_id, SyncType.BY_HAND, result)
        await self._records.save()
        return result

    async def _global(self, why: Why) -> SyncResult:
        manifest = self._manifest()
        result = await self._sync(
            GLOBAL,
            manifest,
            why,
            lambda application: self._discord.put_global_commands(application, manifest),
        )
        level = logging.ERROR if result.outcome is SyncOutcome.FAILED else logging.INFO
        log.log(
            level,
            "the global commands were looked after",
            extra={
                "event": "commands_synced",
                "outcome": result.outcome.value,
                "count": result.command_count,
                "error": result.error,
            },
        )
        return result

    async def _guild(self, guild_id: GuildId, why: Why) -> SyncResult:
        manifest: Sequence[dict[str, Any]] = ()
        return await self._sync(
            str(guild_id),
            manifest,
            why,
            lambda application: self._discord.put_guild_commands(application, guild_id, manifest),
        )

    async def _sync(
        self,
        scope: str,
        manifest: Sequence[dict[str, Any]],
        why: Why,
        put: Callable[[ApplicationId], Awaitable[int]],
    ) -> SyncResult:
        """Register a scope's commands if that is to be done now."""
        wanted = fingerprint(list(manifest))
        record = self._records.get(scope)
        match decide(record, wanted, self._now(), scope=scope, why=why):
            case Leave():
                return SyncResult(
                    outcome=SyncOutcome.UNCHANGED, command_count=record.command_count if record else 0
                )
            case Wait(seconds, limited):
                return SyncResult(outcome=SyncOutcome.SKIPPED, remaining=seconds, limited_by_discord=limited)
            case Put():
                pass
        application = self._application()
        if application is None:
            return SyncResult(outcome=SyncOutcome.FAILED, error="Discord has not said yet who we are")
        try:
            count = await put(application)
        except DiscordError as error:
            return self._failed(scope, record or Record(), error)
        now = self._now()
        self._records.remember(
            scope,
            Record(fingerprint=wanted, command_count=count, synced_at=now.wall, synced_mono=now.mono),
        )
        return SyncResult(outcome=SyncOutcome.SYNCED, command_count=count)

    def _failed(self, scope: str, record: Record, error: DiscordError) -> SyncResult:
        if error.kind is not DiscordErrorKind.RATE_LIMITED:
            return SyncResult(outcome=SyncOutcome.FAILED, error=cut(str(error), MAX_ERROR))
        wait = error.retry_after or PATIENCE
        until = self._clock.now() + timedelta(seconds=wait)
        self._records.remember(scope, attrs.evolve(record, retry_after=until))
        return SyncResult(outcome=SyncOutcome.SKIPPED, remaining=wait, limited_by_discord=True)

    # -- many guilds

    def _go_on(self) -> None:
        if self._batches and not self._is_going_on:
            self._is_going_on = True
            self.context.tell_self(NextGuilds())

    async def _next_guilds(self) -> None:
        """See to some guilds of the first batch; what comes after it waits for its turn."""
        batch = self._batches[0]
        ids = list(batch.waiting)[:LOOKED_UP]
        await self._records.look_up([*([GLOBAL] if batch.global_is_due else []), *map(str, ids)])
        if batch.global_is_due:
            batch.global_is_due = False
            await self._global(Why.AUTOMATIC)
        due = self._take_due(batch, len(ids))
        results: dict[GuildId, SyncResult] = {}
        async with trio.open_nursery() as nursery:
            for guild_id in due:
                nursery.start_soon(self._sync_into, results, guild_id)
        for guild_id in due:
            self._count(batch, guild_id, results[guild_id])
        await self._records.save()
        if not batch.waiting:
            self._batches.popleft()
            self._conclude(batch)
        self._is_going_on = False
        self._go_on()

    def _take_due(self, batch: _Batch, looked_up: int) -> list[GuildId]:
        """The next guilds that there is something to do for; those before them that need nothing are done."""
        empty = fingerprint([])
        due: list[GuildId] = []
        for _ in range(looked_up):
            if len(due) == AT_ONCE:
                break
            guild_id = batch.waiting.popleft()
            record = self._records.get(str(guild_id))
            decision = decide(record, empty, self._now(), scope=str(guild_id), why=Why.AUTOMATIC)
            if not isinstance(decision, Leave):
                due.append(guild_id)
        return due

    async def _sync_into(self, results: dict[GuildId, SyncResult], guild_id: GuildId) -> None:
        results[guild_id] = await self._guild(guild_id, Why.AUTOMATIC)

    def _count(self, batch: _Batch, guild_id: GuildId, result: SyncResult) -> None:
        batch.synced += result.outcome is SyncOutcome.SYNCED
        batch.skipped += result.outcome is SyncOutcome.SKIPPED
        self._tell_of(guild_id, batch.sync_type, result)

    def _conclude(self, batch: _Batch) -> None:
        counts = {"synced": batch.synced, "skipped": batch.skipped}
        log.info(
            "the guilds' commands were looked after",
            extra={
                "event": "guilds_synced",
                "sync_type": batch.sync_type.value,
                "total": batch.total,
                **counts,
            },
        )
        if batch.sync_type is SyncType.RECONNECT:
            self.context.bus.tell(
                EVENTS,
                RecordEvent(
                    event_type=EventType.BOT_RECONNECT.value,
                    message="The bot is connected again, with a new session",
                    details=counts,
                ),
            )

    def _tell_of(self, guild_id: GuildId, sync_type: SyncType, result: SyncResult) -> None:
        details: dict[str, Any] = {"sync_type": sync_type.value}
        if result.outcome is SyncOutcome.UNCHANGED:
            return
        if result.outcome is SyncOutcome.SYNCED:
            text = "The commands of the server are registered"
            details["command_count"] = result.command_count
        elif result.outcome is SyncOutcome.SKIPPED:
            text = "It is too soon to register the commands of the server again"
            details["cooldown_remaining"] = round(result.remaining)
        else:
            text = "The commands of the server could not be registered"
            details["error"] = result.error
        self.context.bus.tell(
            EVENTS,
            RecordEvent(
                event_type=EventType.GUILD_SYNC.value, message=text, guild_id=guild_id, details=details
            ),
        )

    def _now(self) -> Now:
        return Now(self._clock.now(), trio.current_time())
