"""The rows of invite tracking: counts that are added to, set and raised, and what is known of the codes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alphapy.pure.ids import GuildId
from alphapy.pure.invites import Code
from alphapy.storage import invites
from alphapy.storage.erasure import STEPS

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

HERE, THERE = GuildId(1), GuildId(2)
NOW = datetime(2026, 1, 5, tzinfo=UTC)


async def test_counts_are_added_to_set_and_raised(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        assert await invites.credit(tx, HERE, {}) == {}
        assert await invites.credit(tx, HERE, {7: 2, 5: 1}) == {5: 1, 7: 2}
        assert await invites.credit(tx, HERE, {7: 1}) == {7: 3}
        await invites.set_count(tx, HERE, 6, 3)
        await invites.set_count(tx, HERE, 5, 0)
        await invites.set_count(tx, THERE, 9, 9)
        assert await invites.leaders(tx, HERE, limit=2) == [(6, 3), (7, 3)]
        assert await invites.raise_counts(tx, HERE, {5: 4, 6: 3, 7: 2, 8: 0}) == 2
        assert await invites.raise_counts(tx, HERE, {5: 4, 6: 3, 7: 2, 8: 0}) == 0
        assert await invites.raise_counts(tx, HERE, {}) == 0
        assert await invites.leaders(tx, HERE, limit=9) == [(5, 4), (6, 3), (7, 3), (8, 0)]


async def test_a_row_of_an_older_version_without_a_count_is_none_at_all(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute("INSERT INTO invite_tracker (guild_id, user_id, invite_count) VALUES (1, 5, NULL)")
        assert await invites.leaders(tx, HERE, limit=9) == [(5, 0)]
        assert await invites.credit(tx, HERE, {5: 1}) == {5: 1}


async def test_what_is_known_of_the_codes_is_replaced(pool: Pool) -> None:
    first = {
        "a": Code(code="a", inviter_id=5, uses=1, max_uses=2),
        "b": Code(code="b", uses=2**40, max_uses=2**40),
    }
    async with pool.transaction("test") as tx:
        await invites.replace_codes(tx, HERE, {}, first, now=NOW)
        await invites.replace_codes(tx, THERE, {}, {"c": Code(code="c")}, now=NOW)
        found = await invites.codes(tx, HERE)
        assert found["a"] == first["a"]
        assert found["b"] == Code(code="b", uses=invites.MOST_USES, max_uses=invites.MOST_USES)
        await invites.replace_codes(
            tx, HERE, found, {"a": Code(code="a", inviter_id=5, uses=2, max_uses=2)}, now=NOW
        )
        assert await invites.codes(tx, HERE) == {"a": Code(code="a", inviter_id=5, uses=2, max_uses=2)}
        assert await invites.codes(tx, THERE) == {"c": Code(code="c")}


async def test_an_erasure_leaves_no_count_and_no_inviter(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await invites.credit(tx, HERE, {5: 1})
        await invites.replace_codes(tx, HERE, {}, {"a": Code(code="a", inviter_id=5, uses=1)}, now=NOW)
        for step in STEPS:
            if step.table.startswith("invite_"):
                await tx.execute(step.statement.encode(), {"user": 5})
        assert await invites.leaders(tx, HERE, limit=9) == []
        assert await invites.codes(tx, HERE) == {"a": Code(code="a", uses=1)}
