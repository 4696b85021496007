"""The world in a file: JSON, written atomically, so that a second start keeps chat, commands and ids.

Not kept: gateway sessions and interactions (a client identifies anew), and the bytes of attachments. A crash
loses the changes of the last moment (``Tuning.save_after``), never the file.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import trio

from alphapy.sandbox.errors import Refused
from alphapy.sandbox.world import shapes
from alphapy.sandbox.world.applications import Application
from alphapy.sandbox.world.board import Stored
from alphapy.sandbox.world.feed import Happening
from alphapy.sandbox.world.guilds import Guild
from alphapy.sandbox.world.ids import utc_now
from alphapy.sandbox.world.permissions import THREAD_TYPES
from alphapy.sandbox.world.records import guild_record
from alphapy.sandbox.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.tuning import Tuning

FORMAT = 1


REPLACED = "WORLD_REPLACED"
"""Told through the feed when the world has become another: nothing that was known of it holds any more."""


class UnreadableWorld(Exception):
    """The file is not a world of this version; the message says what to do."""


def dump(world: World) -> bytes:
    """The world as JSON."""
    guilds = world.guilds
    state: JSON = {
        "format": FORMAT,
        "last_id": world.ids.last,
        "users": list(world.users.records.values()),
        "applications": [attrs.asdict(application) for application in world.applications.known.values()],
        "guilds": [_guild_json(guild) for guild in guilds.known.values()],
        "direct": list(guilds.direct.values()),
        "idle": {"owner": guilds.idle_owner, "bot": guilds.idle_bot, "guilds": list(guilds.idle.items())},
        "commands": [
            {"application_id": application_id, "guild_id": guild_id, "commands": list(commands.values())}
            for (application_id, guild_id), commands in world.commands.registered.items()
        ],
        "messages": {
            str(channel_id): [attrs.asdict(stored) for stored in messages.values()]
            for channel_id, messages in world.messages.by_channel.items()
        },
    }
    return msgspec.json.encode(state)


def restore(data: bytes, tuning: Tuning | None = None, *, now: Callable[[], datetime] = utc_now) -> World:
    """The world of such a JSON text; :class:`UnreadableWorld` if it is none."""
    try:
        state = msgspec.json.decode(data)
        if state["format"] != FORMAT:
            raise UnreadableWorld(
                f"The world's format is {state['format']}, not {FORMAT}: start with a new file."
            )
        shapes.check(state)
        world = World(tuning, now=now)
        _fill(world, state)
        _look_at_everything(world)
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, AttributeError, Refused) as broken:
        raise UnreadableWorld(
            "The world's file is damaged: move it away to start with a new one."
        ) from broken
    return world


def replace(world: World, data: bytes) -> None:
    """Make a world that runs into the one of such a JSON text, or change nothing: :class:`UnreadableWorld`.

    The bots stay what they are, with their commands; their gateway sessions end, so that they identify anew
    and learn what has become of their guilds. Ids go on growing.
    """
    try:
        fresh = restore(data, world.tuning)
    except UnreadableWorld as unreadable:
        raise UnreadableWorld("This file is no world that was saved by this sandbox.") from unreadable
    if not world.applications.known.keys() <= fresh.applications.known.keys():
        raise UnreadableWorld("This world was saved by another sandbox: its bots are not those of this one.")
    fresh.applications.known |= world.applications.known
    for now, then in (
        (world.users.records, fresh.users.records),
        (world.applications.known, fresh.applications.known),
        (world.guilds.known, fresh.guilds.known),
        (world.guilds.where, fresh.guilds.where),
        (world.guilds.direct, fresh.guilds.direct),
        (world.guilds.idle, fresh.guilds.idle),
        (world.messages.by_channel, fresh.messages.by_channel),
    ):
        _become(now, then)
    world.guilds.idle_owner, world.guilds.idle_bot = fresh.guilds.idle_owner, fresh.guilds.idle_bot
    world.ids.last = max(world.ids.last, fresh.ids.last)
    world.interactions.forget_all()
    world.feed.emit(Happening(name=REPLACED, data={}, gateway=False))


def _become(now: dict[Any, Any], then: dict[Any, Any]) -> None:
    now.clear()
    now.update(then)


def _look_at_everything(world: World) -> None:
    """Raises where something is missing that a client would be shown."""
    for guild in world.guilds.known.values():
        _look_at_guild(world, guild)
        viewer = next(iter(guild.members), guild.id)
        world.access.create_payload(guild.id, viewer, everybody=True)
        for channel_id in guild.channels:
            with contextlib.suppress(Refused):  # not every channel has messages, or shows them to everybody
                world.messages.history(viewer, channel_id)


def _look_at_guild(world: World, guild: Guild) -> None:
    """Raises where a guild lacks a field that each has, or names somebody or something that is not there."""
    for key in guild_record(guild.id, "", guild.owner_id):
        guild.record[key]
    guild.roles[guild.id]
    guild.members[guild.owner_id]
    for user_id in guild.members:
        world.users.get(user_id)
    for code, invite in guild.invites.items():
        if invite["code"] != code:
            raise ValueError("an invite is filed under another code")
        world.users.get(int(invite["inviter_id"]))
    for channel in guild.channels.values():
        if channel["type"] in THREAD_TYPES:
            channel["thread_metadata"]
            guild.thread_members[int(channel["id"])]


def save(world: World, path: Path) -> None:
    """Write the world to the file; a reader finds the old one or the new one, never a half."""
    _write(path, dump(world))


def load(path: Path, tuning: Tuning | None = None) -> World | None:
    """The world of a file; None if there is no file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return restore(data, tuning)


async def keep_saved(
    world: World, path: Path, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Save now, after every change a moment later, and once more when cancelled."""
    changed = trio.Event()
    changed.set()
    unlisten = world.feed.listen(lambda _happening: changed.set())
    task_status.started()
    try:
        while True:
            await changed.wait()
            await trio.sleep(world.tuning.save_after)
            changed = trio.Event()
            await trio.to_thread.run_sync(_write, path, dump(world))
    finally:
        unlisten()
        save(world, path)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _guild_json(guild: Guild) -> JSON:
    return {
        "record": guild.record,
        "roles": list(guild.roles.values()),
        "channels": list(guild.channels.values()),
        "members": {str(user): member for user, member in guild.members.items()},
        "bans": {str(user): ban for user, ban in guild.bans.items()},
        "thread_members": {str(thread): members for thread, members in guild.thread_members.items()},
        "audit_log": guild.audit_log,
        "invites": guild.invites,
    }


def _fill(world: World, state: JSON) -> None:
    world.ids.last = int(state["last_id"])
    world.users.records.update({int(user["id"]): user for user in state["users"]})
    for entry in state["applications"]:
        world.applications.known[entry["id"]] = Application(**entry)
    for entry in state["guilds"]:
        guild = Guild(
            int(entry["record"]["id"]),
            entry["record"],
            {int(role["id"]): role for role in entry["roles"]},
            {int(channel["id"]): channel for channel in entry["channels"]},
            {int(user): member for user, member in entry["members"].items()},
            {int(user): ban for user, ban in entry["bans"].items()},
            {int(thread): members for thread, members in entry["thread_members"].items()},
            entry.get("audit_log", []),
            entry.get("invites", {}),
        )
        world.guilds.known[guild.id] = guild
        world.guilds.where.update(dict.fromkeys(guild.channels, guild.id))
    world.guilds.direct.update({int(channel["id"]): channel for channel in state["direct"]})
    world.guilds.idle_owner, world.guilds.idle_bot = state["idle"]["owner"], state["idle"]["bot"]
    world.guilds.idle.update((int(guild_id), name) for guild_id, name in state["idle"]["guilds"])
    for entry in state["commands"]:
        scope = (entry["application_id"], entry["guild_id"])
        world.commands.registered[scope] = {int(command["id"]): command for command in entry["commands"]}
    for channel_id, messages in state["messages"].items():
        stored = [Stored(**entry) for entry in messages]
        world.messages.by_channel[int(channel_id)] = {message.id: message for message in stored}
