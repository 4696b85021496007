"""The audit log over real sockets: who did what and why, who is told, and how it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.sandbox.demo import demo_world
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.audit import KEPT, Action, differences
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.storage import dump, restore
from tests.sandbox.clients import ALL_INTENTS, JSON, Running, gateway, running

if TYPE_CHECKING:
    import httpx

UNLIMITED = Tuning(rate_limits=False, identify_window=0)
BECAUSE = {"X-Audit-Log-Reason": "a%20reason%2C%20%C3%BCberhaupt"}
REASON = "a reason, überhaupt"


async def _log(here: Running, **query: object) -> list[JSON]:
    answer = await here.rest.get(
        f"/guilds/{here.demo.guild_id}/audit-logs",
        params=query,  # type: ignore[arg-type]
    )
    entries: list[JSON] = answer.json()["audit_log_entries"]
    return entries


async def _newest(here: Running) -> JSON:
    return (await _log(here, limit=1))[0]


async def test_an_act_is_logged_with_its_changes_and_its_reason() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        guild = f"/guilds/{here.demo.guild_id}"
        role = (
            await here.rest.post(f"{guild}/roles", json={"name": "Fresh", "color": 7}, headers=BECAUSE)
        ).json()
        told = await bot.until("GUILD_AUDIT_LOG_ENTRY_CREATE")
        entry = await _newest(here)
        assert told == {**entry, "guild_id": str(here.demo.guild_id)}
        assert (entry["action_type"], entry["target_id"], entry["reason"]) == (30, role["id"], REASON)
        assert entry["user_id"] == str(here.demo.application_id)
        assert {"key": "name", "new_value": "Fresh"} in entry["changes"]
        await here.rest.patch(f"{guild}/roles/{role['id']}", json={"name": "Stale"})
        entry = await _newest(here)
        assert (entry["action_type"], "reason" in entry) == (31, False)
        assert entry["changes"] == [{"key": "name", "old_value": "Fresh", "new_value": "Stale"}]
        await here.rest.patch(f"{guild}/roles/{role['id']}", json={"name": "Stale"})
        assert (await _newest(here))["id"] == entry["id"]
        await here.rest.delete(f"{guild}/roles/{role['id']}")
        assert {"key": "name", "old_value": "Stale"} in (await _newest(here))["changes"]


async def test_roles_of_a_member_are_named() -> None:
    async with running(UNLIMITED) as here:
        alan, role = here.demo.users["alan"], str(here.demo.roles["Member"])
        at = f"/guilds/{here.demo.guild_id}/members/{alan}"
        for method in ("PUT", "PUT", "DELETE"):
            await here.rest.request(method, f"{at}/roles/{role}", headers=BECAUSE)
        taken, given = await _log(here, action_type=25, limit=2)
        named = [{"id": role, "name": "Member"}]
        assert given["changes"] == [{"key": "$add", "new_value": named}]
        assert taken["changes"] == [{"key": "$remove", "new_value": named}]
        assert len(await _log(here, action_type=25, user_id=here.demo.application_id)) == 2


async def test_overwrites_say_for_whom() -> None:
    async with running(UNLIMITED) as here:
        at = f"{here.general}/permissions"
        role, alan = here.demo.roles["Member"], here.demo.users["alan"]
        await here.rest.put(f"{at}/{role}", json={"type": 0, "deny": "2048"})
        await here.rest.put(f"{at}/{role}", json={"type": 0, "allow": "1024"})
        await here.rest.delete(f"{at}/{role}")
        await here.rest.put(f"{at}/{alan}", json={"type": 1, "deny": "2048"})
        entries = await _log(here, limit=4)
        assert [entry["action_type"] for entry in entries] == [13, 15, 14, 13]
        assert entries[0]["options"] == {"id": str(alan), "type": "1"}
        assert entries[1]["options"] == {"id": str(role), "type": "0", "role_name": "Member"}
        assert entries[2]["changes"] == [
            {"key": "allow", "old_value": "0", "new_value": "1024"},
            {"key": "deny", "old_value": "2048", "new_value": "0"},
        ]


async def test_deleted_and_pinned_messages_name_their_author_and_channel() -> None:
    async with running(UNLIMITED) as here:
        alan = here.person("alan")
        said = [alan.say(here.channel(), str(number)) for number in range(4)]
        at = f"{here.general}/messages"
        await here.rest.put(f"{here.general}/pins/{said[0]['id']}", headers=BECAUSE)
        entry = await _newest(here)
        assert (entry["action_type"], entry["target_id"], entry["reason"]) == (74, str(alan.id), REASON)
        assert entry["options"] == {"channel_id": str(here.channel()), "message_id": said[0]["id"]}
        await here.rest.delete(f"{at}/{said[0]['id']}", headers=BECAUSE)
        entry = await _newest(here)
        assert (entry["action_type"], entry["target_id"], entry["reason"]) == (72, str(alan.id), REASON)
        assert entry["options"] == {"channel_id": str(here.channel()), "count": "1"}
        await here.rest.post(
            f"{at}/bulk-delete", json={"messages": [m["id"] for m in said[1:3]]}, headers=BECAUSE
        )
        entry = await _newest(here)
        assert (entry["action_type"], entry["target_id"]) == (73, str(here.channel()))
        assert (entry["options"], entry["reason"]) == ({"count": "2"}, REASON)
        own = (await here.rest.post(at, json={"content": "mine"})).json()
        await here.rest.delete(f"{at}/{own['id']}")
        alan.delete(here.channel(), int(said[3]["id"]))
        assert (await _newest(here))["id"] == entry["id"]


async def test_the_log_is_paged_and_filtered_and_names_people() -> None:
    async with running(UNLIMITED) as here:
        at = f"/guilds/{here.demo.guild_id}"
        crowd = [here.demo.users[name] for name in ("margaret", "alan")]
        for user in crowd:
            await here.rest.put(f"{at}/bans/{user}", headers=BECAUSE)
            await here.rest.delete(f"{at}/bans/{user}")
        newest = [entry["id"] for entry in await _log(here, limit=4)]
        assert newest == sorted(newest, key=int, reverse=True)
        assert [entry["id"] for entry in await _log(here, limit=2, before=newest[1])] == newest[2:4]
        assert [entry["id"] for entry in await _log(here, after=newest[2])] == [newest[1], newest[0]]
        banned = await _log(here, action_type=int(Action.MEMBER_BAN_ADD))
        assert [entry["target_id"] for entry in banned] == [str(user) for user in reversed(crowd)]
        assert len(await _log(here, target_id=crowd[0])) == 2
        answer = (await here.rest.get(f"{at}/audit-logs?limit=2")).json()
        assert {user["username"] for user in answer["users"]} == {"Alphapy", "alan"}
        assert (await here.rest.get(f"{at}/audit-logs?limit=101")).status_code == 400


@pytest.mark.parametrize("right", [Right.VIEW_AUDIT_LOG, Right(0)])
async def test_only_who_may_view_the_log_reads_it_and_is_told(right: Right) -> None:
    demo = demo_world(UNLIMITED)
    role = demo.world.guilds.get(demo.guild_id).roles[demo.roles["Alphapy"]]
    role["permissions"] = str(int(right | Right.MANAGE_CHANNELS))
    async with running(demo=demo) as here, gateway(here) as bot:
        await bot.login()
        answer: httpx.Response = await here.rest.get(f"/guilds/{here.demo.guild_id}/audit-logs")
        assert answer.status_code == (200 if right else 403)
        await here.rest.patch(here.general, json={"topic": "new"})
        await bot.until("CHANNEL_UPDATE")
        here.person("alan").say(here.channel(), "after it")
        await bot.until("MESSAGE_CREATE")
        assert ("GUILD_AUDIT_LOG_ENTRY_CREATE" in bot.names()) == bool(right)


async def test_the_log_goes_with_the_moderation_intent() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login(intents=ALL_INTENTS & ~(1 << 2))
        await here.rest.patch(here.general, json={"topic": "new"})
        here.person("alan").say(here.channel(), "after it")
        await bot.until("MESSAGE_CREATE")
        assert "GUILD_AUDIT_LOG_ENTRY_CREATE" not in bot.names()


def test_the_log_is_bounded_and_saved_with_the_world() -> None:
    demo = demo_world(UNLIMITED)
    guild = demo.world.guilds.get(demo.guild_id)
    for number in range(KEPT + 5):
        demo.world.audit.record(demo.owner_id, guild, Action.MEMBER_KICK, number)
    assert (len(guild.audit_log), guild.audit_log[-1]["target_id"]) == (KEPT, str(KEPT + 4))
    again = restore(dump(demo.world))
    assert again.guilds.get(demo.guild_id).audit_log == guild.audit_log


def test_differences_leave_out_what_is_the_same_or_absent() -> None:
    before, after = {"a": 1, "b": 2, "c": None}, {"a": 1, "b": 3, "c": 4}
    assert differences(before, after, ("a", "b", "c", "d")) == [
        {"key": "b", "old_value": 2, "new_value": 3},
        {"key": "c", "new_value": 4},
    ]
