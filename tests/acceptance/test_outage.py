"""PostgreSQL is gone under load: nothing is lost, members are told, the session lives, all is caught up."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import pytest
import trio

from alphapy.actors.settings.snapshot import FRESH_FOR
from alphapy.gateway.shard import ShardState
from alphapy.pure.ids import GuildId
from alphapy.sandbox.tuning import Tuning
from alphapy.storage.pool import open_pool
from tests.acceptance.test_durability import fetch, is_caught_up, prepare, say_hi, starts_left, until_answered
from tests.support.bot import Stage, described, stage
from tests.support.outage import outage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.gateway.shard import ShardStatistics
    from alphapy.service import Service
    from tests.support.postgres import Databases

BUDGET = 60
BEAT = 0.5
"""Seconds between two heartbeats: the local Discord ends a connection after twice that without one."""

DISCORDS_PATIENCE = 3.0
"""Seconds after which a client says that the application did not respond."""


@asynccontextmanager
async def beating_stage(database_url: str) -> AsyncIterator[Stage]:
    async with stage(database_url, tuning=attrs.evolve(Tuning.quick(), heartbeat_interval=BEAT)) as found:
        yield found


def shard_of(service: Service) -> ShardStatistics:
    return service.shards.statistics()[0]


async def is_told(stage: Stage, person: str, path: str, **options: object) -> None:
    """Whoever uses this command now reads within three seconds, alone, what is going on and what to do."""
    started = trio.current_time()
    view = stage.person(person).slash(stage.general, path, **options)
    reply = await view.wait_reply(DISCORDS_PATIENCE)
    assert trio.current_time() - started < DISCORDS_PATIENCE
    assert reply["flags"] & 64, "for the member alone"
    text = reply["content"] + described(reply)
    assert "database does not answer" in text, text
    assert "try" in text.lower()
    assert "again" in text


async def test_a_database_that_is_gone_under_load(
    databases: Databases, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphapy.service.EVENT_BUDGET", BUDGET)
    async with open_pool(database_url, min_size=1) as pool, beating_stage(database_url) as play:
        await prepare(play, pool)
        async with play.bot() as service:
            await wait_until(lambda: service.is_ready, what="readiness")
            say_hi(play)
            await until_answered(play, pool, 1)
            left, before = await starts_left(service), shard_of(service)
            async with outage(databases, database_url):
                say_hi(play, 2)
                await wait_until(lambda: service.budget.statistics().used >= 2, what="events that wait")
                await members_are_told(play, service)
                await the_shard_stops_reading(play, service)
                after = shard_of(service)
                assert (after.session_id, after.reconnects) == (before.session_id, before.reconnects)
                assert after.state is ShardState.READY
            await until_answered(play, pool, 1, 2, 3, 4)
            await wait_until(lambda: is_caught_up(service), within=15, what="the mark")
            await wait_until(lambda: service.budget.statistics().used == 0, what="an empty budget")
            after = shard_of(service)
            assert (after.session_id, after.reconnects) == (before.session_id, before.reconnects)
            assert await starts_left(service) == left
            assert await fetch(pool, "SELECT FROM dead_letters") == []
            done = await play.person("linus").slash(play.general, "/cc list").wait_reply()
            assert "database" not in described(done)


async def members_are_told(play: Stage, service: Service) -> None:
    """Commands that need the database say what is going on; one that does not works as ever."""
    read = service.settings.snapshot(GuildId(play.demo.guild_id)).loaded_at
    await wait_until(
        lambda: trio.current_time() - read > FRESH_FOR, what="settings that are to be read again"
    )
    await is_told(play, "linus", "/cc list")
    await is_told(play, "linus", "/system show")
    await is_told(play, "linus", "/system set_log_level", level="verbose")
    version = await play.person("margaret").slash(play.general, "/version").wait_reply(DISCORDS_PATIENCE)
    assert "database" not in described(version)


async def the_shard_stops_reading(play: Stage, service: Service) -> None:
    """More than the budget comes in: the shard stops reading, and beats on, for several intervals."""
    alan = play.person("alan")
    for number in range(BUDGET + 20):
        alan.say(play.general, f"just talk {number}")
    await wait_until(lambda: service.budget.statistics().waiting == 1, what="a shard that waits")
    assert service.budget.statistics().used >= BUDGET
    routed = service.router.statistics().routed["MESSAGE_CREATE"]
    say_hi(play)
    with trio.move_on_after(4 * BEAT):  # twice as long as a connection without heartbeats lives
        await wait_until(
            lambda: service.router.statistics().routed["MESSAGE_CREATE"] > routed, what="a further message"
        )
        pytest.fail("the shard has read on")
    assert service.budget.statistics().waiting == 1
