"""A guild's invite tracker: who is credited, once, and what is said (spec/engagement.md 5.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.actors.invites.messages import Look, RaiseCounts, SetCount
from alphapy.actors.settings.messages import SettingsChanged, Source
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.invite import VanityInvite
from alphapy.gateway.rest.errors import DiscordErrorKind
from alphapy.pure.ids import UserId
from alphapy.pure.invites import Code
from tests.actors.invites.house import ADA, ADDRESS, GRACE, GUILD, HIDDEN, House, guild_cache, refusal
from tests.support.actors import ask
from tests.support.faulty_pool import FaultyPool, gone
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

NOBODY = "<@{}> joined. Who invited them is not known."


def said(member: int, inviter: int, count: int) -> str:
    return f"<@{member}> joined! <@{inviter}> now has {count} invites."


async def test_engagement_32_the_inviter_of_a_code_that_was_used_is_credited(pool: Pool) -> None:
    house = House(pool)
    await house.know(Code(code="abc", inviter_id=ADA, uses=3))
    house.discord.set("abc", ADA, 4)
    async with house.running() as registry:
        house.tell(registry, house.joined(40, "Joan"))
        assert await house.until_posted(1) == [said(40, ADA, 1)]
        await house.until_passed()
        assert await house.counts() == {ADA: 1}
        assert await house.codes() == {"abc": 4}
    [body] = house.posted.bodies
    assert body["allowed_mentions"]["parse"] == []
    assert body["allowed_mentions"]["users"] == ["40", str(ADA)]


async def test_engagement_33_an_invite_for_one_vanishes_and_counts(pool: Pool) -> None:
    house = House(pool)
    async with house.running() as registry:
        house.tell(registry, house.created("once", ADA, max_uses=1))
        house.tell(registry, house.joined(40), house.deleted("once"))
        assert await house.until_posted(1) == [said(40, ADA, 1)]
        await house.until_passed()
        assert await house.codes() == {}


async def test_engagement_34_joins_count_without_a_channel(pool: Pool) -> None:
    house = House(pool)
    house.wishes.overrides.clear()
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        await house.until_passed()
        assert await house.counts() == {ADA: 1}
    assert not house.posted.bodies


async def test_engagement_35_a_template_is_filled_in_literally(pool: Pool) -> None:
    house = House(pool)
    house.wishes.overrides["with_inviter_template"] = "{member_name} {foo} {inviter_name} {count"
    house.wishes.overrides["no_inviter_template"] = "{inviter}"
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    async with house.running() as registry:
        house.tell(registry, house.joined(40, "Joan"), house.joined(41))
        assert await house.until_posted(1) == ["Joan {foo} Ada {count"]
        await house.until_passed()
    assert len(house.posted.bodies) == 1, "nothing is said where a template has no words left"


async def test_several_joins_take_one_look_and_are_credited_in_their_order(pool: Pool) -> None:
    house = House(pool, wait=0.05)
    await house.know(Code(code="abc", inviter_id=ADA), Code(code="def", inviter_id=GRACE))
    house.discord.set("abc", ADA, 2)
    house.discord.set("def", GRACE, 1)
    async with house.running() as registry:
        house.tell(registry, *(house.joined(number) for number in (40, 41, 42, 43)))
        await house.until_passed()
        assert sorted(await house.until_posted(4)) == sorted(
            [said(40, ADA, 1), said(41, ADA, 2), said(42, GRACE, 1), NOBODY.format(43)]
        )
        assert await house.counts() == {ADA: 2, GRACE: 1}
    assert house.discord.asked == 1


async def test_a_join_that_comes_again_counts_once_in_the_next_process_too(pool: Pool) -> None:
    house = House(pool)
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    join = house.joined(40)
    async with house.running() as registry:
        house.tell(registry, join)
        await house.until_posted(1)
        house.tell(registry, join, seq=1)
        house.discord.set("abc", ADA, 2)
        house.tell(registry, house.joined(41))
        await house.until_posted(2)
    after = House(pool, discord=house.discord)
    async with after.running() as registry:
        after.tell(registry, join, seq=1)
        after.seq = 2
        house.discord.set("abc", ADA, 3)
        after.tell(registry, after.joined(42))
        assert await after.until_posted(1) == [said(42, ADA, 3)]
        assert await after.counts() == {ADA: 3}
    assert house.posted.texts == [said(40, ADA, 1), said(41, ADA, 2)]


@pytest.mark.parametrize("in_doubt", [False, True])
async def test_a_join_counts_once_whether_or_not_its_commit_was_heard_of(pool: Pool, in_doubt: bool) -> None:
    faulty = FaultyPool(pool, [])
    house = House(pool, journal_pool=faulty)
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    async with house.running() as registry:
        house.tell(registry, house.created("other", GRACE))
        await house.until_passed()
        faulty.errors = [gone(in_doubt=in_doubt)]
        house.tell(registry, house.joined(40))
        await house.until_passed()
        assert await house.until_posted(1) == [said(40, ADA, 1)]
        assert await house.counts() == {ADA: 1}
    assert house.discord.asked == 1, "the list that was read for a join does for its repetitions"


async def test_credits_that_nobody_was_told_of_count_once_whatever_becomes_of_the_commit(pool: Pool) -> None:
    faulty = FaultyPool(pool, [])
    house = House(pool, journal_pool=faulty)
    await house.know(Code(code="abc", inviter_id=ADA, uses=1))
    house.discord.set("abc", ADA, 4)
    async with house.running() as registry:
        house.tell(registry, house.created("other", GRACE))
        await house.until_passed()
        house.discord.set("other", GRACE, 0)
        faulty.errors = [gone(in_doubt=True)]
        house.tell(registry, house.appeared())
        await house.until_counts({ADA: 3})
        await wait_until(lambda: not faulty.errors)
        house.discord.set("other", GRACE, 1)
        house.tell(registry, house.joined(40))
        assert await house.until_posted(1) == [said(40, GRACE, 1)]
        assert await house.counts() == {ADA: 3, GRACE: 1}


async def test_a_use_that_is_listed_before_its_join_is_told_of_waits_for_it(pool: Pool) -> None:
    house = House(pool)
    await house.know(Code(code="abc", inviter_id=ADA), Code(code="def", inviter_id=GRACE))
    house.discord.set("abc", ADA, 1)
    house.discord.set("def", GRACE, 1)
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        assert await house.until_posted(1) == [said(40, ADA, 1)]
        assert await house.codes() == {"abc": 1, "def": 0}
        house.discord.set("abc", ADA, 2)
        house.tell(registry, house.joined(41))
        assert (await house.until_posted(2))[1] == said(41, GRACE, 1)
        house.tell(registry, house.joined(42))
        assert (await house.until_posted(3))[2] == said(42, ADA, 2)
        assert await house.counts() == {ADA: 2, GRACE: 1}


async def test_a_use_whose_join_is_never_told_of_counts_after_a_while(pool: Pool) -> None:
    house = House(pool, kept_for=0.1)
    await house.know(Code(code="abc", inviter_id=ADA), Code(code="old", inviter_id=GRACE, max_uses=5))
    house.discord.set("abc", ADA, 3)
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        await house.until_posted(1)
        await house.until_counts({ADA: 3})
        # A code that was deleted is forgotten by then.
        await wait_until(lambda: house.discord.asked == 1)

        async def forgotten() -> bool:
            return await house.codes() == {"abc": 3}

        await wait_until(forgotten, what="the code that is gone")
        house.tell(registry, house.joined(41))
        assert (await house.until_posted(2))[1] == NOBODY.format(41)


async def test_joins_while_the_bot_was_away_count_and_nobody_is_told(pool: Pool) -> None:
    house = House(pool, guilds=guild_cache(vanity=True))
    house.discord.own = VanityInvite(code="town", uses=9)
    await house.know(
        Code(code="abc", inviter_id=ADA, uses=1), Code(code="gone", inviter_id=GRACE, max_uses=1)
    )
    house.discord.set("abc", ADA, 4)
    house.discord.set("new", GRACE, 7)
    async with house.running() as registry:
        house.tell(registry, house.appeared())
        await house.until_counts({ADA: 3})
        await wait_until(lambda: house.discord.asked == 1)
        house.discord.own = VanityInvite(code="town", uses=10)
        house.tell(registry, house.joined(40))
        assert await house.until_posted(1) == [NOBODY.format(40)]
        assert await house.counts() == {ADA: 3}, "what was seen for the first time is nobody's"
        assert (await house.codes()).items() >= {"abc": 4, "new": 7, "town": 10}.items()


async def test_a_look_that_is_older_than_what_is_known_changes_nothing(pool: Pool) -> None:
    house = House(pool)
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 0)
    gate = house.discord.gate = trio.Event()
    async with house.running() as registry:
        house.tell(registry, house.appeared(), house.appeared())
        await wait_until(lambda: house.discord.asked == 1, what="the look")
        house.discord.gate = None
        house.discord.set("abc", ADA, 1)
        house.tell(registry, house.joined(40))
        await house.until_posted(1)
        gate.set()
        house.tell(registry, house.joined(41))
        assert (await house.until_posted(2))[1] == NOBODY.format(41)
        assert await house.counts() == {ADA: 1}
        assert await house.codes() == {"abc": 1}


@pytest.mark.parametrize("by_command", [False, True])
async def test_joins_while_it_was_switched_off_are_nobodys(pool: Pool, by_command: bool) -> None:
    house = House(pool)
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    house.wishes.overrides["enabled"] = False
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        await house.until_passed()
        house.wishes.overrides["enabled"] = True
        changed = SettingsChanged(
            guild_id=GUILD,
            scope="invites",
            key="enabled",
            old=False,
            new=True,
            version=2,
            source=Source.API,
            actor_id=None,
        )
        registry.tell(ADDRESS, Look(credits=False) if by_command else changed)

        async def known() -> bool:
            return await house.codes() == {"abc": 1}

        await wait_until(known, what="the look")
        house.discord.set("abc", ADA, 2)
        house.tell(registry, house.joined(41))
        assert await house.until_posted(1) == [said(41, ADA, 1)]
        assert await house.counts() == {ADA: 1}


async def test_a_guild_that_the_bot_does_not_manage_is_greeted_without_inviters(pool: Pool) -> None:
    rights = Permissions.VIEW_CHANNEL | Permissions.SEND_MESSAGES
    house = House(pool, guilds=guild_cache(rights))
    await house.know(Code(code="abc", inviter_id=ADA))
    async with house.running() as registry:
        house.tell(registry, house.appeared(), house.joined(40))
        assert await house.until_posted(1) == [NOBODY.format(40)]
        await house.until_passed()
        assert await house.codes() == {"abc": 0}, "what is known is kept"
    assert house.discord.asked == 0


async def test_discord_refuses_and_is_left_alone_for_a_while(pool: Pool) -> None:
    house = House(pool)
    house.discord.always = refusal()
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        await house.until_posted(1)
        house.tell(registry, house.joined(41))
        assert await house.until_posted(2) == [NOBODY.format(40), NOBODY.format(41)]
    assert house.discord.asked == 1


async def test_joins_wait_while_discord_does_not_answer(pool: Pool) -> None:
    house = House(pool)
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    house.discord.failures = [refusal(DiscordErrorKind.SERVER), refusal(DiscordErrorKind.TRANSPORT)]
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        assert await house.until_posted(1) == [said(40, ADA, 1)]
    assert house.discord.asked == 3


async def test_joins_do_not_wait_for_ever(pool: Pool) -> None:
    house = House(pool, patience=0.0)
    house.discord.always = refusal(DiscordErrorKind.SERVER)
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        assert await house.until_posted(1) == [NOBODY.format(40)]


async def test_a_look_is_repeated_where_discord_did_not_answer(pool: Pool) -> None:
    house = House(pool, look_again=0.01)
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 2)
    house.discord.failures = [refusal(DiscordErrorKind.SERVER), refusal(DiscordErrorKind.TIMED_OUT)]
    async with house.running() as registry:
        house.tell(registry, house.appeared())
        await house.until_counts({ADA: 2})
    assert house.discord.asked == 3


async def test_nothing_is_lost_while_the_settings_cannot_be_read(pool: Pool) -> None:
    house = House(pool)
    house.wishes.away = True
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        await wait_until(lambda: house.wishes.asked >= 2, what="another try")
        assert not house.discord.asked
        house.wishes.away = False
        assert await house.until_posted(1) == [said(40, ADA, 1)]


async def test_a_channel_that_cannot_be_used_is_told_of_once(pool: Pool) -> None:
    house = House(pool)
    house.wishes.overrides["announcement_channel_id"] = HIDDEN
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    async with house.running() as registry:
        house.tell(registry, house.joined(40))
        await house.until_passed()
        house.discord.set("abc", ADA, 2)
        house.tell(registry, house.joined(41))
        await house.until_passed()
        await wait_until(lambda: bool(house.told), what="the warning")
        assert await house.counts() == {ADA: 2}
    [entry] = house.told
    assert f"<#{HIDDEN}>" in entry.description
    assert not house.posted.bodies


async def test_whoever_invites_themselves_and_bots_count_for_nobody(pool: Pool) -> None:
    house = House(pool)
    await house.know(Code(code="abc", inviter_id=ADA))
    house.discord.set("abc", ADA, 1)
    async with house.running() as registry:
        house.tell(registry, house.joined(60, bot=True))
        await house.until_passed()
        assert not house.discord.asked
        house.tell(registry, house.joined(ADA))
        assert await house.until_posted(1) == [NOBODY.format(ADA)]
        assert await house.counts() == {}
        assert await house.codes() == {"abc": 1}


async def test_a_dead_letter_does_not_set_a_code_back(pool: Pool) -> None:
    house = House(pool)
    await house.know(Code(code="abc", inviter_id=ADA, uses=3))
    async with pool.transaction("test") as tx:
        letter = await tx.fetch_value(
            """
            INSERT INTO dead_letters (address, message_type, message, error, traceback, attempts)
            VALUES (%s, 'InviteCreate', '{}', 'it failed', '', 2) RETURNING id
            """,
            (str(ADDRESS),),
        )
    house.discord.set("abc", ADA, 4)
    house.discord.set("fresh", GRACE, 1)
    async with house.running() as registry:
        house.tell(registry, house.created("abc", ADA), letter=int(letter))
        house.tell(registry, house.joined(40))
        assert await house.until_posted(1) == [said(40, ADA, 1)]
        assert await house.counts() == {ADA: 1}


async def test_counts_are_set_and_raised(pool: Pool) -> None:
    house = House(pool)
    async with house.running() as registry:
        await ask(registry, ADDRESS, SetCount(UserId(5), 7))
        assert await ask(registry, ADDRESS, RaiseCounts({5: 3, 6: 9})) == 1
        assert await house.counts() == {5: 7, 6: 9}
        house.pick_up(registry)
