"""Messages: sending, editing, deleting, listing, pinning, and the private answers that one member sees."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, invalid_field, refused
from alphapy.sandbox.world import content, mentions
from alphapy.sandbox.world.channels import require_text, sending_right
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.ids import Snowflakes, created_at
from alphapy.sandbox.world.permissions import THREAD_TYPES, Right

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alphapy.sandbox.tuning import Tuning
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.files import Attachments, Upload
    from alphapy.sandbox.world.guilds import Guilds, Place
    from alphapy.sandbox.world.users import Users

EPHEMERAL = 1 << 6
LOADING = 1 << 7
V2 = 1 << 15
_SENDABLE_FLAGS = (1 << 2) | EPHEMERAL | (1 << 12) | V2
"""Suppressed embeds, ephemeral, suppressed notifications, components v2."""
NONCE_WINDOW = timedelta(minutes=5)
REPLY = 19
PINNED = 6


@attrs.define
class Stored:
    """One message: its body as REST shows it, who reacted, and who alone may see it."""

    body: JSON
    seen_by: int | None = None
    reactions: dict[str, list[int]] = attrs.field(factory=dict)

    @property
    def id(self) -> int:
        """The message's id."""
        return int(self.body["id"])

    @property
    def author_id(self) -> int:
        """Who wrote it."""
        return int(self.body["author"]["id"])


class Messages:
    """The messages of all channels, a bounded number per channel."""

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

    def create(self, by: int, channel_id: int, body: JSON, uploads: Iterable[Upload] = ()) -> JSON:
        """Send a message as a user or a bot; the same enforced nonce again gives the first one back."""
        place = self._guilds.place(channel_id)
        rights = self._access.require(by, place, sending_right(place.channel))
        require_text(place)
        uploads = tuple(uploads)
        content.check(body, files=len(uploads), new=True)
        if uploads and not rights & Right.ATTACH_FILES:
            raise refused(Code.MISSING_PERMISSIONS)
        if body.get("enforce_nonce") and body.get("nonce") is not None:
            earlier = self._with_nonce(by, channel_id, body["nonce"])
            if earlier is not None:
                return self.json(earlier, by)
        extra = self._reply_fields(place, body)
        replied_to = extra.pop("replied_to", None)
        if not rights & Right.EMBED_LINKS:
            body = {**body, "embeds": []}
        stored = self.post(by, place, body, uploads, extra=extra, replied_to=replied_to)
        return self.json(stored, by)

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
    ) -> Stored:
        """Store a message whose body has been checked, and tell those who may see it."""
        message_id = self._ids.next()
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

    def edit(
        self, by: int, channel_id: int, message_id: int, body: JSON, uploads: Iterable[Upload] = ()
    ) -> JSON:
        """Change one's own message."""
        place = self._guilds.place(channel_id)
        rights = self._access.require(by, place, 0)
        stored = self.get(channel_id, message_id, by)
        if stored.seen_by is not None:
            raise refused(Code.UNKNOWN_MESSAGE)
        if stored.author_id != by:
            if set(body) != {"flags"}:
                raise refused(Code.NOT_THE_AUTHOR)
            if not rights & Right.MANAGE_MESSAGES:
                raise refused(Code.MISSING_PERMISSIONS)
        self.change(stored, place, body, tuple(uploads))
        return self.json(stored, by)

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

    def delete(self, by: int, channel_id: int, message_id: int) -> None:
        """Delete one's own message, or with the right to manage messages anybody's."""
        place = self._guilds.place(channel_id)
        rights = self._access.require(by, place, 0)
        stored = self.get(channel_id, message_id, by)
        if stored.seen_by is not None and stored.seen_by != by:
            raise refused(Code.UNKNOWN_MESSAGE)
        own = by in (stored.author_id, stored.seen_by)
        if not own and (place.guild is None or not rights & Right.MANAGE_MESSAGES):
            raise refused(Code.MISSING_PERMISSIONS)
        self.remove(stored, place)

    def remove(self, stored: Stored, place: Place) -> None:
        """Take a message away and tell those who saw it."""
        del self.by_channel[place.id][stored.id]
        data = {"id": str(stored.id), "channel_id": str(place.id)}
        self._announce("MESSAGE_DELETE", place, data, stored.seen_by)

    def bulk_delete(self, by: int, channel_id: int, message_ids: list[int]) -> None:
        """Delete 2 to 100 messages younger than two weeks; unknown ids do not matter."""
        place = self._guilds.place(channel_id)
        if place.guild is None:
            raise refused(Code.DM_ONLY_ACTION)
        self._access.require(by, place, Right.MANAGE_MESSAGES)
        least, most = limits.BULK_DELETE
        wanted = list(dict.fromkeys(message_ids))
        if not least <= len(wanted) <= most:
            raise refused(Code.BULK_DELETE_COUNT)
        oldest = self._ids.now() - timedelta(days=limits.BULK_DELETE_DAYS)
        if any(created_at(message_id) < oldest for message_id in wanted):
            raise refused(Code.TOO_OLD_TO_BULK_DELETE)
        here = self.by_channel.get(channel_id, {})
        gone = [m for m in wanted if m in here and here[m].seen_by is None]
        for message_id in gone:
            del here[message_id]
        data = {"ids": [str(message_id) for message_id in gone], "channel_id": str(channel_id)}
        self._announce("MESSAGE_DELETE_BULK", place, data, None)

    def get(self, channel_id: int, message_id: int, viewer: int) -> Stored:
        """The message; 10008 where there is none that this viewer can see."""
        stored = self.by_channel.get(channel_id, {}).get(message_id)
        if stored is None or (
            stored.seen_by is not None and viewer not in {stored.seen_by, stored.author_id}
        ):
            raise refused(Code.UNKNOWN_MESSAGE)
        return stored

    def read(self, by: int, channel_id: int, message_id: int) -> JSON:
        """One message over REST: private answers are not to be had here."""
        place = self._guilds.place(channel_id)
        self._access.require(by, place, Right.READ_MESSAGE_HISTORY)
        stored = self.get(channel_id, message_id, by)
        if stored.seen_by is not None:
            raise refused(Code.UNKNOWN_MESSAGE)
        return self.json(stored, by)

    def history(
        self,
        by: int,
        channel_id: int,
        *,
        limit: int = 50,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
    ) -> list[JSON]:
        """A channel's messages, newest first; empty without the right to read its history."""
        place = self._guilds.place(channel_id)
        rights = self._access.require(by, place, 0)
        require_text(place)
        if not 1 <= limit <= 100:
            raise invalid_field(("limit",), "NUMBER_TYPE_MAX", "Must be between 1 and 100.")
        if not rights & Right.READ_MESSAGE_HISTORY:
            return []
        found = [m for m in self.by_channel.get(channel_id, {}).values() if m.seen_by is None]
        found.sort(key=lambda stored: stored.id)
        if around is not None:
            older = [m for m in found if m.id < around][-(limit // 2) :] if limit > 1 else []
            newer = [m for m in found if m.id >= around][: limit - len(older)]
            found = older + newer
        elif after is not None:
            found = [m for m in found if m.id > after][:limit]
        else:
            found = [m for m in found if before is None or m.id < before][-limit:]
        return [self.json(stored, by) for stored in reversed(found)]

    def visible(self, viewer: int, channel_id: int) -> Iterator[Stored]:
        """What a person sees in a channel, oldest first, own private answers included."""
        for stored in sorted(self.by_channel.get(channel_id, {}).values(), key=lambda m: m.id):
            if stored.seen_by is None or stored.seen_by == viewer:
                yield stored

    def pin(self, by: int, channel_id: int, message_id: int, *, pinned: bool) -> None:
        """Pin a message or unpin it; the same state again changes nothing."""
        place = self._guilds.place(channel_id)
        rights = self._access.require(by, place, 0)
        if not rights & (Right.PIN_MESSAGES | Right.MANAGE_MESSAGES):
            raise refused(Code.MISSING_PERMISSIONS)
        stored = self.get(channel_id, message_id, by)
        if stored.body["pinned"] == pinned:
            return
        if pinned and len(self.pins(by, channel_id)) >= limits.PINS:
            raise refused(Code.TOO_MANY_PINS)
        stored.body["pinned"] = pinned
        self._tell("MESSAGE_UPDATE", place, stored)
        stamp = self._ids.stamp()
        data = {"channel_id": str(channel_id), "last_pin_timestamp": stamp}
        self._announce("CHANNEL_PINS_UPDATE", place, data, None)
        if pinned:
            reference = {"type": 0, "channel_id": str(channel_id), "message_id": str(message_id)}
            self.post(by, place, {}, extra={"type": PINNED, "message_reference": reference})

    def pins(self, by: int, channel_id: int) -> list[JSON]:
        """The pinned messages, newest first."""
        place = self._guilds.place(channel_id)
        self._access.require(by, place, Right.READ_MESSAGE_HISTORY)
        here = self.by_channel.get(channel_id, {}).values()
        return [self.json(stored, by) for stored in reversed(list(here)) if stored.body["pinned"]]

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
        if "referenced_message_of" in body:
            reference = body.pop("referenced_message_of")
            answered = self.by_channel.get(int(body["channel_id"]), {}).get(int(reference))
            body["referenced_message"] = (
                None if answered is None else self._without_reference(answered, viewer)
            )
        return body

    def drop_channel(self, channel_id: int) -> None:
        """Forget the messages of a channel that is gone."""
        self.by_channel.pop(channel_id, None)

    def _without_reference(self, stored: Stored, viewer: int) -> JSON:
        body = self.json(stored, viewer)
        body.pop("referenced_message", None)
        return body

    def _reply_fields(self, place: Place, body: JSON) -> JSON:
        reference = body.get("message_reference")
        if not reference or reference.get("type", 0) != 0:
            return {}
        target = int(reference["message_id"])
        answered = self.by_channel.get(place.id, {}).get(target)
        if answered is None or answered.seen_by is not None:
            if reference.get("fail_if_not_exists", True):
                raise invalid_field(
                    ("message_reference",), "REPLIES_UNKNOWN_MESSAGE", "The message to answer is unknown"
                )
            return {}
        fields: JSON = {"type": 0, "channel_id": str(place.id), "message_id": str(target)}
        if place.guild_id is not None:
            fields["guild_id"] = str(place.guild_id)
        return {
            "type": REPLY,
            "message_reference": fields,
            "referenced_message_of": str(target),
            "replied_to": answered.author_id,
        }

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

    def _with_nonce(self, by: int, channel_id: int, nonce: object) -> Stored | None:
        oldest = self._ids.now() - NONCE_WINDOW
        for stored in reversed(self.by_channel.get(channel_id, {}).values()):
            if created_at(stored.id) < oldest:
                return None
            if stored.author_id == by and str(stored.body.get("nonce")) == str(nonce):
                return stored
        return None

    def _keep(self, place: Place, stored: Stored) -> None:
        here = self.by_channel.setdefault(place.id, {})
        here[stored.id] = stored
        while len(here) > self._tuning.messages_kept:
            del here[next(iter(here))]
        if stored.seen_by is None:
            place.channel["last_message_id"] = str(stored.id)
            if place.channel["type"] in THREAD_TYPES:
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
