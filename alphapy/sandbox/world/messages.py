"""What people and bots do with messages: send, edit, delete, list, pin, under the rights that it takes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, invalid_field, refused
from alphapy.sandbox.world import content
from alphapy.sandbox.world.audit import Action, AuditLog
from alphapy.sandbox.world.board import EPHEMERAL, REPLY, Board, Stored
from alphapy.sandbox.world.channels import require_text, sending_right
from alphapy.sandbox.world.ids import created_at
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.records import STAGE, VOICE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.sandbox.tuning import Tuning
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.feed import Feed
    from alphapy.sandbox.world.files import Attachments, Upload
    from alphapy.sandbox.world.guilds import Guilds, Place
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.thread_members import ThreadMembers
    from alphapy.sandbox.world.users import Users

NONCE_WINDOW = timedelta(minutes=5)
"""How long an enforced nonce finds the message it was sent with."""
PINNED = 6
HISTORY = 100
"""Messages of one page of a channel's history."""


class Messages(Board):
    """The messages of all channels, with the acts that are open to people and bots."""

    def __init__(
        self,
        ids: Snowflakes,
        feed: Feed,
        users: Users,
        guilds: Guilds,
        access: Access,
        files: Attachments,
        tuning: Tuning,
        *,
        audit: AuditLog,
        thread_members: ThreadMembers,
    ) -> None:
        super().__init__(ids, feed, users, guilds, access, files, tuning)
        self._audit = audit
        self._thread_members = thread_members

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
        body = {**body, "flags": int(body.get("flags") or 0) & ~EPHEMERAL}
        if not rights & Right.EMBED_LINKS:
            body["embeds"] = []
        self._thread_members.enter(by, place, rights)
        stored = self.post(by, place, body, uploads, extra=extra, replied_to=replied_to)
        return self.json(stored, by)

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

    def delete(self, by: int, channel_id: int, message_id: int, *, reason: str | None = None) -> None:
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
        if not own and place.guild is not None:
            options: JSON = {"channel_id": str(channel_id), "count": "1"}
            self._audit.record(
                by, place.guild, Action.MESSAGE_DELETE, stored.author_id, options=options, reason=reason
            )

    def bulk_delete(
        self, by: int, channel_id: int, message_ids: list[int], *, reason: str | None = None
    ) -> None:
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
        gone = self._take_away(place, wanted)
        self._audit.record(
            by,
            place.guild,
            Action.MESSAGE_BULK_DELETE,
            channel_id,
            options={"count": str(len(gone))},
            reason=reason,
        )

    def purge(self, guild_id: int, author_id: int, seconds: int) -> None:
        """Delete what an author has written in a guild in the last seconds: the effect of a ban."""
        oldest = self._ids.now() - timedelta(seconds=seconds)
        for channel_id in self._guilds.get(guild_id).channels:
            here = self.by_channel.get(channel_id, {}).values()
            found = [m.id for m in here if m.author_id == author_id and created_at(m.id) >= oldest]
            if found:
                self._take_away(self._guilds.place(channel_id), found)

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
        """A channel's messages, newest first; empty without the right to read its history.

        Those of a voice channel are for whoever may connect to it.
        """
        place = self._guilds.place(channel_id)
        rights = self._access.require(by, place, 0)
        if place.channel["type"] in {VOICE, STAGE} and not rights & Right.CONNECT:
            raise refused(Code.MISSING_ACCESS)
        require_text(place)
        if not 1 <= limit <= HISTORY:
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

    def pin(
        self, by: int, channel_id: int, message_id: int, *, pinned: bool, reason: str | None = None
    ) -> None:
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
        stamp = self._ids.stamp()
        stored.body["pinned"] = pinned
        stored.pinned_at = stamp if pinned else None
        self._tell("MESSAGE_UPDATE", place, stored)
        data = {"channel_id": str(channel_id), "last_pin_timestamp": stamp}
        self._announce("CHANNEL_PINS_UPDATE", place, data, None)
        if pinned:
            reference = {"type": 0, "channel_id": str(channel_id), "message_id": str(message_id)}
            self.post(by, place, {}, extra={"type": PINNED, "message_reference": reference})
        if place.guild is not None:
            action = Action.MESSAGE_PIN if pinned else Action.MESSAGE_UNPIN
            options: JSON = {"channel_id": str(channel_id), "message_id": str(message_id)}
            self._audit.record(by, place.guild, action, stored.author_id, options=options, reason=reason)

    def pins(self, by: int, channel_id: int) -> list[JSON]:
        """The pinned messages, newest pin first."""
        return [pin["message"] for pin in self.pinned(by, channel_id)]

    def pinned(self, by: int, channel_id: int, *, before: datetime | None = None) -> list[JSON]:
        """The pinned messages with when they were pinned, newest pin first, pinned before an instant."""
        place = self._guilds.place(channel_id)
        self._access.require(by, place, Right.READ_MESSAGE_HISTORY)
        here = self.by_channel.get(channel_id, {}).values()
        found = [
            {"pinned_at": stored.pinned_at, "message": self.json(stored, by)}
            for stored in here
            if stored.pinned_at is not None
            and (before is None or datetime.fromisoformat(stored.pinned_at) < before)
        ]
        return sorted(found, key=lambda pin: str(pin["pinned_at"]), reverse=True)

    def _take_away(self, place: Place, message_ids: list[int]) -> list[int]:
        """Remove those of the messages that are here, and tell of them at once."""
        here = self.by_channel.get(place.id, {})
        gone = [m for m in message_ids if m in here and here[m].seen_by is None]
        for message_id in gone:
            del here[message_id]
        data = {"ids": [str(message_id) for message_id in gone], "channel_id": str(place.id)}
        self._announce("MESSAGE_DELETE_BULK", place, data, None)
        return gone

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

    def _with_nonce(self, by: int, channel_id: int, nonce: object) -> Stored | None:
        oldest = self._ids.now() - NONCE_WINDOW
        for stored in reversed(self.by_channel.get(channel_id, {}).values()):
            if created_at(stored.id) < oldest:
                return None
            if stored.author_id == by and str(stored.body.get("nonce")) == str(nonce):
                return stored
        return None
