"""Who is in which thread: joining, leaving, and what writing into a thread does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox.errors import JSON, Code, refused
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import THREAD_TYPES, Right

if TYPE_CHECKING:
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.guilds import Guild, Guilds, Place
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.users import Users


class ThreadMembers:
    """The members of all threads; they are kept in the guilds."""

    def __init__(self, ids: Snowflakes, feed: Feed, users: Users, guilds: Guilds, access: Access) -> None:
        self._ids = ids
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access

    def join(self, by: int, thread_id: int, user_id: int) -> None:
        """Add oneself or another; 50083 for an archived thread."""
        place, guild = self._thread(by, thread_id)
        if place.channel["thread_metadata"]["archived"]:
            raise refused(Code.THREAD_ARCHIVED)
        if user_id != by:
            self._access.require(by, place, Right.SEND_MESSAGES_IN_THREADS)
        if user_id not in guild.members:
            raise refused(Code.UNKNOWN_MEMBER)
        self._set(place, guild, user_id, joined=True)

    def leave(self, by: int, thread_id: int, user_id: int) -> None:
        """Take oneself or another out."""
        place, guild = self._thread(by, thread_id)
        if place.channel["thread_metadata"]["archived"]:
            raise refused(Code.THREAD_ARCHIVED)
        own_private = place.channel["type"] == 12 and place.channel["owner_id"] == str(by)
        if user_id != by and not own_private:
            self._access.require(by, place, Right.MANAGE_THREADS)
        self._set(place, guild, user_id, joined=False)

    def listed(self, by: int, thread_id: int) -> list[JSON]:
        """The thread member objects, each with its guild member."""
        _, guild = self._thread(by, thread_id)
        return [
            self._shown(guild, thread_id, user) for user in sorted(guild.thread_members.get(thread_id, ()))
        ]

    def get(self, by: int, thread_id: int, user_id: int) -> JSON:
        """One thread member object; 10007 for somebody who is not in the thread."""
        _, guild = self._thread(by, thread_id)
        if user_id not in guild.thread_members.get(thread_id, ()):
            raise refused(Code.UNKNOWN_MEMBER)
        return self._shown(guild, thread_id, user_id)

    def has(self, thread_id: int, user_id: int) -> bool:
        """Whether a user is in a thread."""
        guild_id = self._guilds.where.get(thread_id)
        return guild_id is not None and user_id in self._guilds.known[guild_id].thread_members.get(
            thread_id, ()
        )

    def of(self, guild: Guild, user_id: int) -> list[JSON]:
        """The thread member objects of one user over all active threads of a guild."""
        return [
            self.entry(thread_id, user_id)
            for thread_id, members in guild.thread_members.items()
            if user_id in members and not guild.channels[thread_id]["thread_metadata"]["archived"]
        ]

    def entry(self, thread_id: int, user_id: int) -> JSON:
        """A thread member object."""
        return {
            "id": str(thread_id),
            "user_id": str(user_id),
            "join_timestamp": self._ids.stamp(),
            "flags": 0,
        }

    def enter(self, by: int, place: Place, rights: int) -> None:
        """What writing does: an archived thread opens again, unless it is locked, and the author joins it."""
        if place.guild is None or place.channel["type"] not in THREAD_TYPES:
            return
        metadata = place.channel["thread_metadata"]
        if metadata["locked"] and not rights & Right.MANAGE_THREADS:
            raise refused(Code.THREAD_LOCKED)
        if metadata["archived"]:
            metadata |= {"archived": False, "archive_timestamp": self._ids.stamp()}
            self._tell("THREAD_UPDATE", place, place.channel)
        self._set(place, place.guild, by, joined=True)

    def _thread(self, by: int, thread_id: int) -> tuple[Place, Guild]:
        place = self._guilds.place(thread_id)
        self._access.require(by, place, 0)
        if place.guild is None or place.channel["type"] not in THREAD_TYPES:
            raise refused(Code.UNKNOWN_CHANNEL)
        return place, place.guild

    def _shown(self, guild: Guild, thread_id: int, user_id: int) -> JSON:
        entry = self.entry(thread_id, user_id)
        if user_id in guild.members:
            entry["member"] = {**guild.members[user_id], "user": self._users.get(user_id)}
        return entry

    def _set(self, place: Place, guild: Guild, user_id: int, *, joined: bool) -> None:
        members = guild.thread_members.setdefault(place.id, [])
        if (user_id in members) == joined:
            return
        if joined:
            members.append(user_id)
        else:
            members.remove(user_id)
        place.channel["member_count"] = len(members)
        data: JSON = {
            "id": str(place.id),
            "guild_id": str(guild.id),
            "member_count": len(members),
            "added_members": [{**self._shown(guild, place.id, user_id), "presence": None}] if joined else [],
            "removed_member_ids": [] if joined else [str(user_id)],
        }
        self._tell("THREAD_MEMBERS_UPDATE", place, data)

    def _tell(self, name: str, place: Place, data: JSON) -> None:
        self._feed.emit(Happening(name=name, data=data, guild_id=place.guild_id, channel_id=place.id))
