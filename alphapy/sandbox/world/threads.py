"""Starting threads: from a message, on their own, or as a post of a forum; and listing archived ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, refused
from alphapy.sandbox.world import content
from alphapy.sandbox.world.audit import Action, AuditLog, differences
from alphapy.sandbox.world.board import HAS_THREAD, STARTER, Board
from alphapy.sandbox.world.channels import check_texts
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.guilds import Place
from alphapy.sandbox.world.permissions import THREAD_TYPES, Right

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.files import Upload
    from alphapy.sandbox.world.guilds import Guild, Guilds
    from alphapy.sandbox.world.ids import Snowflakes

ANNOUNCEMENT, PUBLIC, PRIVATE = 10, 11, 12
FORUMS = frozenset({15, 16})
THREADED = frozenset({0, 5})
"""Channel types, besides forums, that can have threads: text and announcements."""
CREATED = 18
_LOGGED = ("name", "type", "archived", "locked", "auto_archive_duration", "rate_limit_per_user")


class Threads:
    """Makes the threads of all guilds. Their members are in :class:`ThreadMembers`."""

    def __init__(
        self, ids: Snowflakes, feed: Feed, guilds: Guilds, access: Access, audit: AuditLog, messages: Board
    ) -> None:
        self._ids = ids
        self._feed = feed
        self._guilds = guilds
        self._access = access
        self._audit = audit
        self._messages = messages

    def start(
        self,
        by: int,
        channel_id: int,
        body: JSON,
        *,
        message_id: int | None = None,
        uploads: Iterable[Upload] = (),
        reason: str | None = None,
    ) -> JSON:
        """A thread in a channel; from a message it shares the message's id; in a forum it has a first one."""
        place = self._guilds.place(channel_id)
        self._access.require(by, place, 0)
        guild = place.guild
        if guild is None:
            raise refused(Code.DM_ONLY_ACTION)
        if place.channel["type"] in FORUMS and message_id is None:
            return self._post(by, place, guild, body, tuple(uploads), reason)
        if place.channel["type"] not in THREADED:
            raise refused(Code.NON_TEXT_CHANNEL)
        kind = PRIVATE if message_id is None else PUBLIC
        kind = int(body.get("type") or kind) if message_id is None else kind
        if kind != PRIVATE and place.channel["type"] == 5:
            kind = ANNOUNCEMENT
        needed = Right.CREATE_PRIVATE_THREADS if kind == PRIVATE else Right.CREATE_PUBLIC_THREADS
        self._access.require(by, place, needed)
        _check(body)
        source = None if message_id is None else self._messages.get(channel_id, message_id, by)
        if source is not None and (source.seen_by is not None or source.body["type"] not in {0, 19, 20, 23}):
            raise refused(Code.UNKNOWN_MESSAGE)
        thread = self._made(by, place, guild, body, message_id or self._ids.next(), kind, reason)
        self._announce(by, place, guild, thread, from_message=source is not None)
        return thread

    def archived(self, by: int, channel_id: int, *, private: bool, joined: bool) -> list[JSON]:
        """The archived threads of a channel: the newest archived first, of joined ones the newest."""
        place = self._guilds.place(channel_id)
        rights = self._access.require(by, place, Right.READ_MESSAGE_HISTORY)
        if place.guild is None:
            raise refused(Code.DM_ONLY_ACTION)
        if private and not joined and not rights & Right.MANAGE_THREADS:
            raise refused(Code.MISSING_PERMISSIONS)
        found = [
            channel
            for channel in place.guild.channels.values()
            if channel.get("parent_id") == str(channel_id)
            and channel["type"] in THREAD_TYPES
            and channel["thread_metadata"]["archived"]
            and (channel["type"] == PRIVATE) == private
            and (not joined or by in place.guild.thread_members.get(int(channel["id"]), ()))
        ]
        if joined:
            return sorted(found, key=lambda thread: int(thread["id"]), reverse=True)
        return sorted(found, key=lambda t: str(t["thread_metadata"]["archive_timestamp"]), reverse=True)

    def _post(
        self, by: int, place: Place, guild: Guild, body: JSON, uploads: tuple[Upload, ...], reason: str | None
    ) -> JSON:
        self._access.require(by, place, Right.SEND_MESSAGES)
        _check(body)
        message = body.get("message")
        if not isinstance(message, dict):
            problems = Problems()
            problems.required(("message",))
            problems.raise_if_any()
            raise refused(Code.EMPTY_MESSAGE)
        content.check(message, files=len(uploads), new=True)
        thread_id = self._ids.next()
        thread = self._made(by, place, guild, body, thread_id, PUBLIC, reason)
        first = self._messages.post(by, Place(thread, guild), message, uploads, message_id=thread_id)
        return {**thread, "message": self._messages.json(first, by)}

    def _made(
        self, by: int, place: Place, guild: Guild, body: JSON, thread_id: int, kind: int, reason: str | None
    ) -> JSON:
        if thread_id in guild.channels:
            raise refused(Code.THREAD_EXISTS)
        stamp = self._ids.stamp()
        metadata: JSON = {
            "archived": False,
            "auto_archive_duration": body.get("auto_archive_duration") or 1440,
            "archive_timestamp": stamp,
            "create_timestamp": stamp,
            "locked": False,
        }
        if kind == PRIVATE:
            metadata["invitable"] = body.get("invitable") is not False
        thread: JSON = {
            "id": str(thread_id),
            "type": kind,
            "guild_id": str(guild.id),
            "parent_id": place.channel["id"],
            "owner_id": str(by),
            "name": str(body["name"]),
            "last_message_id": None,
            "rate_limit_per_user": int(body.get("rate_limit_per_user") or 0),
            "message_count": 0,
            "total_message_sent": 0,
            "member_count": 1,
            "flags": 0,
            "thread_metadata": metadata,
        }
        if place.channel["type"] in FORUMS:
            thread["applied_tags"] = [str(tag) for tag in body.get("applied_tags") or ()]
        guild.channels[thread_id] = thread
        guild.thread_members[thread_id] = [by]
        self._guilds.where[thread_id] = guild.id
        self._feed.emit(
            Happening(
                name="THREAD_CREATE",
                data={**thread, "newly_created": True},
                guild_id=guild.id,
                channel_id=thread_id,
            )
        )
        changes = differences({}, {**thread, **metadata}, _LOGGED)
        self._audit.record(by, guild, Action.THREAD_CREATE, thread_id, changes=changes, reason=reason)
        return thread

    def _announce(self, by: int, place: Place, guild: Guild, thread: JSON, *, from_message: bool) -> None:
        """The system messages: in the thread about its first message, or in the channel about the thread."""
        if from_message:
            reference: JSON = {"type": 0, "guild_id": str(guild.id), "channel_id": str(place.id)}
            reference["message_id"] = thread["id"]
            extra = {"type": STARTER, "message_reference": reference, "referenced_message_of": thread["id"]}
            self._messages.post(by, Place(thread, guild), {}, extra=extra)
            self._messages.mark(place, int(thread["id"]), HAS_THREAD)
        elif thread["type"] != PRIVATE:
            reference = {"type": 0, "guild_id": str(guild.id), "channel_id": thread["id"]}
            extra = {"type": CREATED, "message_reference": reference}
            self._messages.post(by, place, {"content": thread["name"]}, extra=extra)


def _check(body: JSON) -> None:
    problems = Problems()
    if "name" not in body:
        problems.required(("name",))
    check_texts(problems, body)
    if body.get("auto_archive_duration") not in {None, *limits.THREAD_ARCHIVE_MINUTES}:
        problems.choice(("auto_archive_duration",), str(limits.THREAD_ARCHIVE_MINUTES))
    if body.get("type") not in {None, ANNOUNCEMENT, PUBLIC, PRIVATE}:
        problems.choice(("type",), "(10, 11, 12)")
    problems.raise_if_any()
