"""Routes about guilds, their channels, roles, members and bans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import Code, invalid_field, refused
from alphapy.sandbox.rest.routes import NOTHING, Answer, Call, Route
from alphapy.sandbox.world.guilds import Place
from alphapy.sandbox.world.permissions import THREAD_TYPES, Right

if TYPE_CHECKING:
    from alphapy.sandbox.world.guilds import Guild


def _guild(call: Call) -> Guild:
    guild = call.world.guilds.get(call.id("guild_id"))
    if call.by not in guild.members:
        raise refused(Code.MISSING_ACCESS)
    return guild


async def get_guild(call: Call) -> Answer:
    """The guild with its roles."""
    guild = _guild(call)
    body = call.world.guilds.guild_json(guild)
    if call.query.get("with_counts", "").lower() == "true":
        body |= {
            "approximate_member_count": len(guild.members),
            "approximate_presence_count": len(guild.members),
        }
    return Answer(body)


async def list_channels(call: Call) -> Answer:
    """The guild's channels, without threads."""
    return Answer([c for c in _guild(call).channels.values() if c["type"] not in THREAD_TYPES])


async def create_channel(call: Call) -> Answer:
    """A new channel."""
    channel = call.world.channels.create(call.by, call.id("guild_id"), call.object(), reason=call.reason)
    return Answer(channel, 201)


async def move_channels(call: Call) -> Answer:
    """Order the channels."""
    call.world.channels.move(call.by, call.id("guild_id"), call.array())
    return NOTHING


async def active_threads(call: Call) -> Answer:
    """The threads that are not archived."""
    guild = _guild(call)
    threads = [
        channel
        for channel in guild.channels.values()
        if channel["type"] in THREAD_TYPES
        and not channel["thread_metadata"]["archived"]
        and call.world.access.rights(call.by, Place(channel, guild)) & Right.VIEW_CHANNEL
    ]
    members = call.world.thread_members.of(guild, call.by)
    return Answer({"threads": threads, "members": members, "has_more": False})


async def list_roles(call: Call) -> Answer:
    """The guild's roles."""
    return Answer(list(_guild(call).roles.values()))


async def get_role(call: Call) -> Answer:
    """One role."""
    return Answer(call.world.roles.get(_guild(call), call.id("role_id")))


async def create_role(call: Call) -> Answer:
    """A new role."""
    return Answer(call.world.roles.create(call.by, call.id("guild_id"), call.object(), reason=call.reason))


async def move_roles(call: Call) -> Answer:
    """Order the roles."""
    return Answer(call.world.roles.move(call.by, call.id("guild_id"), call.array()))


async def edit_role(call: Call) -> Answer:
    """Change a role."""
    role = call.world.roles.edit(
        call.by, call.id("guild_id"), call.id("role_id"), call.object(), reason=call.reason
    )
    return Answer(role)


async def delete_role(call: Call) -> Answer:
    """Delete a role."""
    call.world.roles.delete(call.by, call.id("guild_id"), call.id("role_id"), reason=call.reason)
    return NOTHING


async def list_members(call: Call) -> Answer:
    """The guild's members, in the order of their ids."""
    guild = _guild(call)
    after = call.optional_id("after") or 0
    ids = sorted(user_id for user_id in guild.members if user_id > after)
    limit = call.number("limit", 1, 1000)
    return Answer([call.world.members.json(guild, user_id) for user_id in ids[:limit]])


async def search_members(call: Call) -> Answer:
    """Members whose name begins with a text."""
    found = call.world.members.search(
        _guild(call), call.query.get("query", ""), call.number("limit", 1, 1000)
    )
    return Answer(found)


async def get_member(call: Call) -> Answer:
    """One member."""
    guild, user_id = _guild(call), call.id("user_id")
    call.world.users.get(user_id)
    return Answer(call.world.members.json(guild, user_id))


async def edit_member(call: Call) -> Answer:
    """Change a member's nickname, roles or timeout."""
    user_id = call.id("user_id")
    member = call.world.members.edit(call.by, call.id("guild_id"), user_id, call.object(), reason=call.reason)
    return Answer(member)


async def edit_own_member(call: Call) -> Answer:
    """Change the bot's own nickname."""
    body = {key: value for key, value in call.object().items() if key == "nick"}
    return Answer(call.world.members.edit(call.by, call.id("guild_id"), call.by, body, reason=call.reason))


async def give_role(call: Call) -> Answer:
    """Give a member a role."""
    call.world.members.set_role(
        call.by, call.id("guild_id"), call.id("user_id"), call.id("role_id"), has=True, reason=call.reason
    )
    return NOTHING


async def take_role(call: Call) -> Answer:
    """Take a role from a member."""
    call.world.members.set_role(
        call.by, call.id("guild_id"), call.id("user_id"), call.id("role_id"), has=False, reason=call.reason
    )
    return NOTHING


async def kick(call: Call) -> Answer:
    """Remove a member."""
    call.world.members.kick(call.by, call.id("guild_id"), call.id("user_id"), reason=call.reason)
    return NOTHING


async def list_bans(call: Call) -> Answer:
    """The guild's bans."""
    guild = _guild(call)
    call.world.access.require_in_guild(call.by, guild, Right.BAN_MEMBERS)
    after, before = call.optional_id("after") or 0, call.optional_id("before")
    ids = sorted(user for user in guild.bans if user > after and (before is None or user < before))
    return Answer([guild.bans[user] for user in ids[: call.number("limit", 1000, 1000)]])


async def get_ban(call: Call) -> Answer:
    """One ban."""
    guild = _guild(call)
    call.world.access.require_in_guild(call.by, guild, Right.BAN_MEMBERS)
    entry = guild.bans.get(call.id("user_id"))
    if entry is None:
        raise refused(Code.UNKNOWN_BAN)
    return Answer(entry)


async def ban(call: Call) -> Answer:
    """Ban a user, and delete what they wrote in the last seconds, if it is asked for."""
    guild_id, user_id = call.id("guild_id"), call.id("user_id")
    seconds = _seconds_to_delete(call)
    call.world.members.ban(call.by, guild_id, user_id, call.reason)
    if seconds:
        call.world.messages.purge(guild_id, user_id, seconds)
    return NOTHING


async def bulk_ban(call: Call) -> Answer:
    """Ban many users."""
    guild_id, seconds = call.id("guild_id"), _seconds_to_delete(call)
    wanted = [int(user_id) for user_id in call.object()["user_ids"]]
    banned, failed = call.world.members.ban_many(call.by, guild_id, wanted, call.reason)
    if seconds:
        for user_id in banned:
            call.world.messages.purge(guild_id, user_id, seconds)
    return Answer({"banned_users": [str(u) for u in banned], "failed_users": [str(u) for u in failed]})


async def unban(call: Call) -> Answer:
    """Lift a ban."""
    call.world.members.unban(call.by, call.id("guild_id"), call.id("user_id"), reason=call.reason)
    return NOTHING


def _seconds_to_delete(call: Call) -> int:
    # Documented as fields of the body; Discord reads them from the query too, where discord.py puts them.
    body = {**call.query, **call.object()}
    days = int(body.get("delete_message_days") or 0)
    seconds = int(body.get("delete_message_seconds") or days * 86_400)
    if not 0 <= seconds <= limits.BAN_DELETES_SECONDS:
        words = f"int value should be from 0 to {limits.BAN_DELETES_SECONDS}."
        raise invalid_field(("delete_message_seconds",), "NUMBER_TYPE_MAX", words)
    return seconds


_GUILD = "/guilds/{guild_id}"
_MEMBER = f"{_GUILD}/members/{{user_id}}"
ROUTES = (
    Route("GET", _GUILD, get_guild),
    Route("GET", f"{_GUILD}/channels", list_channels),
    Route("POST", f"{_GUILD}/channels", create_channel),
    Route("PATCH", f"{_GUILD}/channels", move_channels),
    Route("GET", f"{_GUILD}/threads/active", active_threads),
    Route("GET", f"{_GUILD}/roles", list_roles),
    Route("POST", f"{_GUILD}/roles", create_role),
    Route("PATCH", f"{_GUILD}/roles", move_roles),
    Route("GET", f"{_GUILD}/roles/{{role_id}}", get_role),
    Route("PATCH", f"{_GUILD}/roles/{{role_id}}", edit_role),
    Route("DELETE", f"{_GUILD}/roles/{{role_id}}", delete_role),
    Route("GET", f"{_GUILD}/members", list_members),
    Route("GET", f"{_GUILD}/members/search", search_members),
    Route("PATCH", f"{_GUILD}/members/@me", edit_own_member),
    Route("GET", _MEMBER, get_member),
    Route("PATCH", _MEMBER, edit_member),
    Route("DELETE", _MEMBER, kick),
    Route("PUT", f"{_MEMBER}/roles/{{role_id}}", give_role),
    Route("DELETE", f"{_MEMBER}/roles/{{role_id}}", take_role),
    Route("GET", f"{_GUILD}/bans", list_bans),
    Route("GET", f"{_GUILD}/bans/{{user_id}}", get_ban),
    Route("PUT", f"{_GUILD}/bans/{{user_id}}", ban),
    Route("DELETE", f"{_GUILD}/bans/{{user_id}}", unban),
    Route("POST", f"{_GUILD}/bulk-ban", bulk_ban),
)
