"""Sessions, known guilds and progress in the database: forward only, and replaced by a new session."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.ids import GuildId
from alphapy.pure.seen import Seen
from alphapy.storage import sessions
from alphapy.storage.sessions import GapRow, GuildRow, ProgressRow, SessionRow

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

SESSION = SessionRow(
    shard_id=0,
    shard_count=2,
    application_id=7,
    user_id=8,
    session_id="a",
    resume_url="ws://x",
    mark=10,
)


async def load(pool: Pool, application_id: int = 7) -> list[SessionRow]:
    async with pool.transaction("test") as tx:
        return await sessions.load_sessions(tx, application_id)


async def save(pool: Pool, *rows: SessionRow) -> None:
    async with pool.transaction("test") as tx:
        await sessions.save_sessions(tx, rows)


async def test_a_mark_goes_forward_within_its_session(pool: Pool) -> None:
    other = attrs.evolve(SESSION, shard_id=1, session_id="b")
    await save(pool, other, SESSION)
    assert await load(pool) == [SESSION, other]
    await save(pool, attrs.evolve(SESSION, mark=5))
    assert await load(pool) == [SESSION, other]
    later = attrs.evolve(SESSION, mark=11)
    await save(pool, later)
    assert await load(pool) == [later, other]
    new = attrs.evolve(SESSION, session_id="c", mark=1, resume_url="ws://y")
    await save(pool, new)
    assert await load(pool) == [new, other]
    assert await load(pool, 99) == []
    async with pool.transaction("test") as tx:
        await sessions.forget_sessions(tx, [0])
    assert await load(pool) == [other]


async def test_guilds_are_kept_by_shard_and_read_in_pages(pool: Pool) -> None:
    read = partial(sessions.load_guilds, shard_id=1, limit=2)
    async with pool.transaction("test") as tx:
        await sessions.replace_guilds(tx, 1, [3, 1, 2], gap_since=None)
        await sessions.save_guilds(tx, 1, [GuildRow(GuildId(2), 5, '{"name":"\\u0000"}')])
        await sessions.save_guilds(tx, 0, [GuildRow(GuildId(9), 5, "{}")])
        page = await read(tx, after=-1)
        assert page == [GuildRow(GuildId(1), 0, None), GuildRow(GuildId(2), 5, '{"name":"\\u0000"}')]
        assert await read(tx, after=2) == [GuildRow(GuildId(3), 0, None)]
        await sessions.forget_guilds(tx, [1, 3])
        assert await read(tx, after=-1) == page[1:]
        await sessions.replace_guilds(tx, 1, [2, 9], gap_since=None)
        assert await read(tx, after=-1) == [GuildRow(GuildId(2), 0, None), GuildRow(GuildId(9), 0, None)]


async def test_progress_goes_forward_within_its_session(pool: Pool) -> None:
    row = ProgressRow(GuildId(1), "faq", "a", 5)
    async with pool.transaction("test") as tx:
        assert await sessions.progress(tx, GuildId(1), "faq") is None
        assert await sessions.advance(tx, row)
        assert not await sessions.advance(tx, row), "the same transaction again finds itself done"
        assert not await sessions.advance(tx, attrs.evolve(row, seq=4))
        assert await sessions.progress(tx, GuildId(1), "faq") == row
        later = attrs.evolve(row, session_id="b", seq=1)
        assert await sessions.advance(tx, later)
        assert await sessions.progress(tx, GuildId(1), "faq") == later
        others = [attrs.evolve(row, guild_id=GuildId(2)), attrs.evolve(row, feature="tickets")]
        await sessions.advance_many(tx, [attrs.evolve(later, seq=0), *others])
        assert await sessions.progress(tx, GuildId(1), "faq") == later
        await sessions.advance_many(tx, [attrs.evolve(later, seq=7)])
        await sessions.advance_many(tx, [attrs.evolve(later, seq=6)])
        assert await sessions.progress(tx, GuildId(1), "faq") == attrs.evolve(later, seq=7)
        assert await sessions.progress(tx, GuildId(2), "faq") == others[0]
        await sessions.advance_many(tx, [])


async def test_what_was_read_back_is_done_once_and_moves_no_place_in_the_log(pool: Pool) -> None:
    first = ProgressRow(GuildId(1), "faq", "", 0, Seen(90, frozenset({100}), 100))
    async with pool.transaction("test") as tx:
        assert await sessions.advance(tx, first, newest=100)
        assert not await sessions.advance(tx, first, newest=100), (
            "the same transaction again finds itself done"
        )
        assert not await sessions.advance(tx, first, newest=80), "below the floor all is done"
        assert await sessions.advance(tx, attrs.evolve(first, seen=Seen(95, frozenset({99}))), newest=99)
        assert await sessions.progress(tx, GuildId(1), "faq") == attrs.evolve(
            first, seen=Seen(95, frozenset({99, 100}), 100)
        )
        live = ProgressRow(GuildId(1), "faq", "a", 5, Seen(0, frozenset({101})))
        await sessions.advance_many(tx, [live])
        await sessions.advance_many(tx, [attrs.evolve(live, seq=0, session_id="", seen=Seen.only(102))])
        assert await sessions.advance(tx, attrs.evolve(first, seen=Seen.only(103)), newest=103)
        assert await sessions.progress(tx, GuildId(1), "faq") == attrs.evolve(
            live, seen=Seen(95, frozenset(range(99, 104)), 100)
        )


async def test_a_gap_is_open_until_it_is_closed_and_only_ever_grows(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await sessions.replace_guilds(tx, 1, [1, 2], gap_since=None)
        assert await sessions.load_gaps(tx) == []
        await sessions.replace_guilds(tx, 1, [1, 2, 3], gap_since=50)
        await sessions.close_gaps(tx, [2])
        assert await sessions.load_gaps(tx) == [GapRow(GuildId(1), 50), GapRow(GuildId(3), 50)]
        await sessions.save_guilds(tx, 1, [GuildRow(GuildId(1), 5, "{}")])
        await sessions.replace_guilds(tx, 1, [1, 2], gap_since=70)
        assert await sessions.load_gaps(tx) == [GapRow(GuildId(1), 50), GapRow(GuildId(2), 70)]
        await sessions.replace_guilds(tx, 1, [1, 2], gap_since=None)
        assert await sessions.load_gaps(tx) == [GapRow(GuildId(1), 50), GapRow(GuildId(2), 70)]
