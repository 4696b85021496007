"""Reactions: who put which emoji on which message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, refused
from alphapy.sandbox.world.board import Board, Stored, emoji_json
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import Right

if TYPE_CHECKING:
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.guilds import Guilds, Place
    from alphapy.sandbox.world.users import Users

_CUSTOM = re.compile(r"(?:a:)?(\w{2,32}:\d{1,20})")


class Reactions:
    """Adds, removes and lists reactions; they are kept in the messages."""

    def __init__(self, feed: Feed, users: Users, guilds: Guilds, access: Access, messages: Board) -> None:
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access
        self._messages = messages

    def add(self, by: int, channel_id: int, message_id: int, emoji: str) -> None:
        """React; the same reaction again changes nothing."""
        place, stored = self._message(by, channel_id, message_id, Right.READ_MESSAGE_HISTORY)
        key = self._key(emoji, stored)
        people = stored.reactions.get(key, [])
        if by in people:
            return
        if not people:
            self._access.require(by, place, Right.ADD_REACTIONS)
            if len(stored.reactions) >= limits.REACTIONS:
                raise refused(Code.TOO_MANY_REACTIONS)
        stored.reactions[key] = [*people, by]
        self._tell("MESSAGE_REACTION_ADD", place, stored, key, by)

    def remove(self, by: int, channel_id: int, message_id: int, emoji: str, user_id: int) -> None:
        """Take back one's own reaction, or with the right to manage messages another's."""
        place, stored = self._message(by, channel_id, message_id)
        if by != user_id:
            self._access.require(by, place, Right.MANAGE_MESSAGES)
        key = self._key(emoji, stored)
        if user_id not in stored.reactions.get(key, ()):
            raise refused(Code.UNKNOWN_EMOJI) if key not in stored.reactions else refused(Code.UNKNOWN_USER)
        stored.reactions[key].remove(user_id)
        if not stored.reactions[key]:
            del stored.reactions[key]
        self._tell("MESSAGE_REACTION_REMOVE", place, stored, key, user_id)

    def clear(self, by: int, channel_id: int, message_id: int, emoji: str | None = None) -> None:
        """Remove every reaction of a message, or every one of an emoji."""
        place, stored = self._message(by, channel_id, message_id, Right.MANAGE_MESSAGES)
        data: JSON = {"channel_id": str(channel_id), "message_id": str(message_id)}
        if emoji is None:
            stored.reactions.clear()
            self._announce("MESSAGE_REACTION_REMOVE_ALL", place, data)
            return
        key = self._key(emoji, stored)
        if stored.reactions.pop(key, None) is None:
            raise refused(Code.UNKNOWN_EMOJI)
        self._announce("MESSAGE_REACTION_REMOVE_EMOJI", place, {**data, "emoji": emoji_json(key)})

    def people(
        self, by: int, channel_id: int, message_id: int, emoji: str, *, limit: int = 25, after: int = 0
    ) -> list[JSON]:
        """The users who reacted with an emoji, in the order of their ids, beyond ``after``."""
        _, stored = self._message(by, channel_id, message_id)
        people = stored.reactions.get(self._key(emoji, stored), ())
        return [self._users.get(user) for user in sorted(people) if user > after][:limit]

    def _message(self, by: int, channel_id: int, message_id: int, needed: int = 0) -> tuple[Place, Stored]:
        place = self._guilds.place(channel_id)
        self._access.require(by, place, needed)
        stored = self._messages.get(channel_id, message_id, by)
        if stored.seen_by is not None:
            raise refused(Code.UNKNOWN_MESSAGE)
        return place, stored

    def _key(self, emoji: str, stored: Stored) -> str:
        custom = _CUSTOM.fullmatch(emoji)
        if custom is not None:
            return custom[1]
        if emoji in stored.reactions:
            return emoji
        if not emoji or len(emoji) > 16 or not any(ord(c) > 0x7F for c in emoji):
            raise refused(Code.UNKNOWN_EMOJI)
        return emoji

    def _tell(self, name: str, place: Place, stored: Stored, key: str, user_id: int) -> None:
        data: JSON = {
            "user_id": str(user_id),
            "channel_id": str(place.id),
            "message_id": str(stored.id),
            "emoji": emoji_json(key),
            "burst": False,
            "type": 0,
        }
        if name == "MESSAGE_REACTION_ADD":
            data["message_author_id"] = str(stored.author_id)
            if place.guild is not None and user_id in place.guild.members:
                data["member"] = {**place.guild.members[user_id], "user": self._users.get(user_id)}
        self._announce(name, place, data)

    def _announce(self, name: str, place: Place, data: JSON) -> None:
        if place.guild_id is not None:
            data = {**data, "guild_id": str(place.guild_id)}
        self._feed.emit(Happening(name=name, data=data, guild_id=place.guild_id, channel_id=place.id))
