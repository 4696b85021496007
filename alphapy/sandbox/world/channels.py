"""Channels: making, changing and deleting them, their overwrites, threads and typing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, refused
from alphapy.sandbox.world import permissions
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import THREAD_TYPES, Right
from alphapy.sandbox.world.records import DIRECT, text_channel

if TYPE_CHECKING:
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.guilds import Guild, Guilds, Place
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.users import Users

_EDITABLE = (
    "name",
    "topic",
    "nsfw",
    "position",
    "parent_id",
    "rate_limit_per_user",
    "default_auto_archive_duration",
    "type",
    "user_limit",
    "bitrate",
)
_MAKEABLE = frozenset({0, 2, 4, 5, 13, 15})
TEXT_TYPES = frozenset({0, 1, 2, 3, 5, 10, 11, 12, 13})
"""Channel types that hold messages."""


class Channels:
    """The channels of all guilds, and direct message channels."""

    def __init__(self, ids: Snowflakes, feed: Feed, users: Users, guilds: Guilds, access: Access) -> None:
        self._ids = ids
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access

    def visible(self, by: int, channel_id: int, needed: int = 0) -> Place:
        """The channel, if the actor sees it and holds the needed rights."""
        place = self._guilds.place(channel_id)
        self._access.require(by, place, needed)
        return place

    def create(self, by: int, guild_id: int, body: JSON) -> JSON:
        """A new channel in a guild."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_CHANNELS)
        problems = Problems()
        if "name" not in body:
            problems.required(("name",))
        if body.get("type") is not None and body["type"] not in _MAKEABLE:
            problems.choice(("type",), "0, 2, 4, 5, 13, 15")
        _check_texts(problems, body)
        problems.raise_if_any()
        channel_id = self._ids.next()
        channel = text_channel(channel_id, guild_id, str(body["name"]), len(guild.channels))
        channel |= {key: body[key] for key in _EDITABLE if body.get(key) is not None}
        channel["permission_overwrites"] = [
            _overwrite(entry) for entry in body.get("permission_overwrites") or ()
        ]
        guild.channels[channel_id] = channel
        self._guilds.where[channel_id] = guild_id
        self._tell("CHANNEL_CREATE", channel)
        return channel

    def edit(self, by: int, channel_id: int, body: JSON) -> JSON:
        """Change a channel; a thread's own fields too."""
        place = self.visible(by, channel_id)
        channel = place.channel
        if place.guild is None:
            raise refused(Code.DM_ONLY_ACTION)
        if channel["type"] in THREAD_TYPES:
            return self._edit_thread(by, place, body)
        self._access.require(by, place, Right.MANAGE_CHANNELS)
        problems = Problems()
        _check_texts(problems, body)
        problems.raise_if_any()
        channel |= {key: body[key] for key in _EDITABLE if key in body}
        if body.get("permission_overwrites") is not None:
            self._access.require(by, place, Right.MANAGE_ROLES)
            channel["permission_overwrites"] = [_overwrite(entry) for entry in body["permission_overwrites"]]
        self._tell("CHANNEL_UPDATE", channel)
        return channel

    def set_overwrite(self, by: int, channel_id: int, target_id: int, body: JSON) -> None:
        """Put the overwrite of a role or a member."""
        place = self.visible(by, channel_id, Right.MANAGE_ROLES)
        rest = [e for e in place.channel["permission_overwrites"] if int(e["id"]) != target_id]
        place.channel["permission_overwrites"] = [*rest, _overwrite({**body, "id": str(target_id)})]
        self._tell("CHANNEL_UPDATE", place.channel)

    def delete_overwrite(self, by: int, channel_id: int, target_id: int) -> None:
        """Remove the overwrite of a role or a member; 10009 if there is none."""
        place = self.visible(by, channel_id, Right.MANAGE_ROLES)
        rest = [e for e in place.channel["permission_overwrites"] if int(e["id"]) != target_id]
        if len(rest) == len(place.channel["permission_overwrites"]):
            raise refused(Code.UNKNOWN_OVERWRITE)
        place.channel["permission_overwrites"] = rest
        self._tell("CHANNEL_UPDATE", place.channel)

    def delete(self, by: int, channel_id: int) -> JSON:
        """Delete a channel with the threads in it."""
        place = self._guilds.place(channel_id)
        if place.guild is None:
            self._access.require(by, place, 0)
            return self._guilds.channel_json(place.channel, by)
        is_thread = place.channel["type"] in THREAD_TYPES
        self._access.require(by, place, Right.MANAGE_THREADS if is_thread else Right.MANAGE_CHANNELS)
        for thread in [t for t in place.guild.channels.values() if t.get("parent_id") == place.channel["id"]]:
            if thread["type"] in THREAD_TYPES:
                self._remove(place.guild, thread)
        self._remove(place.guild, place.channel)
        return place.channel

    def start_thread(self, by: int, channel_id: int, body: JSON, *, message_id: int | None = None) -> JSON:
        """A thread in a channel; from a message it shares the message's id."""
        place = self.visible(by, channel_id)
        public = message_id is not None or body.get("type", 12) != 12
        right = Right.CREATE_PUBLIC_THREADS if public else Right.CREATE_PRIVATE_THREADS
        self._access.require(by, place, right)
        guild = place.guild
        if guild is None:
            raise refused(Code.DM_ONLY_ACTION)
        problems = Problems()
        if "name" not in body:
            problems.required(("name",))
        _check_texts(problems, body)
        problems.raise_if_any()
        if message_id is not None and message_id in guild.channels:
            raise refused(Code.THREAD_EXISTS)
        thread_id = message_id or self._ids.next()
        thread = self._new_thread(place, thread_id, by, body, public=public)
        guild.channels[thread_id] = thread
        guild.thread_members[thread_id] = [by]
        self._guilds.where[thread_id] = guild.id
        self._tell("THREAD_CREATE", {**thread, "newly_created": True})
        return thread

    def join_thread(self, by: int, channel_id: int, user_id: int) -> None:
        """Add a member to a thread."""
        place = self.visible(by, channel_id)
        if user_id != by:
            self._access.require(by, place, Right.SEND_MESSAGES_IN_THREADS)
        self._set_thread_member(place, user_id, joined=True)

    def leave_thread(self, by: int, channel_id: int, user_id: int) -> None:
        """Take a member out of a thread."""
        place = self.visible(by, channel_id)
        if user_id != by:
            self._access.require(by, place, Right.MANAGE_THREADS)
        self._set_thread_member(place, user_id, joined=False)

    def type(self, by: int, channel_id: int) -> None:
        """Show that somebody is typing."""
        place = self.visible(by, channel_id, 0)
        data: JSON = {
            "channel_id": str(channel_id),
            "user_id": str(by),
            "timestamp": int(self._ids.now().timestamp()),
        }
        if place.guild is not None:
            data["guild_id"] = str(place.guild.id)
            data["member"] = {**place.guild.members[by], "user": self._users.get(by)}
        self._feed.emit(
            Happening(name="TYPING_START", data=data, guild_id=place.guild_id, channel_id=channel_id)
        )

    def _new_thread(self, place: Place, thread_id: int, by: int, body: JSON, *, public: bool) -> JSON:
        stamp = self._ids.stamp()
        return {
            "id": str(thread_id),
            "type": (10 if place.channel["type"] == 5 else 11) if public else 12,
            "guild_id": place.channel["guild_id"],
            "parent_id": place.channel["id"],
            "owner_id": str(by),
            "name": str(body["name"]),
            "last_message_id": None,
            "rate_limit_per_user": 0,
            "message_count": 0,
            "total_message_sent": 0,
            "member_count": 1,
            "flags": 0,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": body.get("auto_archive_duration") or 1440,
                "archive_timestamp": stamp,
                "create_timestamp": stamp,
                "locked": False,
            },
        }

    def _set_thread_member(self, place: Place, user_id: int, *, joined: bool) -> None:
        if place.guild is None or place.channel["type"] not in THREAD_TYPES:
            raise refused(Code.UNKNOWN_CHANNEL)
        members = place.guild.thread_members.setdefault(place.id, [])
        if (user_id in members) == joined:
            return
        if joined:
            members.append(user_id)
        else:
            members.remove(user_id)
        place.channel["member_count"] = len(members)
        entry = {
            "id": str(place.id),
            "user_id": str(user_id),
            "join_timestamp": self._ids.stamp(),
            "flags": 0,
        }
        data: JSON = {
            "id": str(place.id),
            "guild_id": str(place.guild.id),
            "member_count": len(members),
            "added_members": [entry] if joined else [],
            "removed_member_ids": [] if joined else [str(user_id)],
        }
        self._feed.emit(
            Happening(name="THREAD_MEMBERS_UPDATE", data=data, guild_id=place.guild.id, channel_id=place.id)
        )

    def _edit_thread(self, by: int, place: Place, body: JSON) -> JSON:
        thread = place.channel
        own = thread["owner_id"] == str(by)
        self._access.require(by, place, 0 if own and "locked" not in body else Right.MANAGE_THREADS)
        problems = Problems()
        _check_texts(problems, body)
        problems.raise_if_any()
        thread |= {key: body[key] for key in ("name", "rate_limit_per_user") if key in body}
        metadata = thread["thread_metadata"]
        metadata |= {key: body[key] for key in ("archived", "locked", "auto_archive_duration") if key in body}
        metadata["archive_timestamp"] = self._ids.stamp()
        self._tell("THREAD_UPDATE", thread)
        return thread

    def _remove(self, guild: Guild, channel: JSON) -> None:
        is_thread = channel["type"] in THREAD_TYPES
        self._tell("THREAD_DELETE" if is_thread else "CHANNEL_DELETE", channel)
        del guild.channels[int(channel["id"])]
        guild.thread_members.pop(int(channel["id"]), None)
        del self._guilds.where[int(channel["id"])]

    def _tell(self, name: str, channel: JSON) -> None:
        self._feed.emit(
            Happening(
                name=name, data=channel, guild_id=int(channel["guild_id"]), channel_id=int(channel["id"])
            )
        )


def require_text(place: Place) -> None:
    """50008 for a channel that holds no messages, 50083 for an archived thread."""
    if place.channel["type"] not in TEXT_TYPES:
        raise refused(Code.NON_TEXT_CHANNEL)


def sending_right(channel: JSON) -> int:
    """What it takes to write in this channel."""
    if channel["type"] in THREAD_TYPES:
        return int(Right.SEND_MESSAGES_IN_THREADS)
    if channel["type"] == DIRECT:
        return 0
    return int(Right.SEND_MESSAGES)


def _check_texts(problems: Problems, body: JSON) -> None:
    problems.longest(("name",), body.get("name"), limits.CHANNEL_NAME, least=1)
    problems.longest(("topic",), body.get("topic"), limits.CHANNEL_TOPIC)


def _overwrite(entry: JSON) -> JSON:
    return {
        "id": str(entry["id"]),
        "type": int(entry.get("type", 0)),
        "allow": str(int(entry.get("allow") or 0) & permissions.ALL),
        "deny": str(int(entry.get("deny") or 0) & permissions.ALL),
    }
