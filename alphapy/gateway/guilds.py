"""What the bot knows of its guilds: names, roles, channels, and what the bot itself may do there.

Kept from the events of :data:`CACHED_EVENTS`; every other question is for REST. A guild with five channels
and four roles takes about four kilobytes (bench/guilds.py), so that ten thousand fit in a small machine.

*Joins and outages.* A GUILD_CREATE is a join only if the guild was neither listed in READY, nor known, nor
announced by :meth:`GuildCache.expect`. An outage keeps what is known and marks the guild unavailable.

*Failure modes.* A session that is resumed by a new process sends no GUILD_CREATE for what it already sent:
the owner of the cache stores guilds with :meth:`GuildCache.dump` and brings them back with ``restore``.
Events of a guild that is not known are ignored.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec

from alphapy.gateway import events
from alphapy.gateway.models.fields import ChannelRef, GuildRef, RoleRef, UserRef
from alphapy.gateway.models.guild import (
    NO_PERMISSIONS,
    Channel,
    Permissions,
    Role,
    channel_permissions,
    guild_permissions,
)
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from alphapy.pure.ids import ChannelId, RoleId, UserId


class ChangeKind(enum.Enum):
    """What an event did to the cache."""

    NONE = "none"
    UPDATED = "updated"
    APPEARED = "appeared"
    """A guild that the bot was in has become available: after READY, or on return from an outage."""
    JOINED = "joined"
    """The bot was added to the guild."""
    OUTAGE = "outage"
    LEFT = "left"
    """The bot is no longer in these guilds. After READY: those it was removed from meanwhile."""


@attrs.frozen
class Change:
    """What an event did, and to which guilds."""

    kind: ChangeKind
    guild_ids: tuple[GuildId, ...] = ()


_NOTHING: Final = Change(ChangeKind.NONE)


class CachedGuild(msgspec.Struct, kw_only=True, gc=False):
    """A guild as it was last seen. Only the cache changes it."""

    id: GuildRef
    name: str = ""
    owner_id: UserRef | None = None
    icon: str | None = None
    member_count: int | None = None
    system_channel_id: ChannelRef | None = None
    available: bool = True
    joined_at: datetime | None = None
    roles: dict[RoleRef, Role] = {}
    channels: dict[ChannelRef, Channel] = {}
    threads: dict[ChannelRef, Channel] | None = None
    """Active threads; None for the many guilds without."""
    has_vanity: bool = False
    """Whether the guild may have an address of its own."""
    my_roles: tuple[RoleRef, ...] = ()
    my_timeout: datetime | None = None

    def channel(self, channel_id: ChannelId) -> Channel | None:
        """A channel or active thread."""
        found = self.channels.get(channel_id)
        return found if found is not None or self.threads is None else self.threads.get(channel_id)

    def permissions(
        self,
        user_id: UserId,
        roles: Iterable[RoleId],
        channel_id: ChannelId | None = None,
        *,
        timed_out: bool = False,
    ) -> Permissions:
        """What a member with these roles may do, in the guild or in one of its channels.

        Nothing in a channel that is not known. A thread has the overwrites of its parent.
        """
        held = tuple(roles)
        base = guild_permissions(
            guild_id=self.id,
            owner_id=self.owner_id,
            user_id=user_id,
            member_roles=held,
            roles=self.roles,
            timed_out=timed_out,
        )
        if channel_id is None:
            return base
        channel = self.channel(channel_id)
        if channel is not None and channel.is_thread:
            channel = self.channels.get(channel.parent_id) if channel.parent_id is not None else None
        if channel is None:
            return NO_PERMISSIONS
        return channel_permissions(
            base,
            guild_id=self.id,
            user_id=user_id,
            member_roles=held,
            overwrites=channel.permission_overwrites,
            timed_out=timed_out,
        )

    def top_position(self, roles: Iterable[RoleId]) -> int:
        """The position of the highest of these roles: who stands higher may act on who stands lower."""
        return max((self.roles[role_id].position for role_id in roles if role_id in self.roles), default=0)


class GuildCache:
    """See the module. ``me`` is the bot's own user id; READY tells it."""

    def __init__(self, me: UserId | None = None) -> None:
        self.me = me
        self._guilds: dict[GuildId, CachedGuild] = {}
        self._expected: set[GuildId] = set()
        self._appliers: dict[type[Any], Callable[[Any], Change]] = {
            events.Ready: self._ready,
            events.GuildCreate: self._guild_create,
            events.GuildUpdate: self._guild_update,
            events.GuildDelete: self._guild_delete,
            events.GuildRoleCreate: self._role,
            events.GuildRoleUpdate: self._role,
            events.GuildRoleDelete: self._role_delete,
            events.ChannelCreate: self._channel,
            events.ChannelUpdate: self._channel,
            events.ChannelDelete: self._channel_delete,
            events.ThreadCreate: self._thread,
            events.ThreadUpdate: self._thread,
            events.ThreadDelete: self._thread_delete,
            events.ThreadListSync: self._thread_list,
            events.GuildMemberAdd: self._member_add,
            events.GuildMemberUpdate: self._member_update,
            events.GuildMemberRemove: self._member_remove,
        }

    # Questions.

    @property
    def count(self) -> int:
        """How many guilds are known, unavailable ones included."""
        return len(self._guilds)

    @property
    def awaited(self) -> int:
        """How many guilds are known to exist whose GUILD_CREATE has not come yet."""
        return len(self._expected)

    def __iter__(self) -> Iterator[CachedGuild]:
        return iter(list(self._guilds.values()))

    def get(self, guild_id: GuildId) -> CachedGuild | None:
        """What is known of a guild; None before its GUILD_CREATE."""
        return self._guilds.get(guild_id)

    def known(self) -> tuple[GuildId, ...]:
        """The ids of the guilds that the bot is in, as far as it has been told."""
        return (*self._guilds, *self._expected)

    def is_known(self, guild_id: GuildId) -> bool:
        """Whether the bot is in this guild, as far as it has been told."""
        return guild_id in self._guilds or guild_id in self._expected

    def my_permissions(
        self, guild_id: GuildId, channel_id: ChannelId | None = None, *, now: datetime
    ) -> Permissions | None:
        """What the bot may do in a guild, or in a channel of it; None when that is not known."""
        guild = self._guilds.get(guild_id)
        if guild is None or self.me is None:
            return None
        timed_out = guild.my_timeout is not None and guild.my_timeout > now
        return guild.permissions(self.me, guild.my_roles, channel_id, timed_out=timed_out)

    # Storing.

    def expect(self, guild_ids: Iterable[GuildId]) -> None:
        """The bot is in these guilds already: their GUILD_CREATE is no join."""
        self._expected.update(guild_id for guild_id in guild_ids if guild_id not in self._guilds)

    def dump(self, guild_id: GuildId) -> bytes | None:
        """A guild as JSON, for :meth:`restore`; None when it is not known."""
        guild = self._guilds.get(guild_id)
        return None if guild is None else msgspec.json.encode(guild)

    def restore(self, stored: bytes) -> GuildId:
        """Bring back what :meth:`dump` gave, unless newer is here; ValueError for anything else."""
        guild = msgspec.json.decode(stored, type=CachedGuild, strict=False)
        self._expected.discard(guild.id)
        return self._guilds.setdefault(guild.id, guild).id

    # Events.

    def apply(self, event: events.Event) -> Change:
        """Take an event into account."""
        applier = self._appliers.get(type(event))
        return _NOTHING if applier is None else applier(event)

    def _ready(self, event: events.Ready) -> Change:
        """A new session lists all the guilds of its shard."""
        self.me = event.user.id
        shard_id, shard_count = event.shard
        listed = {guild.id for guild in event.guilds}
        gone = tuple(
            guild_id
            for guild_id in self.known()
            if guild_id not in listed and (guild_id >> 22) % max(1, shard_count) == shard_id
        )
        for guild_id in gone:
            self._forget(guild_id)
        self.expect(listed)
        return Change(ChangeKind.LEFT, gone) if gone else _NOTHING

    def _guild_create(self, event: events.GuildCreate) -> Change:
        if event.unavailable:
            return self._outage(event.id)
        before = self._guilds.get(event.id)
        expected = event.id in self._expected
        self._expected.discard(event.id)
        mine = next((one for one in event.members if one.user is not None and one.user.id == self.me), None)
        self._guilds[event.id] = CachedGuild(
            id=event.id,
            name=event.name,
            owner_id=event.owner_id,
            icon=event.icon,
            member_count=event.member_count,
            system_channel_id=event.system_channel_id,
            joined_at=event.joined_at,
            roles={role.id: role for role in event.roles},
            channels={channel.id: channel for channel in event.channels},
            threads={thread.id: thread for thread in event.threads} or None,
            my_roles=mine.roles if mine is not None else before.my_roles if before is not None else (),
            my_timeout=mine.communication_disabled_until if mine is not None else None,
            has_vanity=event.has_vanity,
        )
        if before is not None:
            return Change(ChangeKind.UPDATED if before.available else ChangeKind.APPEARED, (event.id,))
        return Change(ChangeKind.APPEARED if expected else ChangeKind.JOINED, (event.id,))

    def _guild_update(self, event: events.GuildUpdate) -> Change:
        guild = self._guilds.get(event.id)
        if guild is None:
            return _NOTHING
        guild.name, guild.owner_id, guild.icon = event.name, event.owner_id, event.icon
        guild.has_vanity = event.has_vanity
        guild.system_channel_id = event.system_channel_id
        if event.roles:
            guild.roles = {role.id: role for role in event.roles}
        return Change(ChangeKind.UPDATED, (event.id,))

    def _guild_delete(self, event: events.GuildDelete) -> Change:
        if event.unavailable:
            return self._outage(event.id)
        if not self.is_known(event.id):
            return _NOTHING
        self._forget(event.id)
        return Change(ChangeKind.LEFT, (event.id,))

    def _outage(self, guild_id: GuildId) -> Change:
        guild = self._guilds.get(guild_id)
        if guild is None:
            self._expected.add(guild_id)
        else:
            guild.available = False
        return Change(ChangeKind.OUTAGE, (guild_id,))

    def _forget(self, guild_id: GuildId) -> None:
        self._guilds.pop(guild_id, None)
        self._expected.discard(guild_id)

    def _role(self, event: events.GuildRoleCreate | events.GuildRoleUpdate) -> Change:
        guild = self._guilds.get(event.guild_id)
        if guild is None:
            return _NOTHING
        guild.roles[event.role.id] = event.role
        return Change(ChangeKind.UPDATED, (guild.id,))

    def _role_delete(self, event: events.GuildRoleDelete) -> Change:
        guild = self._guilds.get(event.guild_id)
        if guild is None or guild.roles.pop(event.role_id, None) is None:
            return _NOTHING
        guild.my_roles = tuple(role_id for role_id in guild.my_roles if role_id != event.role_id)
        return Change(ChangeKind.UPDATED, (guild.id,))

    def _channel(self, event: events.ChannelCreate | events.ChannelUpdate) -> Change:
        guild = self._guilds.get(event.guild_id) if event.guild_id is not None else None
        if guild is None:
            return _NOTHING
        guild.channels[event.id] = event
        return Change(ChangeKind.UPDATED, (guild.id,))

    def _channel_delete(self, event: events.ChannelDelete) -> Change:
        guild = self._guilds.get(event.guild_id) if event.guild_id is not None else None
        if guild is None or guild.channels.pop(event.id, None) is None:
            return _NOTHING
        self._set_threads(guild, (one for one in _threads(guild) if one.parent_id != event.id))
        return Change(ChangeKind.UPDATED, (guild.id,))

    def _thread(self, event: events.ThreadCreate | events.ThreadUpdate) -> Change:
        """An archived thread is not active any more."""
        guild = self._guilds.get(event.guild_id) if event.guild_id is not None else None
        if guild is None:
            return _NOTHING
        rest = [one for one in _threads(guild) if one.id != event.id]
        archived = event.thread_metadata is not None and event.thread_metadata.archived
        self._set_threads(guild, rest if archived else [*rest, event])
        return Change(ChangeKind.UPDATED, (guild.id,))

    def _thread_delete(self, event: events.ThreadDelete) -> Change:
        guild = self._guilds.get(event.guild_id)
        if guild is None:
            return _NOTHING
        self._set_threads(guild, (one for one in _threads(guild) if one.id != event.id))
        return Change(ChangeKind.UPDATED, (guild.id,))

    def _thread_list(self, event: events.ThreadListSync) -> Change:
        guild = self._guilds.get(event.guild_id)
        if guild is None:
            return _NOTHING
        synced = event.channel_ids
        kept = [one for one in _threads(guild) if synced is not None and one.parent_id not in synced]
        self._set_threads(guild, [*kept, *event.threads])
        return Change(ChangeKind.UPDATED, (guild.id,))

    @staticmethod
    def _set_threads(guild: CachedGuild, threads: Iterable[Channel]) -> None:
        guild.threads = {thread.id: thread for thread in threads} or None

    def _member_add(self, event: events.GuildMemberAdd) -> Change:
        guild = self._guilds.get(event.guild_id)
        if guild is not None and guild.member_count is not None:
            guild.member_count += 1
        return _NOTHING

    def _member_remove(self, event: events.GuildMemberRemove) -> Change:
        guild = self._guilds.get(event.guild_id)
        if guild is not None and guild.member_count:
            guild.member_count -= 1
        return _NOTHING

    def _member_update(self, event: events.GuildMemberUpdate) -> Change:
        guild = self._guilds.get(event.guild_id)
        if guild is None or event.user.id != self.me:
            return _NOTHING
        guild.my_roles = event.roles
        guild.my_timeout = event.communication_disabled_until
        return Change(ChangeKind.UPDATED, (guild.id,))


CACHED_EVENTS: Final = frozenset(
    {
        "READY",
        "GUILD_CREATE",
        "GUILD_UPDATE",
        "GUILD_DELETE",
        "GUILD_ROLE_CREATE",
        "GUILD_ROLE_UPDATE",
        "GUILD_ROLE_DELETE",
        "CHANNEL_CREATE",
        "CHANNEL_UPDATE",
        "CHANNEL_DELETE",
        "THREAD_CREATE",
        "THREAD_UPDATE",
        "THREAD_DELETE",
        "THREAD_LIST_SYNC",
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_UPDATE",
        "GUILD_MEMBER_REMOVE",
    }
)
"""The events that :meth:`GuildCache.apply` makes use of."""


def _threads(guild: CachedGuild) -> Iterable[Channel]:
    return (guild.threads or {}).values()
