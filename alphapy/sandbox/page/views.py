"""What the page is shown: people, guilds, channels and messages as one member sees them, as JSON."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from alphapy.sandbox.errors import JSON, Refused
from alphapy.sandbox.world import permissions
from alphapy.sandbox.world.guilds import Guild, Place
from alphapy.sandbox.world.permissions import Right

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.sandbox.person import Person
    from alphapy.sandbox.world.world import World

PEOPLE = 40
GUILDS = 50
MEMBERS = 500
MESSAGES = 50
"""How many of each are shown at once; further messages come page by page."""

DIRECT = 1
_MODERATES = Right.MANAGE_MESSAGES | Right.KICK_MEMBERS | Right.MODERATE_MEMBERS


def people(world: World) -> list[JSON]:
    """Those one can speak as: the people of the guilds in use, the oldest accounts first."""
    homes: dict[int, Guild] = {}
    for guild in world.guilds.known.values():
        for user_id in guild.members:
            if not world.users.is_bot(user_id):
                homes.setdefault(user_id, guild)
    return [_member(world, homes[user_id], user_id) for user_id in sorted(homes)[:PEOPLE]]


def state(person: Person, guild_id: int | None) -> JSON:
    """The guilds, the one on show with what is in it, and the bots with how they are connected."""
    world = person.world
    mine = list(islice(world.guilds.of_user(person.id), GUILDS))
    if guild_id not in mine:
        guild_id = mine[0] if mine else None
    return {
        "guilds": [{"id": str(one), "name": _guild_name(world, one)} for one in mine],
        "guild": None if guild_id is None else _guild(person, world.guilds.get(guild_id)),
        "bots": bots(world),
    }


def bots(world: World) -> list[JSON]:
    """Every application and whether it is connected to the gateway."""
    return [
        {
            "id": str(application_id),
            "name": _name(world, application_id),
            "online": application_id in world.connected_bots,
        }
        for application_id in world.applications.known
    ]


def messages(person: Person, channel_id: int, before: int | None) -> JSON:
    """A page of a channel's messages, oldest first, and whether older ones exist."""
    world = person.world
    world.channels.visible(person.id, channel_id)
    seen = [one for one in world.messages.visible(person.id, channel_id) if before is None or one.id < before]
    shown = [world.messages.json(one, person.id) for one in seen[-MESSAGES:]]
    return {"messages": shown, "more": len(seen) > MESSAGES}


def message(person: Person, channel_id: int, message_id: int) -> JSON | None:
    """One message as the person sees it; None when it is gone or not theirs to see."""
    world = person.world
    try:
        return world.messages.json(world.messages.get(channel_id, message_id, person.id), person.id)
    except Refused:
        return None


def commands(person: Person, channel_id: int) -> list[JSON]:
    """The commands that are offered in a channel, each with the name of its bot."""
    return [
        {**command, "application_name": _name(person.world, int(command["application_id"]))}
        for command in person.commands(channel_id)
    ]


def _guild(person: Person, guild: Guild) -> JSON:
    world = person.world
    roles = sorted(guild.roles.values(), key=permissions.rank, reverse=True)
    return {
        "id": str(guild.id),
        "name": guild.name,
        "roles": [{"id": role["id"], "name": role["name"], "colour": _colour(role)} for role in roles],
        "channels": [*_channels(person, guild), *_direct_channels(person)],
        "members": [_member(world, guild, user_id) for user_id in islice(guild.members, MEMBERS)],
    }


def _channels(person: Person, guild: Guild) -> Iterator[JSON]:
    world = person.world
    for channel in person.channels(guild.id):
        rights = world.access.rights(person.id, Place(channel, guild))
        sending = Right.SEND_MESSAGES
        if channel["type"] in permissions.THREAD_TYPES:
            sending = Right.SEND_MESSAGES_IN_THREADS
        yield {
            "id": channel["id"],
            "name": channel["name"],
            "type": channel["type"],
            "topic": channel.get("topic") or "",
            "position": channel.get("position", 0),
            "parent_id": channel.get("parent_id"),
            "can_send": bool(rights & sending),
            "can_manage": bool(rights & Right.MANAGE_MESSAGES),
        }


def _direct_channels(person: Person) -> Iterator[JSON]:
    world = person.world
    for channel_id, channel in world.guilds.direct.items():
        recipients = [int(user) for user in channel["recipient_ids"]]
        if person.id not in recipients:
            continue
        other = next((user for user in recipients if user != person.id), person.id)
        yield {
            "id": str(channel_id),
            "name": _name(world, other),
            "type": DIRECT,
            "topic": "Direct messages",
            "position": 0,
            "parent_id": None,
            "can_send": True,
            "can_manage": False,
            "with": str(other),
        }


def _member(world: World, guild: Guild, user_id: int) -> JSON:
    user = world.users.get(user_id)
    member = guild.members[user_id]
    roles = [guild.roles[int(role_id)] for role_id in member["roles"] if int(role_id) in guild.roles]
    coloured = [role for role in sorted(roles, key=permissions.rank, reverse=True) if role["color"]]
    return {
        "id": str(user_id),
        "name": member["nick"] or user["global_name"] or user["username"],
        "username": user["username"],
        "bot": bool(user.get("bot", False)),
        "kind": _kind(world, guild, user_id),
        "colour": _colour(coloured[0]) if coloured else None,
        "roles": [role["id"] for role in roles],
    }


def _kind(world: World, guild: Guild, user_id: int) -> str:
    """What somebody is in a guild, in one word."""
    if world.users.is_bot(user_id):
        return "bot"
    if guild.owner_id == user_id:
        return "owner"
    rights = permissions.in_guild(guild, user_id, world.ids.now())
    if rights & Right.ADMINISTRATOR:
        return "admin"
    return "moderator" if rights & _MODERATES else "member"


def _colour(role: JSON) -> str | None:
    return f"#{role['color']:06x}" if role["color"] else None


def _name(world: World, user_id: int) -> str:
    user = world.users.get(user_id)
    return str(user["global_name"] or user["username"])


def _guild_name(world: World, guild_id: int) -> str:
    return world.guilds.idle.get(guild_id) or world.guilds.get(guild_id).name
