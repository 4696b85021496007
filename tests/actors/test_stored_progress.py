"""Storing the progress of many actors at once: a row that is in the way holds up no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.noted import Standing
from alphapy.actors.sessions import StoredProgress
from alphapy.pure.ids import GuildId
from alphapy.storage import sessions

if TYPE_CHECKING:
    from collections.abc import Collection

    from alphapy.storage.pool import Pool

POISON = """
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.guild_id IN (3, 8) THEN RAISE EXCEPTION 'poison'; END IF;
    RETURN NEW;
END $$;
"""
ON = "CREATE TRIGGER poison BEFORE INSERT ON event_progress FOR EACH ROW EXECUTE FUNCTION poison()"


def standings(seq: int) -> list[Standing]:
    return [Standing(Address.guild(GuildId(guild), "feature"), "session", seq) for guild in range(1, 11)]


async def stored(pool: Pool) -> dict[int, int]:
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all("SELECT guild_id, seq FROM event_progress")
    return dict(rows)


def guilds(found: Collection[Standing]) -> list[int]:
    return [standing.address.guild_id or 0 for standing in found]


async def test_all_are_stored_by_one_statement(pool: Pool) -> None:
    committed = pool.statistics().committed
    assert await StoredProgress(pool).advance(standings(5)) == []
    assert pool.statistics().committed == committed + 1
    assert await stored(pool) == dict.fromkeys(range(1, 11), 5)


async def test_rows_that_the_database_refuses_are_left_out(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(POISON)
        await tx.execute(ON)
    assert sorted(guilds(await StoredProgress(pool).advance(standings(5)))) == [3, 8]
    assert sorted(await stored(pool)) == [1, 2, 4, 5, 6, 7, 9, 10]


async def test_a_row_that_is_locked_is_left_out(pool: Pool) -> None:
    progress = StoredProgress(pool)
    await progress.advance(standings(5))
    async with pool.transaction("test") as tx:
        assert await sessions.progress(tx, GuildId(4), "feature") == sessions.ProgressRow(
            GuildId(4), "feature", "session", 5
        )
        await tx.execute("SELECT FROM event_progress WHERE guild_id = 4 FOR UPDATE")
        with trio.fail_after(5):
            assert guilds(await progress.advance(standings(6))) == [4]
    assert await stored(pool) == {**dict.fromkeys(range(1, 11), 6), 4: 5}
    assert await progress.advance(standings(6)) == []
