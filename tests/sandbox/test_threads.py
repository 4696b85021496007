"""Threads over real sockets: how they begin, what is said of them, who is in them, how they are put away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.sandbox.errors import Code, Refused
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.permissions import Right
from tests.sandbox.clients import ALL_INTENTS, JSON, Running, gateway, running

if TYPE_CHECKING:
    import httpx

UNLIMITED = Tuning(rate_limits=False, identify_window=0)
NO_MEMBERS = ALL_INTENTS & ~(1 << 1)


def _code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


async def _start(here: Running, name: str, **body: object) -> JSON:
    answer = await here.rest.post(f"{here.general}/threads", json={"name": name, "type": 11, **body})
    assert answer.status_code == 201, answer.text
    thread: JSON = answer.json()
    return thread


async def test_a_thread_from_a_message_refers_to_it() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        said = here.person("alan").say(here.channel(), "the first word")
        at = f"{here.general}/messages/{said['id']}"
        thread = (await here.rest.post(f"{at}/threads", json={"name": "talk"})).json()
        begun = (await here.rest.get(f"/channels/{thread['id']}/messages")).json()
        assert [(m["type"], m["referenced_message"]["content"]) for m in begun] == [(21, "the first word")]
        carried = (await here.rest.get(at)).json()
        assert carried["flags"] & 1 << 5
        assert carried["thread"]["id"] == thread["id"]
        await bot.until("THREAD_CREATE")
        assert (await bot.until("MESSAGE_UPDATE"))["id"] == said["id"]
        assert (await here.rest.get(f"/channels/{thread['id']}")).json()["message_count"] == 0
        await here.rest.delete(f"/channels/{thread['id']}")
        assert set(await bot.until("THREAD_DELETE")) == {"id", "guild_id", "parent_id", "type"}
        assert "thread" not in (await here.rest.get(at)).json()


async def test_a_thread_of_its_own_is_announced_in_its_channel_unless_it_is_private() -> None:
    async with running(UNLIMITED) as here:
        thread = await _start(here, "talk", rate_limit_per_user=5)
        private = await _start(here, "secret", type=12, invitable=False)
        assert (thread["rate_limit_per_user"], thread["thread_metadata"]["auto_archive_duration"]) == (
            5,
            1440,
        )
        assert private["thread_metadata"]["invitable"] is False
        messages = (await here.rest.get(f"{here.general}/messages")).json()
        assert [(m["type"], m["content"]) for m in messages] == [(18, "talk")]
        assert messages[0]["message_reference"]["channel_id"] == thread["id"]
        for bad in ({"auto_archive_duration": 61}, {"type": 0}):
            answer = await here.rest.post(f"{here.general}/threads", json={"name": "x", **bad})
            assert _code(answer) == (400, 50035)


async def test_a_post_of_a_forum_has_a_first_message() -> None:
    async with running(UNLIMITED) as here:
        made = await here.rest.post(
            f"/guilds/{here.demo.guild_id}/channels",
            json={"name": "ideas", "type": 15, "available_tags": [{"name": "new"}]},
        )
        forum = made.json()
        tag = forum["available_tags"][0]["id"]
        at = f"/channels/{forum['id']}"
        body = {"name": "a thought", "applied_tags": [tag], "message": {"content": "what if"}}
        post = (await here.rest.post(f"{at}/threads", json=body)).json()
        assert (post["applied_tags"], post["message"]["id"], post["type"]) == ([tag], post["id"], 11)
        assert _code(await here.rest.post(f"{at}/threads", json={"name": "empty"})) == (400, 50035)
        empty = {"name": "empty", "message": {"content": ""}}
        assert _code(await here.rest.post(f"{at}/threads", json=empty)) == (400, 50006)
        assert _code(await here.rest.post(f"{at}/messages", json={"content": "x"})) == (400, 50008)


async def test_only_channels_that_can_have_threads_have_them() -> None:
    async with running(UNLIMITED) as here:
        thread = await _start(here, "talk")
        for where in (thread["id"], here.person("alan").direct(here.demo.application_id)):
            answer = await here.rest.post(f"/channels/{where}/threads", json={"name": "x", "type": 11})
            assert _code(answer) in {(400, 50008), (403, 50003)}
        private = await here.rest.post(
            f"/channels/{here.channel('support')}/threads", json={"name": "x", "type": 12}
        )
        assert private.status_code == 201


async def test_writing_opens_an_archived_thread_and_joins_it_but_not_a_locked_one() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        alan = here.person("alan")
        thread = await _start(here, "talk")
        at = f"/channels/{thread['id']}"
        await here.rest.patch(at, json={"archived": True})
        assert _code(await here.rest.put(f"{at}/thread-members/{alan.id}")) == (400, 50083)
        alan.say(int(thread["id"]), "one more thing")
        shown = (await here.rest.get(at)).json()
        assert (shown["thread_metadata"]["archived"], shown["member_count"]) == (False, 2)
        added = (await bot.until("THREAD_MEMBERS_UPDATE"))["added_members"]
        assert [(entry["user_id"], entry["member"]["user"]["username"]) for entry in added] == [
            (str(alan.id), "alan")
        ]
        await here.rest.patch(at, json={"archived": True, "locked": True})
        world = here.demo.world
        assert not world.access.in_guild(alan.id, world.guilds.get(here.demo.guild_id)) & Right.MANAGE_THREADS
        with_right = await here.rest.post(f"{at}/messages", json={"content": "a moderator may"})
        assert with_right.status_code == 200
        with pytest.raises(Refused) as locked:
            alan.say(int(thread["id"]), "and another")
        assert locked.value.code is Code.THREAD_LOCKED


async def test_members_of_a_thread_are_listed_and_paged() -> None:
    async with running(UNLIMITED) as here:
        thread = await _start(here, "talk")
        at = f"/channels/{thread['id']}/thread-members"
        alan = here.demo.users["alan"]
        assert (await here.rest.put(f"{at}/{alan}")).status_code == 204
        assert _code(await here.rest.put(f"{at}/1")) == (404, 10007)
        listed = (await here.rest.get(at)).json()
        assert [entry["user_id"] for entry in listed] == [str(alan), str(here.demo.application_id)]
        assert "member" not in listed[0]
        page = (await here.rest.get(f"{at}?with_member=true&after={alan}")).json()
        assert [entry["member"]["user"]["username"] for entry in page] == ["Alphapy"]
        one = (await here.rest.get(f"{at}/{alan}?with_member=true")).json()
        assert one["member"]["user"]["username"] == "alan"
        assert _code(await here.rest.get(f"{at}/{here.demo.owner_id}")) == (404, 10007)
        active = (await here.rest.get(f"/guilds/{here.demo.guild_id}/threads/active")).json()
        assert [entry["user_id"] for entry in active["members"]] == [str(here.demo.application_id)]


async def test_archived_threads_are_listed_by_kind_and_paged() -> None:
    async with running(UNLIMITED) as here:
        for name, kind in (("one", 11), ("two", 11), ("secret", 12)):
            thread = await _start(here, name, type=kind)
            await here.rest.patch(f"/channels/{thread['id']}", json={"archived": True})

        async def names(path: str, **query: object) -> tuple[list[str], bool]:
            answer = await here.rest.get(f"{here.general}/{path}", params=query)  # type: ignore[arg-type]
            page = answer.json()
            return [thread["name"] for thread in page["threads"]], page["has_more"]

        assert await names("threads/archived/public") == (["two", "one"], False)
        assert await names("threads/archived/public", limit=1) == (["two"], True)
        newest = (await here.rest.get(f"{here.general}/threads/archived/public")).json()["threads"][0]
        before = newest["thread_metadata"]["archive_timestamp"]
        assert await names("threads/archived/public", before=before) == (["one"], False)
        assert await names("threads/archived/private") == (["secret"], False)
        joined = "users/@me/threads/archived/private"
        assert await names(joined) == (["secret"], False)
        assert await names(joined, before=1) == ([], False)
        bad = await here.rest.get(f"{here.general}/threads/archived/public?before=yesterday")
        assert _code(bad) == (400, 50035)
        own = here.demo.world.guilds.get(here.demo.guild_id).roles[here.demo.roles["Alphapy"]]
        own["permissions"] = "0"
        assert _code(await here.rest.get(f"{here.general}/threads/archived/private")) == (403, 50013)


async def test_without_the_members_intent_a_bot_learns_of_its_own_joining_only() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login(intents=NO_MEMBERS)
        alan = here.person("alan")
        message = int(alan.say(here.channel(), "x")["id"])
        thread = here.demo.world.threads.start(alan.id, here.channel(), {"name": "t"}, message_id=message)
        here.demo.world.thread_members.join(alan.id, int(thread["id"]), here.demo.owner_id)
        await here.rest.put(f"/channels/{thread['id']}/thread-members/@me")
        joined = await bot.until("THREAD_MEMBERS_UPDATE")
        assert [entry["user_id"] for entry in joined["added_members"]] == [str(here.demo.application_id)]
        await here.rest.delete(f"/channels/{thread['id']}/thread-members/@me")
        left = await bot.until("THREAD_MEMBERS_UPDATE")
        assert left["removed_member_ids"] == [str(here.demo.application_id)]
