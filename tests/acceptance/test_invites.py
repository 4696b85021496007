"""Invite tracking from the members' point of view (spec/engagement.md 4.6, 4.7, 4.9, scenarios 32 to 36)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.actors.kernel.waypoints import Waypoint
from alphapy.sandbox.invoking import ClientRefusal
from alphapy.sandbox.person import Person
from alphapy.sandbox.world.permissions import Right
from tests.support.bot import JSON, Stage, described, title_of
from tests.support.crash import Trap, mortal_bot
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool


class Town:
    """The demo guild, with people who come to it."""

    def __init__(self, stage: Stage, pool: Pool) -> None:
        self.stage = stage
        self.pool = pool
        self.guild_id = stage.demo.guild_id
        self.admin, self.member = stage.person("ada"), stage.person("alan")
        self.newcomers = 0

    async def counts(self) -> dict[int, int]:
        async with self.pool.transaction("test") as tx:
            rows = await tx.fetch_all("SELECT user_id, invite_count FROM invite_tracker")
        return dict(rows)

    async def wait_codes(self, *codes: str) -> None:
        """Return once the bot knows these codes."""

        async def known() -> bool:
            async with self.pool.transaction("test") as tx:
                rows = await tx.fetch_all("SELECT code FROM invite_snapshots")
            return set(codes) <= {row[0] for row in rows}

        await wait_until(known, what=f"{codes}")

    async def wait_counts(self, **expected: int) -> None:
        wanted = {self.stage.person(name).id: count for name, count in expected.items()}

        async def counted() -> bool:
            return await self.counts() == wanted

        await wait_until(counted, what=f"{expected}")

    def newcomer(self, name: str) -> Person:
        world = self.stage.demo.world
        return Person(world, world.users.create(name))

    async def announced(self, person: Person) -> JSON:
        return await self.admin.wait_message(
            self.stage.general, lambda m: f"<@{person.id}>" in m["content"] and "User" not in m["content"]
        )

    async def said(self, words: str) -> JSON:
        return await self.admin.wait_message(self.stage.general, lambda m: words in m["content"])

    async def slash(self, person: Person, command: str, **options: object) -> JSON:
        return await person.slash(self.stage.general, command, **options).wait_reply()


async def test_engagement_32_to_34_joins_are_credited_and_announced(offstage: Stage, pool: Pool) -> None:
    town = Town(offstage, pool)
    offstage.demo.world.invites.set_vanity(town.guild_id, "lighthouse")
    old = town.member.invite(offstage.general)
    town.newcomer("earlier").join(old)
    async with offstage.bot():
        await town.wait_codes(old, "lighthouse")
        # 34: no announcement channel, credited all the same; who came before the bot is nobody's.
        town.newcomer("first").join(old)
        await town.wait_counts(alan=1)
        # 32
        await town.slash(town.admin, "/invites set_channel", channel=offstage.general)
        second = town.newcomer("second")
        second.join(old)
        said = await town.announced(second)
        assert said["content"] == f"<@{second.id}> joined! <@{town.member.id}> now has 2 invites."
        assert {user["id"] for user in said["mentions"]} == {str(second.id), str(town.member.id)}
        # 33: an invite for one, made while the bot looks on
        once = offstage.person("grace").invite(offstage.general, max_uses=1)
        third, fourth = town.newcomer("third"), town.newcomer("fourth")
        third.join(once)
        assert f"<@{offstage.person('grace').id}> now has 1" in (await town.announced(third))["content"]
        fourth.join("lighthouse")
        assert (await town.announced(fourth))["content"] == (
            f"<@{fourth.id}> joined. Who invited them is not known."
        )
        await town.wait_counts(alan=2, grace=1)
        # 36, and what the leaderboard shows
        with pytest.raises(ClientRefusal):
            town.member.slash(offstage.general, "/inviteleaderboard", limit=26)
        board = await town.slash(town.member, "/inviteleaderboard")
        assert [(f["name"], f["value"]) for f in board["embeds"][0]["fields"]] == [
            ("1. Alan", "2 invites"),
            ("2. Grace", "1 invite"),
        ]
        assert not board["flags"]
    # A join while the bot was away for a moment comes again with the session, and counts once.
    fifth = town.newcomer("fifth")
    fifth.join(old)
    async with offstage.bot():
        await town.announced(fifth)
        await town.wait_counts(alan=3, grace=1)
        last = town.newcomer("last")
        last.join(old)
        await town.announced(last)
        await town.wait_counts(alan=4, grace=1)
    mentioned = [m for m in town.admin.visible_messages(offstage.general) if f"<@{fifth.id}>" in m["content"]]
    assert len(mentioned) == 1


async def test_counts_are_set_reset_and_imported(offstage: Stage, pool: Pool) -> None:
    town = Town(offstage, pool)
    alan, grace = town.member.id, offstage.person("grace").id
    async with offstage.bot():
        shown = await town.slash(town.admin, "/invites show")
        assert [field["name"] for field in shown["embeds"][0]["fields"]] == [
            "Enabled",
            "Announcement Channel",
            "No Inviter Template",
            "With Inviter Template",
        ]
        assert shown["embeds"][0]["footer"]["text"] == "4 settings"
        empty = await town.slash(town.member, "/inviteleaderboard")
        assert title_of(empty) == "Nobody has invited anybody yet"
        await town.slash(town.admin, "/setinvites", member=alan, count=7)
        assert await town.counts() == {alan: 7}
        await town.slash(town.admin, "/resetinvites", member=alan)
        assert await town.counts() == {alan: 0}
        # The old announcements, and an owner who has them read.
        town.admin.say(offstage.general, "!import_invites")
        await town.said("/invites set_channel")
        await town.slash(town.admin, "/invites set_channel", channel=offstage.general)
        town.member.say(offstage.general, f"<@1> joined! <@{grace}> now has 5 invites.")
        town.member.say(offstage.general, f"<@2> has been invited by <@{grace}> and now has 4 invites.")
        town.member.say(offstage.general, "<@3> joined! <@123456789> now has 1 invite.")
        for updated in ("2 inviters updated", "0 inviters updated"):
            town.admin.say(offstage.general, "!import_invites")
            done = await town.said(updated)
            assert "3 announcements" in done["content"]
        assert await town.counts() == {alan: 0, grace: 5, 123456789: 1}
        board = await town.slash(town.member, "/inviteleaderboard", limit=2)
        assert [field["name"] for field in board["embeds"][0]["fields"]] == ["1. Grace", "2. User 123456789"]
        # Texts, and who may do what.
        template = "{member_name} {foo} {count"
        saved = await town.slash(town.admin, "/invites set_template", variant="with", template=template)
        assert template in described(saved)
        back = await town.slash(town.admin, "/invites set_template", variant="with")
        assert "back to its default" in described(back)
        everyone = offstage.demo.world.guilds.get(town.guild_id).roles[town.guild_id]
        assert not int(everyone["permissions"]) & Right.MANAGE_GUILD
        with pytest.raises(ClientRefusal):
            town.member.slash(offstage.general, "/setinvites", member=alan, count=1)
        off = await town.slash(town.admin, "/invites toggle", enabled=False)
        assert title_of(off) == "Invite tracking is off"
        refused = await town.slash(town.admin, "/setinvites", member=alan, count=1)
        assert refused["flags"] & 64
        assert await town.counts() == {alan: 0, grace: 5, 123456789: 1}
        on = await town.slash(town.admin, "/invites toggle", enabled=True)
        assert "from now on" in described(on)
        assert "Manage Server" not in described(on)
        again = await town.slash(town.admin, "/invites toggle", enabled=True)
        assert title_of(again) == "Invite tracking is on"
        none = await town.slash(town.admin, "/invites set_channel")
        assert "no channel" in described(none)


async def test_a_join_counts_once_wherever_the_bot_is_killed(offstage: Stage, pool: Pool) -> None:
    town = Town(offstage, pool)
    code = town.member.invite(offstage.general)
    trap, joined = Trap(), [town.newcomer("first"), town.newcomer("second")]
    async with mortal_bot(offstage, trap) as service:
        await town.wait_codes(code)
        await town.slash(town.admin, "/invites set_channel", channel=offstage.general)
        await service.sessions.write()
        trap.waypoint = Waypoint.BEFORE_COMMIT
        joined[0].join(code)
        await wait_until(trap.sprung.is_set, what="the first kill")
    assert await town.counts() == {}
    trap = Trap()
    async with mortal_bot(offstage, trap):
        await town.announced(joined[0])
        trap.waypoint = Waypoint.AFTER_COMMIT
        joined[1].join(code)
        await wait_until(trap.sprung.is_set, what="the second kill")
    await town.wait_counts(alan=2)
    async with offstage.bot():
        assert "now has 2" in (await town.announced(joined[1]))["content"]
        last = town.newcomer("last")
        last.join(code)
        assert "now has 3" in (await town.announced(last))["content"]
    said = [message["content"] for message in town.admin.visible_messages(offstage.general)]
    assert [sum(f"<@{person.id}> joined" in text for text in said) for person in joined] == [1, 1]
    await town.wait_counts(alan=3)
