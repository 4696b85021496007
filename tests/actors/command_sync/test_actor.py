"""Commands are registered when they must be, and never once more."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import psycopg
import trio
from typing_extensions import override

from alphapy.actors.command_sync import records as records_module
from alphapy.actors.command_sync.actor import AT_ONCE, CommandSync
from alphapy.actors.command_sync.messages import (
    COMMAND_SYNC,
    RegisterAtStart,
    SyncByHand,
    SyncGuilds,
    SyncOutcome,
    SyncResult,
    SyncType,
)
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.operational_events.messages import RecordEvent
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ApplicationId, GuildId
from alphapy.storage import command_sync as storage
from tests.support.actors import ask, running
from tests.support.clock import START, FakeClock
from tests.support.faulty_pool import FaultyPool, gone
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from alphapy.storage.pool import Pool

A, B = GuildId(11), GuildId(22)
ONE: list[dict[str, Any]] = [{"name": "a"}]
TWO: list[dict[str, Any]] = [{"name": "a"}, {"name": "b"}]


def limited(retry_after: float | None) -> DiscordError:
    return DiscordError(
        kind=DiscordErrorKind.RATE_LIMITED, route="PUT", message="slow down", retry_after=retry_after
    )


BROKEN = DiscordError(kind=DiscordErrorKind.INVALID, route="PUT", message="50035", status=400)


@attrs.define
class Discord:
    """Discord, which counts what it is asked."""

    global_puts: int = 0
    guild_puts: list[GuildId] = attrs.field(factory=list)
    errors: list[DiscordError] = attrs.field(factory=list)
    at_once: int = 0
    most_at_once: int = 0
    hold: trio.Event | None = None

    async def put_global_commands(self, application_id: ApplicationId, manifest: Any) -> int:
        assert application_id == 9
        await trio.lowlevel.checkpoint()
        if self.errors:
            raise self.errors.pop(0)
        self.global_puts += 1
        return len(manifest)

    async def put_guild_commands(
        self, _application_id: ApplicationId, guild_id: GuildId, manifest: Any
    ) -> int:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            if self.hold is not None:
                await self.hold.wait()
            await trio.sleep(0.001)
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self.at_once -= 1
        self.guild_puts.append(guild_id)
        return len(manifest)


@attrs.define
class Play:
    """The actor and its surroundings."""

    registry: Registry
    events: list[RecordEvent]

    async def start(self) -> SyncResult:
        return await ask(self.registry, COMMAND_SYNC, RegisterAtStart())

    async def by_hand(self, guild_id: GuildId | None = None, *, force: bool = False) -> SyncResult:
        return await ask(self.registry, COMMAND_SYNC, SyncByHand(guild_id=guild_id, force=force))

    def guilds(self, *guild_ids: GuildId, sync_type: SyncType = SyncType.FIRST_READY) -> None:
        self.registry.tell(COMMAND_SYNC, SyncGuilds(guild_ids=guild_ids, sync_type=sync_type))

    def told(self, event_type: str = "GUILD_SYNC") -> list[dict[str, Any]]:
        return [dict(event.details) for event in self.events if event.event_type == event_type]


class Ear(Actor):
    """Hears events."""

    heard: list[RecordEvent]

    @override
    async def handle(self, message: object) -> object:
        assert isinstance(message, RecordEvent)
        self.heard.append(message)
        return None


@asynccontextmanager
async def playing(
    pool: Any,
    discord: Discord,
    *,
    clock: FakeClock | None = None,
    manifest: list[dict[str, Any]] = ONE,
    known: bool = True,
    sweep_every: float = 600,
) -> AsyncIterator[Play]:
    events: list[RecordEvent] = []

    def ear(context: Any) -> Ear:
        found = Ear(context)
        found.heard = events
        return found

    spec = ChildSpec(
        factory=lambda context: CommandSync(
            context,
            pool=pool,
            clock=clock or FakeClock(),
            discord=discord,
            application=lambda: ApplicationId(9) if known else None,
            manifest=lambda: manifest,
            sweep_every=sweep_every,
        ),
        idle_after=None,
    )
    async with running(
        process_operational_events=ChildSpec(factory=ear), process_command_sync=spec
    ) as registry:
        yield Play(registry, events)


async def test_the_start_registers_what_is_new_and_nothing_else(pool: Pool) -> None:
    discord = Discord()
    for manifest, outcome in (
        (ONE, SyncOutcome.SYNCED),
        (ONE, SyncOutcome.UNCHANGED),
        (TWO, SyncOutcome.SYNCED),
    ):
        async with playing(pool, discord, manifest=manifest) as play:
            result = await play.start()
            assert (result.outcome, result.command_count) == (outcome, len(manifest))
    assert discord.global_puts == 2


async def test_what_discord_does_not_take_is_tried_again_at_the_next_start(pool: Pool) -> None:
    discord = Discord(errors=[BROKEN])
    async with playing(pool, discord) as play:
        result = await play.start()
        assert result.outcome is SyncOutcome.FAILED
        assert "50035" in result.error
    async with playing(pool, discord) as play:
        assert (await play.start()).outcome is SyncOutcome.SYNCED


async def test_without_an_application_nothing_is_registered(pool: Pool) -> None:
    discord = Discord()
    async with playing(pool, discord, known=False) as play:
        assert (await play.start()).outcome is SyncOutcome.FAILED
    assert discord.global_puts == 0


async def test_a_database_that_is_away_does_not_keep_the_service_from_starting(pool: Pool) -> None:
    discord = Discord()
    async with playing(FaultyPool(pool, [gone()]), discord) as play:
        assert (await play.start()).outcome is SyncOutcome.FAILED
        assert (await play.start()).outcome is SyncOutcome.SYNCED


async def test_what_cannot_be_stored_is_stored_later_and_registered_once(pool: Pool) -> None:
    discord = Discord()
    faulty = FaultyPool(pool, [])
    async with playing(faulty, discord) as play:
        play.guilds(A)
        await wait_until(lambda: len(play.told()) == 1, what="the sync")
        await play.start()
        faulty.errors = [gone(), psycopg.errors.DiskFull("full"), gone(), gone()]
        assert (await play.by_hand(force=True)).outcome is SyncOutcome.SYNCED
    async with playing(pool, discord) as play:
        assert (await play.start()).outcome is SyncOutcome.UNCHANGED
        remaining = (await play.by_hand()).remaining
        assert remaining == 3600
    assert discord.global_puts == 2


async def test_operations_5_each_guild_without_a_record_is_seen_to_once(pool: Pool) -> None:
    discord = Discord()
    async with playing(pool, discord) as play:
        play.guilds(A, B)
        await wait_until(lambda: len(play.told()) == 2, what="both events")
        assert play.told() == [{"sync_type": "first_ready", "command_count": 0}] * 2
        play.guilds(A, B, sync_type=SyncType.RECONNECT)
        await wait_until(lambda: play.told("BOT_RECONNECT") != [], what="the reconnect")
        assert play.told("BOT_RECONNECT") == [{"synced": 0, "skipped": 0}]
        assert len(play.told()) == 2
    async with playing(pool, discord) as play:
        play.guilds(A, B, sync_type=SyncType.RECONNECT)
        await wait_until(lambda: play.told("BOT_RECONNECT") != [], what="the reconnect")
        assert play.told() == []
    assert sorted(discord.guild_puts) == [A, B]


async def test_a_reconnect_registers_changed_global_commands_after_their_cooldown(pool: Pool) -> None:
    discord, clock = Discord(), FakeClock()
    async with playing(pool, discord, clock=clock) as play:
        await play.start()
    for later, puts in ((0, 1), (3599, 1), (1, 2)):
        clock.advance(timedelta(seconds=later))
        async with playing(pool, discord, clock=clock, manifest=TWO) as play:
            play.guilds(sync_type=SyncType.RECONNECT)
            await wait_until(lambda play=play: play.told("BOT_RECONNECT") != [], what="the end")  # type: ignore[misc]
        assert discord.global_puts == puts


async def test_a_guild_whose_list_differs_waits_for_its_cooldown(pool: Pool) -> None:
    discord, clock = Discord(), FakeClock()
    row = storage.SyncRow(str(A), "something else", 1, START, None)
    await pool.run("test", lambda tx: storage.save(tx, [row]))
    clock.advance(timedelta(minutes=10))
    async with playing(pool, discord, clock=clock) as play:
        play.guilds(A, sync_type=SyncType.RECONNECT)
        await wait_until(lambda: play.told("BOT_RECONNECT") != [], what="the end")
        assert play.told() == [{"sync_type": "reconnect", "cooldown_remaining": 1200}]
        assert play.told("BOT_RECONNECT") == [{"synced": 0, "skipped": 1}]
        clock.advance(timedelta(minutes=20))
        play.guilds(A, sync_type=SyncType.GUILD_JOIN)
        await wait_until(lambda: discord.guild_puts == [A], what="the registration")


async def test_what_discord_says_is_kept_even_against_force(pool: Pool) -> None:
    discord, clock = Discord(errors=[limited(90.0), BROKEN, limited(None)]), FakeClock()
    async with playing(pool, discord, clock=clock) as play:
        assert await play.by_hand(A) == SyncResult(
            outcome=SyncOutcome.SKIPPED, remaining=90.0, limited_by_discord=True
        )
    async with playing(pool, discord, clock=clock) as play:
        clock.advance(30)
        result = await play.by_hand(A, force=True)
        assert (result.outcome, result.remaining) == (SyncOutcome.SKIPPED, 60.0)
        clock.advance(60)
        assert (await play.by_hand(A)).outcome is SyncOutcome.FAILED
        assert (await play.by_hand(A)).remaining == 60.0
        clock.advance(60)
        assert (await play.by_hand(A)).outcome is SyncOutcome.SYNCED
        assert [sorted(told) for told in play.told()] == [
            ["cooldown_remaining", "sync_type"],
            ["error", "sync_type"],
            ["cooldown_remaining", "sync_type"],
            ["command_count", "sync_type"],
        ]


async def test_by_hand_the_cooldown_holds_unless_forced(pool: Pool) -> None:
    discord, clock = Discord(), FakeClock()
    async with playing(pool, discord, clock=clock) as play:
        assert (await play.by_hand()).outcome is SyncOutcome.SYNCED
        assert (await play.by_hand()).outcome is SyncOutcome.SKIPPED
        assert (await play.by_hand(force=True)).outcome is SyncOutcome.SYNCED
        assert (await play.by_hand(A)).outcome is SyncOutcome.SYNCED
        assert (await play.by_hand(A)).outcome is SyncOutcome.SKIPPED
    assert (discord.global_puts, discord.guild_puts) == (2, [A])


async def test_at_most_five_at_once_and_whoever_asks_comes_between(pool: Pool) -> None:
    discord = Discord(hold=trio.Event())
    ids = [GuildId(number) for number in range(1, 24)]
    async with playing(pool, discord) as play:
        play.guilds(*ids)
        await wait_until(lambda: discord.at_once == AT_ONCE, what="five at once")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(play.start)
            await trio.sleep(0.05)
            assert discord.hold is not None
            discord.hold.set()
        assert discord.global_puts == 1
        assert len(discord.guild_puts) < len(ids)
        await wait_until(lambda: len(play.told()) == len(ids), what="all guilds")
    assert sorted(discord.guild_puts) == ids
    assert discord.most_at_once == AT_ONCE


async def test_an_outage_postpones_the_guilds(pool: Pool) -> None:
    discord = Discord()
    async with playing(FaultyPool(pool, [gone(), gone()]), discord) as play:
        play.guilds(A, B)
        await wait_until(lambda: len(play.told()) == 2, what="both events")
    assert sorted(discord.guild_puts) == [A, B]


async def test_few_records_are_at_hand_and_all_in_the_database(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_module, "REMEMBERED", 3)
    discord, clock = Discord(), FakeClock()
    ids = [GuildId(number) for number in range(1, 12)]
    async with playing(pool, discord, clock=clock, sweep_every=0.01) as play:
        play.guilds(*ids)
        await wait_until(lambda: len(play.told()) == len(ids), what="all guilds")
        clock.advance(timedelta(days=1))
        await trio.sleep(0.05)  # two sweeps
        play.guilds(*ids, sync_type=SyncType.RECONNECT)
        await wait_until(lambda: play.told("BOT_RECONNECT") != [], what="the reconnect")
    assert len(discord.guild_puts) == len(ids)


async def test_a_message_of_somebody_else_is_not_handled(pool: Pool) -> None:
    async with playing(pool, Discord()) as play:
        play.registry.tell(COMMAND_SYNC, "what?")
        await wait_until(lambda: play.registry.dead_letters().parked == 1, what="the dead letter")
