"""The demo guild that a newcomer finds: Lighthouse, with five members, a bot, and a few channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.sandbox.world.applications import DEMO_TOKEN
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.world import World

if TYPE_CHECKING:
    from alphapy.sandbox.tuning import Tuning
    from alphapy.sandbox.world.guilds import Guild

BOT_NAME = "Alphapy"
GUILD_NAME = "Lighthouse"
MEMBERS = (
    ("ada", "Ada"),
    ("linus", "Linus"),
    ("grace", "Grace"),
    ("margaret", "Margaret"),
    ("alan", "Alan"),
)
"""Owner, administrator by role, moderator, and two members."""
BOT_RIGHTS = int(
    Right.MANAGE_ROLES
    | Right.MANAGE_CHANNELS
    | Right.KICK_MEMBERS
    | Right.BAN_MEMBERS
    | Right.MANAGE_GUILD
    | Right.VIEW_AUDIT_LOG
    | Right.MANAGE_MESSAGES
    | Right.MANAGE_THREADS
    | Right.MANAGE_NICKNAMES
    | Right.MODERATE_MEMBERS
    | Right.PIN_MESSAGES
)
MODERATOR_RIGHTS = int(
    Right.MANAGE_MESSAGES
    | Right.KICK_MEMBERS
    | Right.MODERATE_MEMBERS
    | Right.MANAGE_THREADS
    | Right.PIN_MESSAGES
)
CHANNELS = (
    ("general", "Everything that has no channel of its own"),
    ("bot-commands", "Talk to the bot"),
    ("introductions", "Say hello"),
    ("support", "Ask for help"),
)
STAFF_CHANNELS = (
    ("moderators", "For moderators only"),
    ("logs", "What the bot reports"),
)


@attrs.frozen(kw_only=True)
class Demo:
    """The demo guild's world and who is who in it."""

    world: World
    guild_id: int
    application_id: int
    token: str
    users: dict[str, int]
    """User ids by username."""
    channels: dict[str, int]
    """Channel ids by name."""
    roles: dict[str, int]
    """Role ids by name."""

    @property
    def owner_id(self) -> int:
        """The user who owns the guild."""
        return self.users["ada"]


def demo_world(tuning: Tuning | None = None) -> Demo:
    """A fresh world with the demo guild."""
    world = World(tuning)
    users = {username: world.users.create(username, display_name=shown) for username, shown in MEMBERS}
    owner = users["ada"]
    guild = world.guilds.create(GUILD_NAME, owner)
    application = world.applications.create(BOT_NAME, owner, tokens=(DEMO_TOKEN,))
    roles = _roles(world, guild, owner, application.id)
    given = {"linus": ("Administrator",), "grace": ("Moderator",), "margaret": ("Member",), "alan": ()}
    for username, names in given.items():
        world.members.join(guild.id, users[username], role_ids=tuple(roles[name] for name in names))
    world.members.join(guild.id, application.id, role_ids=(roles[BOT_NAME],))
    channels = _channels(world, guild, owner, roles)
    guild.record["system_channel_id"] = str(channels["general"])
    return Demo(
        world=world,
        guild_id=guild.id,
        application_id=application.id,
        token=DEMO_TOKEN,
        users=users,
        channels=channels,
        roles=roles,
    )


def find_demo(world: World) -> Demo:
    """The demo guild of a world that was loaded from a file."""
    application = next(iter(world.applications.known.values()))
    guild = next(guild for guild in world.guilds.known.values() if guild.name == GUILD_NAME)
    return Demo(
        world=world,
        guild_id=guild.id,
        application_id=application.id,
        token=DEMO_TOKEN,
        users={world.users.get(user)["username"]: user for user in guild.members if user != application.id},
        channels={channel["name"]: channel_id for channel_id, channel in guild.channels.items()},
        roles={role["name"]: role_id for role_id, role in guild.roles.items() if role_id != guild.id},
    )


def add_idle_guilds(demo: Demo, count: int) -> None:
    """Add guilds that the bot is a member of and in which nothing happens."""
    demo.world.guilds.add_idle(count, owner_id=demo.owner_id, bot_id=demo.application_id)


def _roles(world: World, guild: Guild, owner: int, bot_id: int) -> dict[str, int]:
    wanted = (
        ("Member", 0, 0x3BA55D),
        ("Moderator", MODERATOR_RIGHTS, 0x5865F2),
        ("Administrator", int(Right.ADMINISTRATOR), 0xE67E22),
        (BOT_NAME, BOT_RIGHTS, 0x1ABC9C),
    )
    roles = {}
    for position, (name, rights, colour) in enumerate(wanted, 1):
        role = world.roles.create(
            owner, guild.id, {"name": name, "color": colour, "permissions": str(rights)}
        )
        roles[name] = int(role["id"])
        guild.roles[roles[name]]["hoist"] = name != "Member"
        guild.roles[roles[name]]["position"] = position
    for position, name in enumerate(("Member", "Moderator", "Administrator", BOT_NAME), 1):
        guild.roles[roles[name]]["position"] = position
    own = guild.roles[roles[BOT_NAME]]
    own["managed"] = True
    own["tags"] = {"bot_id": str(bot_id)}
    return roles


def _channels(world: World, guild: Guild, owner: int, roles: dict[str, int]) -> dict[str, int]:
    channels = {}
    for name, topic in CHANNELS:
        channel = world.channels.create(owner, guild.id, {"name": name, "topic": topic})
        channels[name] = int(channel["id"])
    view = str(int(Right.VIEW_CHANNEL))
    hidden = [
        {"id": str(guild.id), "type": 0, "deny": view},
        *({"id": str(roles[name]), "type": 0, "allow": view} for name in ("Moderator", BOT_NAME)),
    ]
    for name, topic in STAFF_CHANNELS:
        channel = world.channels.create(
            owner, guild.id, {"name": name, "topic": topic, "permission_overwrites": hidden}
        )
        channels[name] = int(channel["id"])
    return channels
