"""Where messages are kept: stored, changed and removed once an act is allowed, and told to who sees them.

Private answers are kept here too; each has the one member who sees it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from alphapy.sandbox.errors import JSON, Code, refused
from alphapy.sandbox.world import content, mentions
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import THREAD_TYPES, Right

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.sandbox.tuning import Tuning
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.files import Attachments, Upload
    from alphapy.sandbox.world.guilds import Guilds, Place
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.users import Users

EPHEMERAL = 1 << 6
LOADING = 1 << 7
V2 = 1 << 15
HAS_THREAD = 1 << 5
STARTER = 21
_SENDABLE_FLAGS = (1 << 2) | EPHEMERAL | (1 << 12) | V2
"""Suppressed embeds, ephemeral, suppressed notifications, components v2."""
NONCE_WINDOW = timedelta(minutes=5)
REPLY = 19
PINNED = 6


@attrs.define
class Stored:
    """One message: its body as REST shows it, who reacted, who alone may see it, when it was pinned."""

    body: JSON
    seen_by: int | None = None
    reactions: dict[str, list[int]] = attrs.field(factory=dict)
    pinned_at: str | None = None

    @property
    def id(self) -> int:
        """The message's id."""
        return int(self.body["id"])

    @property
    def author_id(self) -> int:
        """Who wrote it."""
        return int(self.body["author"]["id"])


class Board:
    """The messages of all channels, a bounded number per channel; checks limits, asks for no rights."""

    def __init__(
        self,
        ids: Snowflakes,
        feed: Feed,
        users: Users,
        guilds: Guilds,
        access: Access,
        files: Attachments,
        tuning: Tuning,
    ) -> None:
        self._ids = ids
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access
        self._files = files
        self._tuning = tuning
        self.by_channel: dict[int, dict[int, Stored]] = {}
        feed.listen(self._forget_channel)

    def post(
        self,
        author: int,
        place: Place,
        body: JSON,
        uploads: tuple[Upload, ...] = (),
        *,
        extra: JSON | None = None,
        replied_to: int | None = None,
        seen_by: int | None = None,
        message_id: int | None = None,
    ) -> Stored:
        """Store a message whose body has been checked, and tell those who may see it."""
        message_id = message_id or self._ids.next()
        flags = int(body.get("flags") or 0) & _SENDABLE_FLAGS
        stored = Stored(
            {
                "id": str(message_id),
                "type": 0,
                "channel_id": str(place.id),
                "author": self._users.get(author),
                "content": "",
                "timestamp": self._ids.stamp(),
                "edited_timestamp": None,
                "tts": bool(body.get("tts", False)),
                "mention_everyone": False,
                "mentions": [],
                "mention_roles": [],
                "attachments": self._files.store(place.id, uploads, body.get("attachments")),
                "embeds": [],
                "components": [],
                "pinned": False,
                "flags": flags,
                **(extra or {}),
            },
            seen_by,
        )
        if body.get("nonce") is not None:
            stored.body["nonce"] = body["nonce"]
        self._fill(stored, place, body, replied_to)
        self._keep(place, stored)
        self._tell("MESSAGE_CREATE", place, stored)
        return stored

    def change(self, stored: Stored, place: Place, body: JSON, uploads: tuple[Upload, ...] = ()) -> None:
        """Apply an edit to a message, after checking it, and tell those who may see it."""
        content.check(body, files=len(uploads), new=False, before=stored.body)
        if uploads or body.get("attachments") is not None:
            kept = {str(entry["id"]) for entry in body.get("attachments") or ()}
            old = [entry for entry in stored.body["attachments"] if entry["id"] in kept]
            stored.body["attachments"] = old + self._files.store(place.id, uploads, body.get("attachments"))
        flags = int(stored.body["flags"])
        if body.get("flags") is not None:
            flags = flags & ~(1 << 2) | int(body["flags"]) & ((1 << 2) | V2)
        was_loading = bool(flags & LOADING)
        stored.body["flags"] = flags & ~LOADING
        self._fill(stored, place, body, None)
        if not was_loading:
            stored.body["edited_timestamp"] = self._ids.stamp()
        self._tell("MESSAGE_UPDATE", place, stored)

    def mark(self, place: Place, message_id: int, flag: int) -> None:
        """Set a flag on a message, and tell those who may see it."""
        stored = self.by_channel[place.id][message_id]
        stored.body["flags"] |= flag
        self._tell("MESSAGE_UPDATE", place, stored)

    def remove(self, stored: Stored, place: Place) -> None:
        """Take a message away and tell those who saw it."""
        del self.by_channel[place.id][stored.id]
        data = {"id": str(stored.id), "channel_id": str(place.id)}
        self._announce("MESSAGE_DELETE", place, data, stored.seen_by)

    def get(self, channel_id: int, message_id: int, viewer: int) -> Stored:
        """The message; 10008 where there is none that this viewer can see."""
        stored = self.by_channel.get(channel_id, {}).get(message_id)
        if stored is None or (
            stored.seen_by is not None and viewer not in {stored.seen_by, stored.author_id}
        ):
            raise refused(Code.UNKNOWN_MESSAGE)
        return stored

    def visible(self, viewer: int, channel_id: int) -> Iterator[Stored]:
        """What a person sees in a channel, oldest first, own private answers included."""
        for stored in sorted(self.by_channel.get(channel_id, {}).values(), key=lambda m: m.id):
            if stored.seen_by is None or stored.seen_by == viewer:
                yield stored

    def json(self, stored: Stored, viewer: int) -> JSON:
        """The message as a viewer sees it: reactions carry whether they are the viewer's own."""
        body = dict(stored.body)
        if stored.reactions:
            body["reactions"] = [
                {
                    "emoji": emoji_json(key),
                    "count": len(people),
                    "count_details": {"normal": len(people), "burst": 0},
                    "me": viewer in people,
                    "me_burst": False,
                    "burst_colors": [],
                }
                for key, people in stored.reactions.items()
            ]
        if body["flags"] & HAS_THREAD:
            thread = self._guilds.thread(stored.id)
            if thread is not None:
                body["thread"] = thread
        if "referenced_message_of" in body:
            reference = body.pop("referenced_message_of")
            where = int(body["message_reference"]["channel_id"])
            answered = self.by_channel.get(where, {}).get(int(reference))
            body["referenced_message"] = (
                None if answered is None else self._without_reference(answered, viewer)
            )
        return body

    def _forget_channel(self, happening: Happening) -> None:
        if happening.name in {"CHANNEL_DELETE", "THREAD_DELETE"} and happening.channel_id is not None:
            self.by_channel.pop(happening.channel_id, None)

    def _without_reference(self, stored: Stored, viewer: int) -> JSON:
        body = self.json(stored, viewer)
        body.pop("referenced_message", None)
        return body

    def _fill(self, stored: Stored, place: Place, body: JSON, replied_to: int | None) -> None:
        stored.body |= content.stored_fields(body)
        if "content" not in body and "allowed_mentions" not in body and replied_to is None:
            return
        notified = mentions.parse(
            stored.body["content"],
            body.get("allowed_mentions"),
            users=self._users.records,
            roles=self._mentionable_roles(stored.author_id, place),
            may_everyone=self._may_everyone(stored.author_id, place),
            replied_to=replied_to,
        )
        stored.body["mentions"] = [self._users.get(user) for user in notified.users]
        stored.body["mention_roles"] = [str(role) for role in notified.roles]
        stored.body["mention_everyone"] = notified.everyone

    def _may_everyone(self, author: int, place: Place) -> bool:
        return place.guild is not None and bool(self._access.rights(author, place) & Right.MENTION_EVERYONE)

    def _mentionable_roles(self, author: int, place: Place) -> set[int]:
        if place.guild is None:
            return set()
        everything = self._may_everyone(author, place)
        return {
            role_id
            for role_id, role in place.guild.roles.items()
            if role_id != place.guild.id and (everything or role["mentionable"])
        }

    def _keep(self, place: Place, stored: Stored) -> None:
        here = self.by_channel.setdefault(place.id, {})
        here[stored.id] = stored
        while len(here) > self._tuning.messages_kept:
            del here[next(iter(here))]
        if stored.seen_by is None:
            place.channel["last_message_id"] = str(stored.id)
            if place.channel["type"] in THREAD_TYPES and stored.body["type"] != STARTER:
                place.channel["message_count"] += 1
                place.channel["total_message_sent"] += 1

    def _tell(self, name: str, place: Place, stored: Stored) -> None:
        data = self.json(stored, 0)
        if place.guild is not None:
            data["guild_id"] = str(place.guild.id)
            member = place.guild.members.get(stored.author_id)
            if member is not None and "webhook_id" not in data:
                data["member"] = member
            data["mentions"] = [
                {**user, "member": place.guild.members[int(user["id"])]}
                if int(user["id"]) in place.guild.members
                else user
                for user in data["mentions"]
            ]
        self._announce(name, place, data, stored.seen_by)

    def _announce(self, name: str, place: Place, data: JSON, seen_by: int | None) -> None:
        if place.guild is not None:
            data = {**data, "guild_id": str(place.guild.id)}
        self._feed.emit(
            Happening(
                name=name,
                data=data,
                guild_id=place.guild_id,
                channel_id=place.id,
                users=None if seen_by is None else frozenset({seen_by}),
                gateway=seen_by is None,
            )
        )


def emoji_json(key: str) -> JSON:
    """The partial emoji object of a reaction key: a character, or ``name:id``."""
    name, _, emoji_id = key.partition(":")
    return {"id": emoji_id or None, "name": name}
