"""Who may do and see what: permissions applied to the guilds of this world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox.errors import JSON, Code, Refused, refused
from alphapy.sandbox.world import permissions
from alphapy.sandbox.world.guilds import Guild, Guilds, Place

if TYPE_CHECKING:
    from alphapy.sandbox.world.feed import Happening
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.users import Users

PRIVATE_THREAD = 12


class Access:
    """Answers questions about rights; holds no state of its own."""

    def __init__(self, ids: Snowflakes, users: Users, guilds: Guilds) -> None:
        self._ids = ids
        self._users = users
        self._guilds = guilds

    def rights(self, user_id: int, place: Place) -> int:
        """What a user may do in a channel."""
        if place.guild is None:
            return permissions.DIRECT_MESSAGE if user_id in place.recipients else 0
        if place.channel["type"] == PRIVATE_THREAD and not self._in_private_thread(user_id, place):
            return 0
        return permissions.in_channel(place.guild, place.channel, user_id, self._ids.now())

    def in_guild(self, user_id: int, guild: Guild) -> int:
        """What a user may do in a guild at large."""
        return permissions.in_guild(guild, user_id, self._ids.now())

    def require(self, user_id: int, place: Place, needed: int) -> int:
        """The user's rights, or 50001 where the channel cannot be seen, or 50013 where one is missing."""
        rights = self.rights(user_id, place)
        if not rights & permissions.Right.VIEW_CHANNEL:
            raise refused(Code.MISSING_ACCESS)
        if rights & needed != needed:
            raise refused(Code.MISSING_PERMISSIONS)
        return rights

    def require_in_guild(self, user_id: int, guild: Guild, needed: int) -> None:
        """50001 for somebody who is no member, 50013 where a right is missing."""
        if user_id not in guild.members:
            raise refused(Code.MISSING_ACCESS)
        if permissions.in_guild(guild, user_id, self._ids.now()) & needed != needed:
            raise refused(Code.MISSING_PERMISSIONS)

    def may_learn(self, user_id: int, happening: Happening) -> bool:
        """Whether a happening concerns a user."""
        if happening.users is not None:
            return user_id in happening.users
        if happening.channel_id is not None:
            try:
                place = self._guilds.place(happening.channel_id)
            except Refused:
                return False
            return bool(self.rights(user_id, place) & permissions.Right.VIEW_CHANNEL)
        if happening.guild_id is not None:
            return self._guilds.is_member(happening.guild_id, user_id)
        return True

    def create_payload(self, guild_id: int, viewer: int, *, everybody: bool) -> JSON:
        """The payload of GUILD_CREATE; all members, or only the viewer, as the intents say."""
        guild = self._guilds.peek(guild_id)
        shown = guild.members if everybody else {viewer: guild.members[viewer]}
        channels = list(guild.channels.values())
        threads = [c for c in channels if c["type"] in permissions.THREAD_TYPES]
        threads = [thread for thread in threads if not thread["thread_metadata"]["archived"]]
        return {
            **self._guilds.guild_json(guild),
            "joined_at": guild.members[viewer]["joined_at"],
            "large": False,
            "unavailable": False,
            "member_count": len(guild.members),
            "members": [{**member, "user": self._users.get(user)} for user, member in shown.items()],
            "channels": [c for c in channels if c["type"] not in permissions.THREAD_TYPES],
            "threads": [
                t for t in threads if self.rights(viewer, Place(t, guild)) & permissions.Right.VIEW_CHANNEL
            ],
            "presences": [],
            "voice_states": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def _in_private_thread(self, user_id: int, place: Place) -> bool:
        if place.guild is None or user_id in place.guild.thread_members.get(place.id, ()):
            return True
        rights = permissions.in_channel(place.guild, place.channel, user_id, self._ids.now())
        return bool(rights & permissions.Right.MANAGE_THREADS)
