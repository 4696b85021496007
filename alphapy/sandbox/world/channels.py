"""Channels: making, changing, ordering and deleting them (threads too), their overwrites, and typing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, invalid_field, refused
from alphapy.sandbox.world import permissions
from alphapy.sandbox.world.audit import Action, AuditLog, differences
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import THREAD_TYPES, Right
from alphapy.sandbox.world.records import CATEGORY, DIRECT, guild_channel

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
    "rtc_region",
    "video_quality_mode",
    "default_thread_rate_limit_per_user",
    "default_reaction_emoji",
    "default_sort_order",
    "default_forum_layout",
    "available_tags",
    "flags",
)
_LOGGED = (
    "name",
    "type",
    "topic",
    "nsfw",
    "position",
    "rate_limit_per_user",
    "permission_overwrites",
)
_THREAD_LOGGED = ("name", "rate_limit_per_user", "archived", "locked", "auto_archive_duration")
_MAKEABLE = frozenset({0, 2, 4, 5, 13, 15})
TEXT_TYPES = frozenset({0, 1, 2, 3, 5, 10, 11, 12, 13})
"""Channel types that hold messages."""


class Channels:
    """The channels of all guilds, and direct message channels."""

    def __init__(
        self, ids: Snowflakes, feed: Feed, users: Users, guilds: Guilds, access: Access, audit: AuditLog
    ) -> None:
        self._ids = ids
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access
        self._audit = audit

    def visible(self, by: int, channel_id: int, needed: int = 0) -> Place:
        """The channel, if the actor sees it and holds the needed rights."""
        place = self._guilds.place(channel_id)
        self._access.require(by, place, needed)
        return place

    def create(self, by: int, guild_id: int, body: JSON, *, reason: str | None = None) -> JSON:
        """A new channel in a guild."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_CHANNELS)
        problems = Problems()
        if "name" not in body:
            problems.required(("name",))
        if body.get("type") is not None and body["type"] not in _MAKEABLE:
            problems.choice(("type",), "0, 2, 4, 5, 13, 15")
        check_texts(problems, body)
        problems.raise_if_any()
        channel_id = self._ids.next()
        kind = int(body.get("type") or 0)
        channel = guild_channel(kind, channel_id, guild_id, str(body["name"]), len(guild.channels))
        channel |= {key: value for key, value in self._given(guild, body).items() if value is not None}
        channel["permission_overwrites"] = [
            _overwrite(entry) for entry in body.get("permission_overwrites") or ()
        ]
        guild.channels[channel_id] = channel
        self._guilds.where[channel_id] = guild_id
        self._tell("CHANNEL_CREATE", channel)
        changes = differences({}, channel, _LOGGED)
        self._audit.record(by, guild, Action.CHANNEL_CREATE, channel_id, changes=changes, reason=reason)
        return channel

    def edit(self, by: int, channel_id: int, body: JSON, *, reason: str | None = None) -> JSON:
        """Change a channel; a thread's own fields too."""
        place = self.visible(by, channel_id)
        channel = place.channel
        if place.guild is None:
            raise refused(Code.DM_ONLY_ACTION)
        if channel["type"] in THREAD_TYPES:
            return self._edit_thread(by, place, body, reason)
        self._access.require(by, place, Right.MANAGE_CHANNELS)
        problems = Problems()
        check_texts(problems, body)
        problems.raise_if_any()
        before = dict(channel)
        channel |= self._given(place.guild, body)
        if body.get("permission_overwrites") is not None:
            self._access.require(by, place, Right.MANAGE_ROLES)
            channel["permission_overwrites"] = [_overwrite(entry) for entry in body["permission_overwrites"]]
        self._tell("CHANNEL_UPDATE", channel)
        changes = differences(before, channel, _LOGGED)
        if changes:
            self._audit.record(
                by, place.guild, Action.CHANNEL_UPDATE, channel_id, changes=changes, reason=reason
            )
        return channel

    def move(self, by: int, guild_id: int, positions: list[JSON]) -> None:
        """Give channels new positions, or another category."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_CHANNELS)
        for entry in positions:
            channel = guild.channels.get(int(entry["id"]))
            if channel is None or channel["type"] in THREAD_TYPES:
                raise refused(Code.UNKNOWN_CHANNEL)
            wanted = {key: entry[key] for key in ("position", "parent_id") if entry.get(key) is not None}
            channel |= self._given(guild, wanted)
            self._tell("CHANNEL_UPDATE", channel)

    def set_overwrite(
        self, by: int, channel_id: int, target_id: int, body: JSON, *, reason: str | None = None
    ) -> None:
        """Put the overwrite of a role or a member."""
        place = self.visible(by, channel_id, Right.MANAGE_ROLES)
        before, rest = _split(place, target_id)
        after = _overwrite({**body, "id": str(target_id)})
        place.channel["permission_overwrites"] = [*rest, after]
        self._tell("CHANNEL_UPDATE", place.channel)
        action = Action.OVERWRITE_UPDATE if before else Action.OVERWRITE_CREATE
        self._record_overwrite(by, place, action, before, after, reason)

    def delete_overwrite(
        self, by: int, channel_id: int, target_id: int, *, reason: str | None = None
    ) -> None:
        """Remove the overwrite of a role or a member; 10009 if there is none."""
        place = self.visible(by, channel_id, Right.MANAGE_ROLES)
        before, rest = _split(place, target_id)
        if before is None:
            raise refused(Code.UNKNOWN_OVERWRITE)
        place.channel["permission_overwrites"] = rest
        self._tell("CHANNEL_UPDATE", place.channel)
        self._record_overwrite(by, place, Action.OVERWRITE_DELETE, before, None, reason)

    def delete(self, by: int, channel_id: int, *, reason: str | None = None) -> JSON:
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
        action = Action.THREAD_DELETE if is_thread else Action.CHANNEL_DELETE
        changes = differences(place.channel, {}, _LOGGED)
        self._audit.record(by, place.guild, action, channel_id, changes=changes, reason=reason)
        return place.channel

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

    def _given(self, guild: Guild, body: JSON) -> JSON:
        """The editable fields of a body; a category must be one, and the tags of a forum get their ids."""
        fields = {key: body[key] for key in _EDITABLE if key in body}
        if fields.get("parent_id") is not None:
            parent = guild.channels.get(int(fields["parent_id"]))
            if parent is None or parent["type"] != CATEGORY:
                raise invalid_field(("parent_id",), "CHANNEL_PARENT_INVALID", "This is no category.")
            fields["parent_id"] = parent["id"]
        if fields.get("available_tags"):
            fields["available_tags"] = [
                {
                    "moderated": False,
                    "emoji_id": None,
                    "emoji_name": None,
                    **tag,
                    "id": str(tag.get("id") or self._ids.next()),
                }
                for tag in fields["available_tags"]
            ]
        return fields

    def _record_overwrite(
        self,
        by: int,
        place: Place,
        action: Action,
        before: JSON | None,
        after: JSON | None,
        reason: str | None,
    ) -> None:
        if place.guild is None:
            return
        entry = after or before or {}
        options: JSON = {"id": entry["id"], "type": str(entry["type"])}
        role = place.guild.roles.get(int(entry["id"]))
        if role is not None:
            options["role_name"] = role["name"]
        changes = differences(before or {}, after or {}, ("id", "type", "allow", "deny"))
        self._audit.record(by, place.guild, action, place.id, changes=changes, options=options, reason=reason)

    def _edit_thread(self, by: int, place: Place, body: JSON, reason: str | None) -> JSON:
        thread = place.channel
        own = thread["owner_id"] == str(by)
        self._access.require(by, place, 0 if own and "locked" not in body else Right.MANAGE_THREADS)
        problems = Problems()
        check_texts(problems, body)
        problems.raise_if_any()
        before = {**thread, **thread["thread_metadata"]}
        thread |= {key: body[key] for key in ("name", "rate_limit_per_user") if key in body}
        metadata = thread["thread_metadata"]
        metadata |= {key: body[key] for key in ("archived", "locked", "auto_archive_duration") if key in body}
        if metadata["archived"] != before["archived"]:
            metadata["archive_timestamp"] = self._ids.stamp()
        self._tell("THREAD_UPDATE", thread)
        changes = differences(before, {**thread, **metadata}, _THREAD_LOGGED)
        if changes and place.guild is not None:
            self._audit.record(
                by, place.guild, Action.THREAD_UPDATE, place.id, changes=changes, reason=reason
            )
        return thread

    def _remove(self, guild: Guild, channel: JSON) -> None:
        is_thread = channel["type"] in THREAD_TYPES
        if is_thread:
            shown = {key: channel[key] for key in ("id", "guild_id", "parent_id", "type")}
            self._tell("THREAD_DELETE", shown)
        else:
            self._tell("CHANNEL_DELETE", channel)
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
    """50008 for a channel that holds no messages."""
    if place.channel["type"] not in TEXT_TYPES:
        raise refused(Code.NON_TEXT_CHANNEL)


def sending_right(channel: JSON) -> int:
    """What it takes to write in this channel."""
    if channel["type"] in THREAD_TYPES:
        return int(Right.SEND_MESSAGES_IN_THREADS)
    if channel["type"] == DIRECT:
        return 0
    return int(Right.SEND_MESSAGES)


def check_texts(problems: Problems, body: JSON) -> None:
    """Note a name or a topic that is too long."""
    problems.longest(("name",), body.get("name"), limits.CHANNEL_NAME, least=1)
    problems.longest(("topic",), body.get("topic"), limits.CHANNEL_TOPIC)


def _split(place: Place, target_id: int) -> tuple[JSON | None, list[JSON]]:
    """The overwrite of a role or a member, and all the others."""
    entries: list[JSON] = place.channel["permission_overwrites"]
    rest = [entry for entry in entries if int(entry["id"]) != target_id]
    own = next((entry for entry in entries if int(entry["id"]) == target_id), None)
    return own, rest


def _overwrite(entry: JSON) -> JSON:
    return {
        "id": str(entry["id"]),
        "type": int(entry.get("type", 0)),
        "allow": str(int(entry.get("allow") or 0) & permissions.ALL),
        "deny": str(int(entry.get("deny") or 0) & permissions.ALL),
    }
