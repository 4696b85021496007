"""Invites over real sockets: made, listed, followed, ended, under the rights that it takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from alphapy.sandbox.demo import demo_world
from alphapy.sandbox.errors import Code, Refused
from alphapy.sandbox.person import Person
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.storage import dump, restore
from alphapy.sandbox.world.world import World
from tests.sandbox.clients import JSON, Running, gateway, running

if TYPE_CHECKING:
    import httpx

UNLIMITED = Tuning(rate_limits=False, identify_window=0)


def _code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


async def _invite(here: Running, **body: object) -> JSON:
    answer = await here.rest.post(f"{here.general}/invites", json=body)
    assert answer.status_code == 200, answer.text
    invite: JSON = answer.json()
    return invite


async def test_an_invite_is_made_shown_and_deleted() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        made = await _invite(here, max_age=60, max_uses=3, temporary=True)
        assert (made["max_age"], made["max_uses"], made["uses"], made["temporary"]) == (60, 3, 0, True)
        assert (made["channel"]["name"], made["guild"]["name"]) == ("general", "Lighthouse")
        told = await bot.until("INVITE_CREATE")
        assert (told["code"], told["channel_id"]) == (made["code"], str(here.channel()))
        assert told["inviter"]["username"] == "Alphapy"
        shown = (await here.rest.get(f"/invites/{made['code']}?with_counts=true")).json()
        assert (shown["guild_id"], shown["approximate_member_count"]) == (str(here.demo.guild_id), 6)
        assert "uses" not in shown
        assert "approximate_member_count" not in (await here.rest.get(f"/invites/{made['code']}")).json()
        assert (await here.rest.delete(f"/invites/{made['code']}")).json()["code"] == made["code"]
        assert (await bot.until("INVITE_DELETE"))["code"] == made["code"]
        for method in ("GET", "DELETE"):
            assert _code(await here.rest.request(method, f"/invites/{made['code']}")) == (404, 10006)


async def test_a_like_invite_is_given_again_unless_it_is_to_be_unique() -> None:
    async with running(UNLIMITED) as here:
        first = await _invite(here)
        assert first["max_age"] == 86_400
        assert (await _invite(here))["code"] == first["code"]
        assert (await _invite(here, unique=True))["code"] != first["code"]
        assert (await _invite(here, max_uses=1))["code"] != first["code"]
        assert len((await here.rest.get(f"{here.general}/invites")).json()) == 3
        assert len((await here.rest.get(f"/guilds/{here.demo.guild_id}/invites")).json()) == 3
        support = f"/channels/{here.channel('support')}"
        assert (await here.rest.get(f"{support}/invites")).json() == []


@pytest.mark.parametrize("body", [{"max_age": 604_801}, {"max_age": -1}, {"max_uses": 101}])
async def test_limits_of_an_invite(body: JSON) -> None:
    async with running(UNLIMITED) as here:
        assert _code(await here.rest.post(f"{here.general}/invites", json=body)) == (400, 50035)


async def test_an_invite_takes_its_rights() -> None:
    demo = demo_world(UNLIMITED)
    guild = demo.world.guilds.get(demo.guild_id)
    guild.roles[demo.guild_id]["permissions"] = str(int(Right.VIEW_CHANNEL))
    guild.roles[demo.roles["Alphapy"]]["permissions"] = "0"
    async with running(demo=demo) as here, gateway(here) as bot:
        await bot.login()
        code = demo.world.invites.create(demo.owner_id, here.channel(), {})["code"]
        for method, path in (
            ("POST", f"{here.general}/invites"),
            ("GET", f"{here.general}/invites"),
            ("GET", f"/guilds/{here.demo.guild_id}/invites"),
            ("DELETE", f"/invites/{code}"),
        ):
            assert _code(await here.rest.request(method, path)) == (403, 50013), path
        here.person("ada").say(here.channel(), "after it")
        await bot.until("MESSAGE_CREATE")
        assert "INVITE_CREATE" not in bot.names()


async def test_no_invite_leads_to_a_thread_or_a_direct_message() -> None:
    async with running(UNLIMITED) as here:
        world, alan = here.demo.world, here.person("alan")
        message = int(alan.say(here.channel(), "x")["id"])
        thread = world.threads.start(alan.id, here.channel(), {"name": "t"}, message_id=message)
        assert _code(await here.rest.post(f"/channels/{thread['id']}/invites", json={})) == (404, 10003)
        direct = alan.direct(here.demo.application_id)
        assert (await here.rest.post(f"/channels/{direct}/invites", json={})).status_code == 403


def test_an_invite_ends_by_use_by_time_and_with_its_channel() -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    world = World(UNLIMITED, now=lambda: now[0])
    ada, *friends = [world.users.create(name) for name in ("ada", "bo", "cy", "di")]
    guild = world.guilds.create("Town", ada)
    square = int(world.channels.create(ada, guild.id, {"name": "square"})["id"])
    once = world.invites.create(ada, square, {"max_uses": 1})["code"]
    assert world.invites.follow(friends[0], once) == guild.id
    with pytest.raises(Refused) as gone:
        world.invites.follow(friends[1], once)
    assert gone.value.code is Code.UNKNOWN_INVITE
    world.invites.create(ada, square, {"max_age": 60})
    lasting = world.invites.create(ada, square, {"max_age": 0})
    assert lasting["expires_at"] is None
    world.invites.follow(friends[1], lasting["code"])
    world.invites.follow(friends[1], lasting["code"])
    assert [invite["uses"] for invite in world.invites.of_guild(ada, guild.id)] == [0, 1]
    now[0] += timedelta(seconds=61)
    assert [invite["code"] for invite in world.invites.of_guild(ada, guild.id)] == [lasting["code"]]
    assert restore(dump(world)).guilds.get(guild.id).invites == guild.invites
    world.channels.delete(ada, square)
    assert world.invites.of_guild(ada, guild.id) == []


async def test_a_guild_may_have_an_address_of_its_own() -> None:
    demo = demo_world(UNLIMITED)
    guild_id, newcomer = demo.guild_id, Person(demo.world, demo.world.users.create("newcomer"))
    async with running(demo=demo) as here, gateway(here) as bot:
        await bot.login()
        assert _code(await here.rest.get(f"/guilds/{guild_id}/vanity-url")) == (403, 50001)
        demo.world.invites.set_vanity(guild_id, "lighthouse")
        newcomer.join("lighthouse")
        newcomer.join("lighthouse")
        assert (await bot.until("GUILD_MEMBER_ADD"))["user"]["id"] == str(newcomer.id)
        shown = (await here.rest.get(f"/guilds/{guild_id}/vanity-url")).json()
        assert shown == {"code": "lighthouse", "uses": 1}
        assert (await here.rest.get(f"/guilds/{guild_id}/invites")).json() == []


async def test_a_person_makes_an_invite_and_another_joins_by_it() -> None:
    demo = demo_world(UNLIMITED)
    newcomer = Person(demo.world, demo.world.users.create("newcomer"))
    async with running(demo=demo) as here:
        made = here.person("ada").invite(here.channel(), max_uses=2)
        assert here.person("ada").invite(here.channel(), max_uses=2) != made
        newcomer.join(made)
        listed = (await here.rest.get(f"/guilds/{demo.guild_id}/invites")).json()
        assert {invite["code"]: invite["uses"] for invite in listed}[made] == 1
