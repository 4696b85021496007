"""A server's channels and roles, and what happened to it lately (spec/api.md 7.7.7)."""

from __future__ import annotations

from alphapy.actors.operational_events.messages import EVENTS, RecordEvent
from alphapy.gateway.models.guild import Channel, Permissions, Role
from alphapy.gateway.shard import ShardState
from alphapy.pure.ids import ChannelId, GuildId, RoleId
from tests.web.house import shard
from tests.web.neighbours import (
    ADMIN_ELSEWHERE,
    BOT_OWNER,
    ELSEWHERE,
    FOREIGN,
    HOME,
    MEMBER,
)
from tests.web.routes.conftest import KEY, Desk

META = f"/api/dashboard/{HOME}/discord-meta"
LOGS = f"/api/dashboard/logs?guild_id={HOME}"


def furnish(desk: Desk, *, may_manage: bool = True) -> None:
    """A guild with categories, channels of all kinds, and a hierarchy of roles."""
    guild = desk.house.neighbours.guilds[HOME]
    channels = [
        Channel(id=ChannelId(30), type=0, name="zebra", guild_id=HOME),
        Channel(id=ChannelId(31), type=4, name="Zoo", guild_id=HOME),
        Channel(id=ChannelId(32), type=4, name="ants", guild_id=HOME),
        Channel(id=ChannelId(33), type=5, name="News", guild_id=HOME, parent_id=ChannelId(31)),
        Channel(id=ChannelId(34), type=0, name="apes", guild_id=HOME, parent_id=ChannelId(31)),
        Channel(id=ChannelId(35), type=2, name="voice", guild_id=HOME),
        Channel(id=ChannelId(36), type=15, name="forum", guild_id=HOME),
    ]
    guild.channels = {channel.id: channel for channel in channels}
    granted = Permissions.MANAGE_ROLES if may_manage else 0
    roles = [
        Role(id=RoleId(HOME), name="@everyone"),
        Role(id=RoleId(40), name="Bot", permission_bits=granted, position=5, managed=True),
        Role(id=RoleId(41), name="Above", position=6),
        Role(id=RoleId(42), name="High", position=4, color=0x3498DB),
        Role(id=RoleId(43), name="Low", position=1),
        Role(id=RoleId(44), name="Other bot", position=2, managed=True),
        Role(id=RoleId(45), name="Level", position=5),
        *(role for role in guild.roles.values() if role.name == "Admins"),
    ]
    guild.roles = {role.id: role for role in roles}
    guild.my_roles = (RoleId(40),)


async def test_channels_and_roles_that_settings_can_name(desk: Desk) -> None:
    furnish(desk)
    meta = await desk.get(META)
    assert meta["channels"] == [
        {"id": "32", "name": "ants", "type": "category", "parent_id": None},
        {"id": "31", "name": "Zoo", "type": "category", "parent_id": None},
        {"id": "30", "name": "zebra", "type": "text", "parent_id": None},
        {"id": "34", "name": "apes", "type": "text", "parent_id": "31"},
        {"id": "33", "name": "News", "type": "announcement", "parent_id": "31"},
    ]
    assert [role for role in meta["roles"] if role["name"] != "Admins"] == [
        {"id": "42", "name": "High", "color": 0x3498DB, "position": 4},
        {"id": "43", "name": "Low", "color": None, "position": 1},
    ]


async def test_without_the_permission_there_are_no_roles(desk: Desk) -> None:
    furnish(desk, may_manage=False)
    meta = await desk.get(META)
    assert meta["roles"] == []
    assert len(meta["channels"]) == 5


async def test_who_may_not_look_and_what_is_not_there(desk: Desk) -> None:
    desk.user_id = MEMBER
    assert await desk.refused("GET", META) == (403, "not_guild_admin")
    desk.user_id = BOT_OWNER
    assert await desk.refused("GET", desk.path("discord-meta", FOREIGN)) == (403, "not_guild_admin")
    desk.house.gateway.shards = (shard(0, state=ShardState.CONNECTING),)
    assert await desk.refused("GET", META) == (503, "bot_unavailable")


async def test_logs_are_the_servers_and_the_services_newest_first(desk: Desk) -> None:
    for event_type, guild_id, message in (
        ("BOT_READY", None, "ready"),
        ("GUILD_SYNC", HOME, "synced"),
        ("SETTINGS_CHANGED", ELSEWHERE, "not yours"),
        ("COG_ERROR", HOME, "broken"),
    ):
        desk.house.clock.advance(1)
        desk.house.registry.tell(
            EVENTS,
            RecordEvent(
                event_type=event_type,
                message=message,
                guild_id=None if guild_id is None else GuildId(guild_id),
                details={"n": 1},
            ),
        )

    logs = (await desk.get(LOGS))["logs"]
    assert [(log["event_type"], log["guild_id"]) for log in logs] == [
        ("COG_ERROR", HOME),
        ("GUILD_SYNC", HOME),
        ("BOT_READY", None),
    ]
    assert logs[0] == {
        "timestamp": logs[0]["timestamp"],
        "event_type": "COG_ERROR",
        "guild_id": HOME,
        "message": "broken",
        "details": {"n": 1},
    }
    for query, types in (
        ("&limit=1", ["COG_ERROR"]),
        ("&limit=-5", ["COG_ERROR"]),
        ("&event_types=BOT_READY,GUILD_SYNC", ["GUILD_SYNC", "BOT_READY"]),
        ("&event_types=BOT_READY,NOBODY_KNOWS", ["BOT_READY"]),
        ("&event_types=NOBODY_KNOWS", []),
        ("&event_types=", ["COG_ERROR", "GUILD_SYNC", "BOT_READY"]),
    ):
        assert [log["event_type"] for log in (await desk.get(LOGS + query))["logs"]] == types, query
    assert (await desk.get(LOGS + "&limit=1&ids=string"))["logs"][0]["guild_id"] == str(HOME)


async def test_logs_are_for_admins_of_the_server_that_is_asked_for(desk: Desk) -> None:
    desk.user_id = ADMIN_ELSEWHERE
    assert await desk.refused("GET", LOGS) == (403, "not_guild_admin")
    assert (await desk.get(f"/api/dashboard/logs?guild_id={ELSEWHERE}"))["logs"] == []
    for query in ("", "?guild_id=", "?guild_id=abc", "?guild_id=0"):
        assert await desk.refused("GET", f"/api/dashboard/logs{query}") == (422, "validation_error"), query
    answer = await desk.house.http.get(LOGS, headers={"X-Api-Key": KEY})
    assert answer.status_code == 401
