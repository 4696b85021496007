"""Which interactions were begun, on a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.actors.interaction_log import NOTE_WITHIN, InteractionLog
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from tests.support.interactions import command
from tests.support.outage import outage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool
    from tests.support.postgres import Databases


async def test_the_next_process_knows_what_was_begun(pool: Pool) -> None:
    first = InteractionLog(pool)
    await first.load()
    here, elsewhere = command("do"), command("do", guild_id=7)
    alone, later = command("do", guild_id=0), command("do")
    for interaction in (here, alone):
        assert not first.was_begun(interaction)
        await first.begin(interaction)
    second = InteractionLog(pool)
    await second.load()
    assert second.was_begun(here)
    assert second.was_begun(alone)
    assert not second.was_begun(elsewhere)
    assert not second.was_begun(later)


async def test_what_is_begun_never_goes_back(pool: Pool) -> None:
    older, newer = command("do"), command("do")
    log = InteractionLog(pool)
    await log.begin(newer)
    await InteractionLog(pool).begin(older)
    await log.load()
    assert log.was_begun(newer)


async def test_those_who_begin_together_share_a_write(pool: Pool) -> None:
    log = InteractionLog(pool)
    interactions = [command("do", guild_id=1 + number % 3) for number in range(30)]
    async with trio.open_nursery() as nursery:
        for interaction in interactions:
            nursery.start_soon(log.begin, interaction)
    written = pool.statistics().acquired
    await log.load()
    assert all(map(log.was_begun, interactions))
    assert written <= 5


async def test_a_database_that_is_away_is_told_at_once(
    pool: Pool, databases: Databases, database_url: str
) -> None:
    log = InteractionLog(pool)
    interaction = command("do")
    async with outage(databases, database_url):
        with trio.fail_after(NOTE_WITHIN / 2), pytest.raises(DatabaseUnavailable):
            await log.begin(interaction)
    await wait_until(lambda: pool.statistics().available)
    await log.begin(interaction)
    await log.load()
    assert log.was_begun(interaction)


async def test_a_database_that_is_slow_is_waited_for(pool: Pool) -> None:
    log = InteractionLog(pool)
    interaction = command("do")
    async with trio.open_nursery() as nursery, pool.transaction("test") as tx:
        await tx.execute("LOCK TABLE event_progress IN SHARE MODE")
        nursery.start_soon(log.begin, interaction)

        async def waits() -> bool:
            waiting = (
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'event_progress'::regclass"
            )
            return bool(await tx.fetch_value(waiting) == 1)

        await wait_until(waits, what="the note to wait for the table")
        with pytest.raises(DatabaseBusy):
            await InteractionLog(pool, within=0.01).begin(interaction)
        await log.load()
        assert not log.was_begun(interaction)
    await log.load()
    assert log.was_begun(interaction)
