"""Claims under their cap, and badges that exist once for their source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import trio

from alphapy.pure.engagement.badges import Grant
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.storage import engagement_badges as badges
from alphapy.storage import engagement_og as storage
from alphapy.storage.engagement_og import Claim, OgSetup

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

GUILD, OTHER = GuildId(7), GuildId(8)
PLACE = OgSetup(ChannelId(20), MessageId(30))
NOW = datetime(2026, 7, 20, 14, tzinfo=UTC)


async def claim(pool: Pool, user_id: int, *, cap: int = 50, message_id: int = PLACE.message_id) -> Claim:
    async with pool.transaction("test") as tx:
        return await storage.claim(tx, GUILD, UserId(user_id), MessageId(message_id), cap=cap, at=NOW)


async def set_up(pool: Pool, place: OgSetup = PLACE) -> None:
    async with pool.transaction("test") as tx:
        await storage.set_up(tx, GUILD, place, now=NOW)


async def test_scenario_26_of_two_who_want_the_last_place_one_gets_it(pool: Pool) -> None:
    await set_up(pool)
    outcomes = []

    async def one(user_id: int) -> None:
        outcomes.append(await claim(pool, user_id, cap=1))

    async with trio.open_nursery() as nursery:
        for user_id in (5, 6):
            nursery.start_soon(one, user_id)
    assert sorted(outcome.value for outcome in outcomes) == ["full", "new"]
    async with pool.transaction("test") as tx:
        assert await storage.count(tx, GUILD) == 1


async def test_scenario_27_a_second_claim_changes_nothing(pool: Pool) -> None:
    await set_up(pool)
    assert [await claim(pool, 5, cap=1), await claim(pool, 5, cap=1)] == [Claim.NEW, Claim.HELD]
    async with pool.transaction("test") as tx:
        assert await storage.claimants(tx, GUILD, [UserId(5), UserId(6)]) == {5}
        assert await badges.grants(tx, GUILD, UserId(5)) == [Grant("og", 1, NOW)]
        assert await badges.grants(tx, OTHER, UserId(5)) == []


async def test_only_the_message_in_force_claims(pool: Pool) -> None:
    assert await claim(pool, 5) is Claim.CLOSED
    await set_up(pool)
    later = OgSetup(ChannelId(21), MessageId(31))
    await set_up(pool, later)
    assert await claim(pool, 5) is Claim.CLOSED
    assert await claim(pool, 5, message_id=31) is Claim.NEW
    async with pool.transaction("test") as tx:
        assert await storage.setup(tx, GUILD) == later
        assert await storage.setup(tx, OTHER) is None
        assert not await storage.take_down(tx, GUILD, [PLACE.message_id])
        assert not await storage.take_down(tx, OTHER, [later.message_id])
        assert await storage.take_down(tx, GUILD, [PLACE.message_id, later.message_id])
        assert await storage.setup(tx, GUILD) is None
        assert await storage.count(tx, GUILD) == 1


async def test_a_setup_of_an_earlier_program_without_a_message_is_none(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute("INSERT INTO engagement_og_setup (guild_id) VALUES (7)")
        assert await storage.setup(tx, GUILD) is None


async def test_a_person_may_grant_a_badge_again_and_the_bot_does_so_once(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        for day in range(3):
            at = NOW + timedelta(days=day)
            assert await badges.grant(tx, GUILD, UserId(5), "helper", source=None, at=at)
        assert await badges.grant(tx, GUILD, UserId(5), "winner", source="challenge:1", at=NOW)
        assert not await badges.grant(tx, GUILD, UserId(5), "winner", source="challenge:1", at=NOW)
        assert await badges.grant(tx, GUILD, UserId(5), "winner", source="challenge:2", at=NOW)
        found = await badges.grants(tx, GUILD, UserId(5))
    assert found == [Grant("helper", 3, NOW + timedelta(days=2)), Grant("winner", 2, NOW)]
