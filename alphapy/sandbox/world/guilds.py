"""Guilds with what they hold, direct message channels, and the crowd of idle guilds.

An idle guild is an id and a name until somebody asks for more: ten thousand of them cost next to nothing, and
the first request, message or change turns one into an ordinary guild.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.sandbox.errors import JSON, Code, refused
from alphapy.sandbox.world import permissions
from alphapy.sandbox.world.ids import Snowflakes, at_millisecond, created_at
from alphapy.sandbox.world.records import DIRECT, guild_record, new_member, new_role, text_channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.sandbox.world.feed import Feed
    from alphapy.sandbox.world.users import Users

IDLE_EPOCH_MS = 1_600_000_000_000
"""The idle guilds were made then, a millisecond apart, so that they spread evenly over shards."""


@attrs.define
class Guild:
    """One guild: its own object without lists; roles, channels (threads too), members and bans by id.

    ``audit_log`` is oldest first; ``invites`` are by code.
    """

    id: int
    record: JSON
    roles: dict[int, JSON] = attrs.field(factory=dict)
    channels: dict[int, JSON] = attrs.field(factory=dict)
    members: dict[int, JSON] = attrs.field(factory=dict)
    bans: dict[int, JSON] = attrs.field(factory=dict)
    thread_members: dict[int, list[int]] = attrs.field(factory=dict)
    audit_log: list[JSON] = attrs.field(factory=list)
    invites: dict[str, JSON] = attrs.field(factory=dict)

    @property
    def owner_id(self) -> int:
        """The user who owns the guild."""
        return int(self.record["owner_id"])

    @property
    def name(self) -> str:
        """The guild's name."""
        return str(self.record["name"])


@attrs.frozen
class Place:
    """A channel, and the guild it lies in; None for a direct message channel."""

    channel: JSON
    guild: Guild | None

    @property
    def id(self) -> int:
        """The channel's id."""
        return int(self.channel["id"])

    @property
    def guild_id(self) -> int | None:
        """The guild's id."""
        return None if self.guild is None else self.guild.id

    @property
    def recipients(self) -> frozenset[int]:
        """The people of a direct message channel."""
        return frozenset(int(user) for user in self.channel.get("recipient_ids", ()))


class Guilds:
    """Every guild by id, and where each channel is."""

    def __init__(self, ids: Snowflakes, users: Users, feed: Feed) -> None:
        self._ids = ids
        self._users = users
        self._feed = feed
        self.known: dict[int, Guild] = {}
        self.direct: dict[int, JSON] = {}
        self.idle: dict[int, str] = {}
        self.idle_owner: int = 0
        self.idle_bot: int = 0
        self.where: dict[int, int] = {}

    def create(self, name: str, owner_id: int) -> Guild:
        """A new guild with its everyone role and its owner, without channels."""
        guild = _blank(self._ids.next(), name, owner_id)
        guild.members[owner_id] = new_member(self._ids.stamp())
        self.known[guild.id] = guild
        self._feed.wake()
        return guild

    def add_idle(self, count: int, *, owner_id: int, bot_id: int) -> None:
        """Add guilds of one channel and two members, in which nothing ever happens."""
        self.idle_owner, self.idle_bot = owner_id, bot_id
        first = len(self.idle)
        for number in range(first, first + count):
            guild_id = at_millisecond(IDLE_EPOCH_MS + number)
            if guild_id not in self.known:
                self.idle[guild_id] = f"Idle guild {number + 1}"
        self._feed.wake()

    def get(self, guild_id: int) -> Guild:
        """The guild; an idle one becomes ordinary by it. 10004 for an unknown id."""
        guild = self.known.get(guild_id)
        if guild is None:
            name = self.idle.pop(guild_id, None)
            if name is None:
                raise refused(Code.UNKNOWN_GUILD)
            guild = self._idle_guild(guild_id, name)
            self.known[guild_id] = guild
            self.where.update(dict.fromkeys(guild.channels, guild_id))
        return guild

    def place(self, channel_id: int) -> Place:
        """Where a channel is; 10003 for an unknown id."""
        guild_id = self.where.get(channel_id)
        if guild_id is not None:
            guild = self.known[guild_id]
            return Place(guild.channels[channel_id], guild)
        if channel_id - 1 in self.idle:
            guild = self.get(channel_id - 1)
            return Place(guild.channels[channel_id], guild)
        if channel_id in self.direct:
            return Place(self.direct[channel_id], None)
        raise refused(Code.UNKNOWN_CHANNEL)

    def thread(self, thread_id: int) -> JSON | None:
        """The thread of this id; None where there is none."""
        guild_id = self.where.get(thread_id)
        return None if guild_id is None else self.known[guild_id].channels.get(thread_id)

    def of_user(self, user_id: int) -> Iterator[int]:
        """The ids of the guilds a user is a member of."""
        for guild in self.known.values():
            if user_id in guild.members:
                yield guild.id
        if user_id in {self.idle_owner, self.idle_bot}:
            yield from self.idle

    def is_member(self, guild_id: int, user_id: int) -> bool:
        """Whether a user belongs to a guild."""
        guild = self.known.get(guild_id)
        if guild is None:
            return guild_id in self.idle and user_id in {self.idle_owner, self.idle_bot}
        return user_id in guild.members

    def open_direct(self, user_id: int, other_id: int) -> JSON:
        """The direct message channel between two users, made if there is none yet."""
        pair = sorted((str(user_id), str(other_id)))
        for channel in self.direct.values():
            if channel["recipient_ids"] == pair:
                return channel
        channel_id = self._ids.next()
        channel = {
            "id": str(channel_id),
            "type": DIRECT,
            "recipient_ids": pair,
            "last_message_id": None,
            "flags": 0,
        }
        self.direct[channel_id] = channel
        self._feed.wake()
        return channel

    def channel_json(self, channel: JSON, viewer: int) -> JSON:
        """A channel as one user sees it: a direct message channel names the other person."""
        if channel["type"] != DIRECT:
            return channel
        others = [int(user) for user in channel["recipient_ids"] if int(user) != viewer]
        shown = {key: value for key, value in channel.items() if key != "recipient_ids"}
        return {**shown, "recipients": [self._users.get(user) for user in others]}

    def guild_json(self, guild: Guild) -> JSON:
        """The guild object of REST: with roles, without channels and members."""
        return {**guild.record, "roles": list(guild.roles.values())}

    def peek(self, guild_id: int) -> Guild:
        """The guild, without making an idle one ordinary."""
        name = self.idle.get(guild_id)
        return self.get(guild_id) if name is None else self._idle_guild(guild_id, name)

    def _idle_guild(self, guild_id: int, name: str) -> Guild:
        guild = _blank(guild_id, name, self.idle_owner)
        joined = created_at(at_millisecond(IDLE_EPOCH_MS)).isoformat()
        guild.members = {self.idle_owner: new_member(joined), self.idle_bot: new_member(joined)}
        channel_id = guild_id + 1
        guild.channels[channel_id] = text_channel(channel_id, guild_id, "general", 0)
        return guild


def _blank(guild_id: int, name: str, owner_id: int) -> Guild:
    guild = Guild(guild_id, guild_record(guild_id, name, owner_id))
    guild.roles[guild_id] = new_role(guild_id, "@everyone", permissions.EVERYONE, 0)
    return guild
