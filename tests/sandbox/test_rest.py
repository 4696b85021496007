"""REST over real sockets: messages, reactions, pins, threads, channels, roles, members, bans."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from alphapy.sandbox.demo import demo_world
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.applications import shaped_token
from alphapy.sandbox.world.permissions import Right
from tests.sandbox.clients import JSON, Running, gateway, running

if TYPE_CHECKING:
    import httpx

UNLIMITED = Tuning(rate_limits=False, identify_window=0)


def _code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


async def _send(here: Running, content: str = "hello", **fields: object) -> JSON:
    answer = await here.rest.post(f"{here.general}/messages", json={"content": content, **fields})
    assert answer.status_code == 200, answer.text
    message: JSON = answer.json()
    return message


async def test_a_message_is_sent_read_edited_and_deleted() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        embed = {"title": "T", "fields": [{"name": "n", "value": "v"}], "footer": {"text": "f"}}
        sent = await _send(here, embeds=[embed], nonce="n1")
        assert (await bot.until("MESSAGE_CREATE"))["nonce"] == "n1"
        at = f"{here.general}/messages/{sent['id']}"
        read = (await here.rest.get(at)).json()
        assert read["embeds"] == [
            {**embed, "type": "rich", "fields": [{"name": "n", "value": "v", "inline": False}]}
        ]
        assert "guild_id" not in read
        edited = (await here.rest.patch(at, json={"content": "changed"})).json()
        assert (edited["content"], edited["embeds"]) == ("changed", read["embeds"])
        assert edited["edited_timestamp"] is not None
        assert (await bot.until("MESSAGE_UPDATE"))["content"] == "changed"
        assert (await here.rest.delete(at)).status_code == 204
        assert (await bot.until("MESSAGE_DELETE"))["id"] == sent["id"]
        assert _code(await here.rest.get(at)) == (404, 10008)
        assert _code(await here.rest.delete(at)) == (404, 10008)


async def test_history_is_paged_newest_first() -> None:
    async with running(UNLIMITED) as here:
        ids = [(await _send(here, str(number)))["id"] for number in range(6)]

        async def page(**query: object) -> list[str]:
            answer = await here.rest.get(f"{here.general}/messages", params=query)  # type: ignore[arg-type]
            return [message["content"] for message in answer.json()]

        assert await page() == ["5", "4", "3", "2", "1", "0"]
        assert await page(limit=2) == ["5", "4"]
        assert await page(limit=2, before=ids[4]) == ["3", "2"]
        assert await page(limit=2, after=ids[1]) == ["3", "2"]
        assert await page(limit=3, around=ids[3]) == ["4", "3", "2"]
        answer = await here.rest.get(f"{here.general}/messages?limit=101")
        assert _code(answer) == (400, 50035)


async def test_the_history_of_a_voice_channel_takes_the_right_to_connect() -> None:
    async with running(UNLIMITED) as here:
        world, owner = here.demo.world, here.demo.owner_id
        voice = world.channels.create(owner, here.demo.guild_id, {"name": "voice", "type": 2})
        here.person("alan").say(int(voice["id"]), "hello?")
        at = f"/channels/{voice['id']}/messages"
        assert [message["content"] for message in (await here.rest.get(at)).json()] == ["hello?"]
        deny = {"id": str(here.demo.roles["Alphapy"]), "type": 0, "deny": str(int(Right.CONNECT))}
        world.channels.edit(owner, int(voice["id"]), {"permission_overwrites": [deny]})
        assert _code(await here.rest.get(at)) == (403, 50001)


async def test_an_enforced_nonce_gives_the_first_message_back() -> None:
    async with running(UNLIMITED) as here:
        first = await _send(here, "once", nonce=7, enforce_nonce=True)
        again = await _send(here, "twice", nonce="7", enforce_nonce=True)
        assert again["id"] == first["id"]
        loose = await _send(here, "twice", nonce=7)
        assert loose["id"] != first["id"]
        assert len((await here.rest.get(f"{here.general}/messages")).json()) == 2


async def test_replies_refer_to_their_message() -> None:
    async with running(UNLIMITED) as here:
        asked = here.person("alan").say(here.channel(), "question")
        reply = await _send(here, "answer", message_reference={"message_id": asked["id"]})
        assert (reply["type"], reply["referenced_message"]["content"]) == (19, "question")
        assert [user["username"] for user in reply["mentions"]] == ["alan"]
        silent = await _send(
            here, "a", message_reference={"message_id": asked["id"]}, allowed_mentions={"parse": []}
        )
        assert silent["mentions"] == []
        here.person("alan").delete(here.channel(), int(asked["id"]))
        read = (await here.rest.get(f"{here.general}/messages/{reply['id']}")).json()
        assert read["referenced_message"] is None
        gone = await here.rest.post(
            f"{here.general}/messages",
            json={"content": "x", "message_reference": {"message_id": asked["id"]}},
        )
        assert gone.json()["errors"]["message_reference"]["_errors"][0]["code"] == "REPLIES_UNKNOWN_MESSAGE"
        lenient = {"message_id": asked["id"], "fail_if_not_exists": False}
        assert (await _send(here, "x", message_reference=lenient))["type"] == 0


async def test_mentions_follow_permissions_and_allowed_mentions() -> None:
    async with running(UNLIMITED) as here:
        alan, role = here.demo.users["alan"], here.demo.roles["Member"]
        text = f"<@{alan}> <@&{role}> @everyone `<@{here.demo.owner_id}>`"
        plain = await _send(here, text)
        assert [user["id"] for user in plain["mentions"]] == [str(alan)]
        assert (plain["mention_roles"], plain["mention_everyone"]) == ([], False)
        await here.rest.get("/users/@me")
        owner = here.person("ada").say(here.channel(), text)
        assert (owner["mention_roles"], owner["mention_everyone"]) == ([str(role)], True)
        silent = await _send(here, text, allowed_mentions={"parse": []})
        assert (silent["mentions"], silent["mention_everyone"]) == ([], False)
        exclusive = {"parse": ["users"], "users": [str(alan)]}
        answer = await here.rest.post(
            f"{here.general}/messages", json={"content": text, "allowed_mentions": exclusive}
        )
        assert _code(answer) == (400, 50035)


async def test_a_broken_limit_is_answered_with_the_tree_of_its_path() -> None:
    async with running(UNLIMITED) as here:
        body = {
            "content": "x" * 2001,
            "embeds": [{"title": "y" * 257}, {"fields": [{"name": "", "value": "v"}]}],
            "components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "z" * 81}]}],
        }
        answer = await here.rest.post(f"{here.general}/messages", json=body)
        assert _code(answer) == (400, 50035)
        errors = answer.json()["errors"]
        assert errors["content"]["_errors"][0]["code"] == "BASE_TYPE_MAX_LENGTH"
        assert "title" in errors["embeds"]["0"]
        assert errors["embeds"]["1"]["fields"]["0"]["name"]["_errors"][0]["code"] == "BASE_TYPE_REQUIRED"
        assert set(errors["components"]["0"]["components"]["0"]) == {"label", "custom_id"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"content": ""}', (400, 50006)),
        (b"{}", (400, 50006)),
        (b"{not json", (400, 50109)),
        (b"[]", (400, 50035)),
        (b'{"content": 5}', (400, 50035)),
        (b'{"content": "x", "message_reference": {"type": 0}}', (400, 50035)),
    ],
)
async def test_bodies_that_are_no_messages(raw: bytes, expected: tuple[int, int]) -> None:
    async with running(UNLIMITED) as here:
        headers = {"Content-Type": "application/json"}
        answer = await here.rest.post(f"{here.general}/messages", content=raw, headers=headers)
        assert _code(answer) == expected


async def test_files_are_uploaded_and_served() -> None:
    async with running(UNLIMITED) as here:
        payload = {"content": "see", "attachments": [{"id": "0", "description": "a text"}]}
        files = {"files[0]": ("note.txt", b"hello", "text/plain")}
        answer = await here.rest.post(
            f"{here.general}/messages", data={"payload_json": json.dumps(payload)}, files=files
        )
        (attachment,) = answer.json()["attachments"]
        assert (attachment["filename"], attachment["size"], attachment["description"]) == (
            "note.txt",
            5,
            "a text",
        )
        served = await here.rest.get(attachment["url"])
        assert (served.content, served.headers["Content-Type"]) == (b"hello", "text/plain")
        unknown = attachment["url"].replace(attachment["id"], "9")
        assert (await here.rest.get(unknown)).status_code == 404
        at = f"{here.general}/messages/{answer.json()['id']}"
        assert len((await here.rest.patch(at, json={"content": "still"})).json()["attachments"]) == 1
        assert (await here.rest.patch(at, json={"attachments": []})).json()["attachments"] == []
        bare = await here.rest.post(f"{here.general}/messages", data={"content": "form"}, files=files)
        assert bare.json()["content"] == "form"


async def test_only_the_author_edits_and_moderators_delete() -> None:
    async with running(UNLIMITED) as here:
        theirs = here.person("alan").say(here.channel(), "mine")
        at = f"{here.general}/messages/{theirs['id']}"
        assert _code(await here.rest.patch(at, json={"content": "yours"})) == (403, 50005)
        assert (await here.rest.patch(at, json={"flags": 4})).json()["flags"] == 4
        assert (await here.rest.delete(at)).status_code == 204


async def test_messages_are_deleted_in_bulk() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        ids = [(await _send(here, str(number)))["id"] for number in range(3)]
        at = f"{here.general}/messages/bulk-delete"
        assert _code(await here.rest.post(at, json={"messages": ids[:1]})) == (400, 50016)
        old = str(((int(datetime.now(UTC).timestamp() * 1000) - 15 * 86_400_000) - 1_420_070_400_000) << 22)
        assert _code(await here.rest.post(at, json={"messages": [*ids, old]})) == (400, 50034)
        assert (await here.rest.post(at, json={"messages": [*ids[:2], "1" + ids[0]]})).status_code == 204
        assert (await bot.until("MESSAGE_DELETE_BULK"))["ids"] == ids[:2]
        assert [m["id"] for m in (await here.rest.get(f"{here.general}/messages")).json()] == [ids[2]]
        direct = here.demo.world.guilds.open_direct(here.demo.application_id, here.demo.owner_id)["id"]
        assert _code(
            await here.rest.post(f"/channels/{direct}/messages/bulk-delete", json={"messages": ids})
        ) == (
            403,
            50003,
        )


async def test_reactions() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        message = await _send(here)
        at = f"{here.general}/messages/{message['id']}"
        for emoji in ("👍", "blob:123"):
            assert (await here.rest.put(f"{at}/reactions/{emoji}/@me")).status_code == 204
        alan = here.person("alan")
        alan.react(here.channel(), int(message["id"]), "👍")
        alan.react(here.channel(), int(message["id"]), "👍")
        first = await bot.until("MESSAGE_REACTION_ADD")
        assert (first["emoji"], first["message_author_id"]) == (
            {"id": None, "name": "👍"},
            str(here.demo.application_id),
        )
        reactions = (await here.rest.get(at)).json()["reactions"]
        assert [(r["emoji"]["name"], r["count"], r["me"]) for r in reactions] == [
            ("👍", 2, True),
            ("blob", 1, True),
        ]
        people = (await here.rest.get(f"{at}/reactions/👍")).json()
        assert [user["username"] for user in people] == ["alan", "Alphapy"]
        after = (await here.rest.get(f"{at}/reactions/👍?after={people[0]['id']}")).json()
        assert [user["username"] for user in after] == ["Alphapy"]
        assert _code(await here.rest.put(f"{at}/reactions/abc/@me")) == (400, 10014)
        assert (await here.rest.delete(f"{at}/reactions/👍/@me")).status_code == 204
        assert (await here.rest.delete(f"{at}/reactions/👍/{alan.id}")).status_code == 204
        assert _code(await here.rest.delete(f"{at}/reactions/👍/@me")) == (400, 10014)
        assert (await here.rest.delete(f"{at}/reactions/blob:123")).status_code == 204
        assert (await bot.until("MESSAGE_REACTION_REMOVE_EMOJI"))["emoji"]["id"] == "123"
        alan.react(here.channel(), int(message["id"]), "🎉")
        alan.unreact(here.channel(), int(message["id"]), "🎉")
        assert (await here.rest.delete(f"{at}/reactions")).status_code == 204
        await bot.until("MESSAGE_REACTION_REMOVE_ALL")
        for number in range(20):
            alan.react(here.channel(), int(message["id"]), chr(0x1F600 + number))
        assert _code(await here.rest.put(f"{at}/reactions/👍/@me")) == (400, 30010)


@pytest.mark.parametrize("old", [True, False])
async def test_pins(*, old: bool) -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        message = await _send(here)
        base = f"{here.general}/pins" if old else f"{here.general}/messages/pins"
        for _ in range(2):
            assert (await here.rest.put(f"{base}/{message['id']}")).status_code == 204
        await bot.until("CHANNEL_PINS_UPDATE")
        assert (await bot.until("MESSAGE_CREATE"))["type"] == 6
        listed = (await here.rest.get(base)).json()
        pins = listed if old else [item["message"] for item in listed["items"]]
        assert [pin["id"] for pin in pins] == [message["id"]]
        assert (await here.rest.delete(f"{base}/{message['id']}")).status_code == 204
        assert not (await here.rest.get(f"{here.general}/messages/{message['id']}")).json()["pinned"]


async def test_permissions_decide() -> None:
    async with running(UNLIMITED) as here:
        world, owner, bot_id = here.demo.world, here.demo.owner_id, here.demo.application_id
        channel = here.channel()

        def deny(rights: int) -> None:
            world.channels.set_overwrite(owner, channel, bot_id, {"type": 1, "deny": str(rights)})

        deny(int(Right.SEND_MESSAGES))
        assert _code(await here.rest.post(f"{here.general}/messages", json={"content": "x"})) == (403, 50013)
        deny(int(Right.VIEW_CHANNEL))
        assert _code(await here.rest.get(here.general)) == (403, 50001)
        assert _code(await here.rest.post(f"{here.general}/messages", json={"content": "x"})) == (403, 50001)
        deny(int(Right.READ_MESSAGE_HISTORY))
        message = await _send(here)
        assert (await here.rest.get(f"{here.general}/messages")).json() == []
        assert _code(await here.rest.get(f"{here.general}/messages/{message['id']}")) == (403, 50013)
        deny(int(Right.EMBED_LINKS | Right.ATTACH_FILES))
        assert (await _send(here, "x", embeds=[{"title": "gone"}]))["embeds"] == []
        files = {"files[0]": ("a.txt", b"x")}
        answer = await here.rest.post(f"{here.general}/messages", data={"content": "x"}, files=files)
        assert _code(answer) == (403, 50013)


async def test_channels_are_made_changed_and_deleted() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        made = await here.rest.post(
            f"/guilds/{here.demo.guild_id}/channels", json={"name": "new", "topic": "t"}
        )
        assert made.status_code == 201
        channel = made.json()
        assert (await bot.until("CHANNEL_CREATE"))["id"] == channel["id"]
        at = f"/channels/{channel['id']}"
        assert (await here.rest.patch(at, json={"name": "newer"})).json()["name"] == "newer"
        assert (await bot.until("CHANNEL_UPDATE"))["name"] == "newer"
        overwrite = f"{at}/permissions/{here.demo.roles['Member']}"
        put = await here.rest.put(overwrite, json={"type": 0, "allow": str(1 << 11), "deny": "0"})
        assert put.status_code == 204
        assert (await here.rest.get(at)).json()["permission_overwrites"][0]["allow"] == str(1 << 11)
        assert (await here.rest.delete(overwrite)).status_code == 204
        assert _code(await here.rest.delete(overwrite)) == (404, 10009)
        assert (await here.rest.post(f"{at}/typing")).status_code == 204
        assert (await bot.until("TYPING_START"))["member"]["user"]["id"] == str(here.demo.application_id)
        moved = [{"id": str(here.demo.guild_id), "type": 0, "deny": "0", "allow": "0"}]
        assert (await here.rest.patch(at, json={"permission_overwrites": moved})).status_code == 200
        assert (await here.rest.delete(at)).json()["id"] == channel["id"]
        assert (await bot.until("CHANNEL_DELETE"))["id"] == channel["id"]
        assert _code(await here.rest.get(at)) == (404, 10003)
        for body in ({}, {"name": "x", "type": 99}, {"name": "x" * 101}):
            answer = await here.rest.post(f"/guilds/{here.demo.guild_id}/channels", json=body)
            assert _code(answer) == (400, 50035)


async def test_threads() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        message = await _send(here)
        at = f"{here.general}/messages/{message['id']}/threads"
        made = await here.rest.post(at, json={"name": "talk"})
        assert (made.status_code, made.json()["id"], made.json()["type"]) == (201, message["id"], 11)
        assert (await bot.until("THREAD_CREATE"))["newly_created"] is True
        assert _code(await here.rest.post(at, json={"name": "talk"})) == (400, 160004)
        thread = f"/channels/{message['id']}"
        assert (await here.rest.post(f"{thread}/messages", json={"content": "in it"})).status_code == 200
        alan = here.demo.users["alan"]
        assert (await here.rest.put(f"{thread}/thread-members/{alan}")).status_code == 204
        assert (await bot.until("THREAD_MEMBERS_UPDATE"))["added_members"][0]["user_id"] == str(alan)
        assert (await here.rest.delete(f"{thread}/thread-members/{alan}")).status_code == 204
        assert (await bot.until("THREAD_MEMBERS_UPDATE"))["removed_member_ids"] == [str(alan)]
        for _ in range(2):
            assert (await here.rest.put(f"{thread}/thread-members/@me")).status_code == 204
        assert _code(await here.rest.put(f"{here.general}/thread-members/@me")) == (404, 10003)
        assert (await here.rest.get(thread)).json()["message_count"] == 1
        edited = await here.rest.patch(thread, json={"name": "done", "archived": True, "locked": True})
        assert edited.json()["thread_metadata"]["archived"] is True
        active = await here.rest.get(f"/guilds/{here.demo.guild_id}/threads/active")
        assert active.json()["threads"] == []
        assert (await here.rest.delete(thread)).status_code == 200
        await bot.until("THREAD_DELETE")
        made = await here.rest.post(f"{here.general}/threads", json={"name": "open", "type": 11})
        assert made.status_code == 201
        closed = {"deny": str(int(Right.CREATE_PRIVATE_THREADS))}
        here.demo.world.channels.set_overwrite(here.demo.owner_id, here.channel(), here.demo.guild_id, closed)
        private = await here.rest.post(f"{here.general}/threads", json={"name": "secret", "type": 12})
        assert _code(private) == (403, 50013)
        assert _code(await here.rest.post(f"{here.general}/threads", json={"type": 11})) == (400, 50035)


async def test_roles_obey_the_hierarchy() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        base = f"/guilds/{here.demo.guild_id}/roles"
        made = (
            await here.rest.post(base, json={"name": "Fresh", "color": 255, "permissions": "1024"})
        ).json()
        assert (made["position"], made["color"]) == (1, 255)
        assert (await bot.until("GUILD_ROLE_CREATE"))["role"]["id"] == made["id"]
        assert (await here.rest.patch(f"{base}/{made['id']}", json={"name": "Stale"})).json()[
            "name"
        ] == "Stale"
        assert (await here.rest.get(f"{base}/{made['id']}")).json()["name"] == "Stale"
        assert len((await here.rest.patch(base, json=[{"id": made["id"], "position": 2}])).json()) == 6
        assert _code(await here.rest.post(base, json={"permissions": "8"})) == (403, 50013)
        own = here.demo.roles["Alphapy"]
        assert _code(await here.rest.patch(f"{base}/{own}", json={"name": "x"})) == (403, 50013)
        assert _code(await here.rest.delete(f"{base}/{own}")) == (400, 50028)
        alan = f"/guilds/{here.demo.guild_id}/members/{here.demo.users['alan']}"
        assert (await here.rest.put(f"{alan}/roles/{made['id']}")).status_code == 204
        assert (await bot.until("GUILD_MEMBER_UPDATE"))["roles"] == [made["id"]]
        assert (await here.rest.put(f"{alan}/roles/{made['id']}")).status_code == 204
        assert (await here.rest.delete(f"{alan}/roles/{made['id']}")).status_code == 204
        assert (await bot.until("GUILD_MEMBER_UPDATE"))["roles"] == []
        assert (await here.rest.put(f"{alan}/roles/{made['id']}")).status_code == 204
        assert (await here.rest.delete(f"{base}/{made['id']}")).status_code == 204
        assert (await here.rest.get(alan)).json()["roles"] == []
        assert _code(await here.rest.delete(f"{base}/{made['id']}")) == (404, 10011)
        assert _code(await here.rest.put(f"{alan}/roles/{own}")) == (400, 50028)
        assert _code(await here.rest.put(f"{alan}/roles/1")) == (404, 10011)
        owner, roles = here.demo.owner_id, here.demo.world.roles
        above = roles.create(owner, here.demo.guild_id, {"name": "Above"})["id"]
        roles.move(owner, here.demo.guild_id, [{"id": above, "position": 9}])
        assert _code(await here.rest.put(f"{alan}/roles/{above}")) == (403, 50013)
        assert _code(await here.rest.patch(alan, json={"roles": [above]})) == (403, 50013)


async def test_members_are_found_changed_kicked_and_banned() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        guild, alan = f"/guilds/{here.demo.guild_id}", here.demo.users["alan"]
        at = f"{guild}/members/{alan}"
        listed = (await here.rest.get(f"{guild}/members?limit=2")).json()
        assert len(listed) == 2
        after = (await here.rest.get(f"{guild}/members?limit=9&after={listed[-1]['user']['id']}")).json()
        assert len(after) == 4
        found = (await here.rest.get(f"{guild}/members/search?query=mar&limit=5")).json()
        assert [member["user"]["username"] for member in found] == ["margaret"]
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        changed = await here.rest.patch(at, json={"nick": "Al", "communication_disabled_until": until})
        assert changed.json()["nick"] == "Al"
        with pytest.raises(Exception, match="permissions"):
            here.person("alan").say(here.channel(), "mmm")
        assert (await here.rest.patch(at, json={"communication_disabled_until": None})).status_code == 200
        assert here.person("alan").say(here.channel(), "free")
        far = (datetime.now(UTC) + timedelta(days=29)).isoformat()
        assert _code(await here.rest.patch(at, json={"communication_disabled_until": far})) == (400, 50035)
        assert _code(await here.rest.patch(at, json={"nick": "x" * 33})) == (400, 50035)
        owner = f"{guild}/members/{here.demo.owner_id}"
        assert _code(await here.rest.patch(owner, json={"nick": "x"})) == (403, 50013)
        assert _code(await here.rest.delete(owner)) == (403, 50013)
        linus = f"{guild}/members/{here.demo.users['linus']}"
        assert _code(await here.rest.patch(linus, json={"communication_disabled_until": until})) == (
            403,
            50013,
        )
        assert (await here.rest.patch(f"{guild}/members/@me", json={"nick": "Bot"})).json()["nick"] == "Bot"
        roles = [str(here.demo.roles["Member"])]
        assert (await here.rest.patch(at, json={"roles": roles})).json()["roles"] == roles
        assert (await here.rest.delete(at)).status_code == 204
        assert (await bot.until("GUILD_MEMBER_REMOVE"))["user"]["id"] == str(alan)
        assert _code(await here.rest.get(at)) == (404, 10007)
        assert _code(await here.rest.get(f"{guild}/members/1")) == (404, 10013)


async def test_bans() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        guild, alan = f"/guilds/{here.demo.guild_id}", here.demo.users["alan"]
        at = f"{guild}/bans/{alan}"
        headers = {"X-Audit-Log-Reason": "spam%20%C3%A9"}
        assert (await here.rest.put(at, headers=headers)).status_code == 204
        assert (await bot.until("GUILD_BAN_ADD"))["user"]["id"] == str(alan)
        assert (await here.rest.get(at)).json()["reason"] == "spam é"
        assert len((await here.rest.get(f"{guild}/bans")).json()) == 1
        assert (await here.rest.get(f"{guild}/bans?after={alan}")).json() == []
        assert here.sandbox.requests.of("PUT /guilds/{guild_id}/bans/{user_id}")[0].reason == "spam é"
        with pytest.raises(Exception, match="banned"):
            here.demo.world.members.join(here.demo.guild_id, alan)
        assert (await here.rest.delete(at)).status_code == 204
        assert (await bot.until("GUILD_BAN_REMOVE"))["user"]["id"] == str(alan)
        assert _code(await here.rest.delete(at)) == (404, 10026)
        assert _code(await here.rest.get(at)) == (404, 10026)
        long = {"X-Audit-Log-Reason": "x" * 513}
        assert _code(await here.rest.put(at, headers=long)) == (400, 50035)


async def test_direct_messages() -> None:
    async with running(UNLIMITED) as here:
        opened = await here.rest.post(
            "/users/@me/channels", json={"recipient_id": str(here.demo.users["alan"])}
        )
        channel = opened.json()
        assert [user["username"] for user in channel["recipients"]] == ["alan"]
        again = await here.rest.post(
            "/users/@me/channels", json={"recipient_id": str(here.demo.users["alan"])}
        )
        assert again.json()["id"] == channel["id"]
        assert (
            await here.rest.post(f"/channels/{channel['id']}/messages", json={"content": "psst"})
        ).is_success
        seen = here.person("alan").visible_messages(int(channel["id"]))
        assert [message["content"] for message in seen] == ["psst"]
        with pytest.raises(Exception, match="No access"):
            here.person("ada").visible_messages(int(channel["id"]))
        own = await here.rest.post(
            "/users/@me/channels", json={"recipient_id": str(here.demo.application_id)}
        )
        assert _code(own) == (403, 50007)
        assert (await here.rest.delete(f"/channels/{channel['id']}")).status_code == 200
        assert _code(await here.rest.patch(f"/channels/{channel['id']}", json={"name": "x"})) == (403, 50003)


async def test_the_bots_own_account_and_guilds() -> None:
    async with running(UNLIMITED) as here:
        me = (await here.rest.get("/users/@me")).json()
        assert (me["username"], me["bot"]) == ("Alphapy", True)
        assert (await here.rest.patch("/users/@me", json={"username": "Beta"})).json()["username"] == "Beta"
        assert _code(await here.rest.patch("/users/@me", json={"username": "x"})) == (400, 50035)
        application = (await here.rest.get("/oauth2/applications/@me")).json()
        assert application["owner"]["id"] == str(here.demo.owner_id)
        assert (await here.rest.get("/applications/@me")).json()["id"] == me["id"]
        assert (await here.rest.get(f"/users/{here.demo.owner_id}")).json()["username"] == "ada"
        guilds = (await here.rest.get("/users/@me/guilds")).json()
        assert [guild["name"] for guild in guilds] == ["Lighthouse"]
        with_counts = (await here.rest.get("/users/@me/guilds?with_counts=true")).json()
        assert with_counts[0]["approximate_member_count"] == 6
        counted = (await here.rest.get(f"/guilds/{here.demo.guild_id}?with_counts=true")).json()
        assert counted["approximate_member_count"] == 6
        assert len((await here.rest.get(f"/guilds/{here.demo.guild_id}/channels")).json()) == 6
        assert (await here.rest.delete(f"/users/@me/guilds/{here.demo.guild_id}")).status_code == 204
        assert (await here.rest.get("/users/@me/guilds")).json() == []
        assert _code(await here.rest.get(f"/guilds/{here.demo.guild_id}")) == (403, 50001)
        assert _code(await here.rest.delete("/users/@me/guilds/1")) == (404, 10004)


async def test_requests_without_a_token_a_route_or_a_number() -> None:
    async with running(UNLIMITED) as here:
        for token in ("", "Bot wrong", here.demo.token):
            answer = await here.rest.get("/users/@me", headers={"Authorization": token})
            assert answer.status_code == 401
        for token in (f"sandbox.{here.demo.application_id}", shaped_token(here.demo.application_id)):
            headers = {"Authorization": f"Bot {token}"}
            assert (await here.rest.get("/users/@me", headers=headers)).is_success
        assert _code(await here.rest.get("/nothing/here")) == (404, 0)
        assert (await here.rest.put("/gateway")).status_code == 405
        assert _code(await here.rest.get("/channels/abc")) == (400, 50035)
        assert _code(await here.rest.get("/channels/1")) == (404, 10003)
        assert _code(await here.rest.get("/guilds/1")) == (404, 10004)
        assert _code(await here.rest.get(f"{here.general}/messages?before=x")) == (400, 50035)
        base = here.sandbox.api_base.removesuffix("/v10")
        for prefix in ("", "/v9", "/v10"):
            answer = await here.rest.get(f"{base}{prefix}/gateway", headers={"Authorization": ""})
            assert answer.json() == {"url": here.sandbox.gateway_url}


async def test_every_request_is_in_the_log() -> None:
    async with running(Tuning(rate_limits=False, request_log=3)) as here:
        for word in ("a", "b", "c", "d"):
            await _send(here, word)
        await here.rest.get("/nothing")
        log = here.sandbox.requests
        assert log.total == 5
        assert [(r.method, r.route, r.status) for r in log.records][-2:] == [
            ("POST", "/channels/{channel_id}/messages", 200),
            ("GET", "", 404),
        ]
        assert [r.body["content"] for r in log.of("POST /channels/{channel_id}/messages")] == ["c", "d"]
        assert log.records[0].application_id == here.demo.application_id


async def test_channels_that_hold_no_messages() -> None:
    async with running(UNLIMITED) as here:
        made = await here.rest.post(f"/guilds/{here.demo.guild_id}/channels", json={"name": "v", "type": 4})
        answer = await here.rest.post(f"/channels/{made.json()['id']}/messages", json={"content": "x"})
        assert _code(answer) == (400, 50008)


async def test_a_private_thread_is_seen_by_its_members_only() -> None:
    demo = demo_world(UNLIMITED)
    world, grace = demo.world, demo.users["grace"]
    thread = world.threads.start(demo.owner_id, demo.channels["general"], {"name": "hush", "type": 12})
    async with running(demo=demo) as here:
        at = f"/channels/{thread['id']}"
        assert (await here.rest.get(at)).is_success
        world.thread_members.join(demo.owner_id, int(thread["id"]), demo.users["alan"])
        here.person("alan").say(int(thread["id"]), "between us")
        with pytest.raises(Exception, match="No access"):
            here.person("margaret").say(int(thread["id"]), "let me in")
        assert here.person("grace").channels(demo.guild_id)[-1]["id"] != thread["id"]
        assert grace in world.guilds.get(demo.guild_id).members
