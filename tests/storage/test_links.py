"""Links between accounts: the constraints decide, also between two who want the same at once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import trio

from alphapy.pure.ids import UserId
from alphapy.storage import links
from alphapy.storage.links import Linking

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

U1, U2 = UUID(int=1), UUID(int=2)


async def link(pool: Pool, account: UUID, discord_id: int) -> Linking:
    return await pool.run("web", lambda tx: links.link(tx, account, UserId(discord_id), "webhook"))


async def unlink(pool: Pool, discord_id: int, account: UUID | None = None) -> bool:
    return await pool.run("web", lambda tx: links.unlink(tx, UserId(discord_id), account))


async def linked(pool: Pool, account: UUID) -> int | None:
    return await pool.run("web", lambda tx: links.discord_id_of(tx, account))


async def test_a_pair_is_stored_once(pool: Pool) -> None:
    assert await linked(pool, U1) is None
    assert await link(pool, U1, 42) is Linking.LINKED
    assert await link(pool, U1, 42) is Linking.SAME
    assert await linked(pool, U1) == 42


async def test_either_side_may_be_taken(pool: Pool) -> None:
    await link(pool, U1, 42)
    assert await link(pool, U2, 42) is Linking.TAKEN
    assert await link(pool, U1, 43) is Linking.TAKEN
    await link(pool, U2, 43)
    assert await link(pool, U1, 43) is Linking.TAKEN
    assert [await linked(pool, account) for account in (U1, U2)] == [42, 43]


async def test_unlinking_needs_the_right_account_where_one_is_named(pool: Pool) -> None:
    await link(pool, U1, 42)
    assert not await unlink(pool, 42, U2)
    assert not await unlink(pool, 41)
    assert await unlink(pool, 42, U1)
    assert not await unlink(pool, 42)
    await link(pool, U2, 42)
    assert await unlink(pool, 42)


async def test_of_many_at_once_one_links(pool: Pool) -> None:
    outcomes: list[Linking] = []

    async def attempt(account: UUID) -> None:
        outcomes.append(await link(pool, account, 42))

    async with trio.open_nursery() as nursery:
        for account in (U1, U1, U2, U1, U2):
            nursery.start_soon(attempt, account)
    assert outcomes.count(Linking.LINKED) == 1
    winner = U1 if await linked(pool, U1) == 42 else U2
    assert outcomes.count(Linking.SAME) == (2 if winner == U1 else 1)
