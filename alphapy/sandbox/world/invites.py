"""Invites: made in a channel, listed, followed by people, deleted, and ended by time or by use."""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, refused
from alphapy.sandbox.world.audit import Action, AuditLog, differences
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import THREAD_TYPES, Right

if TYPE_CHECKING:
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.guilds import Guild, Guilds, Place
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.members import Members
    from alphapy.sandbox.world.users import Users

DAY = 86_400
"""Seconds that an invite lasts unless the body says otherwise; 0 is for ever."""
_SHOWN_OF_GUILD = (
    "id",
    "name",
    "splash",
    "banner",
    "description",
    "icon",
    "features",
    "verification_level",
    "vanity_url_code",
    "nsfw_level",
    "nsfw",
    "premium_subscription_count",
    "premium_tier",
)
_LOGGED = ("code", "channel_id", "inviter_id", "max_uses", "uses", "max_age", "temporary")


class Invites:
    """The invites of all guilds; they are kept in the guilds, by code."""

    def __init__(
        self,
        ids: Snowflakes,
        feed: Feed,
        users: Users,
        guilds: Guilds,
        access: Access,
        audit: AuditLog,
        members: Members,
    ) -> None:
        self._ids = ids
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access
        self._audit = audit
        self._members = members
        self._vanity_uses: Counter[int] = Counter()

    def create(self, by: int, channel_id: int, body: JSON, *, reason: str | None = None) -> JSON:
        """An invite to a channel: a like one of the same inviter again, unless it is to be unique."""
        place = self._guilds.place(channel_id)
        self._access.require(by, place, Right.CREATE_INSTANT_INVITE)
        guild = place.guild
        if guild is None:
            raise refused(Code.DM_ONLY_ACTION)
        if place.channel["type"] in THREAD_TYPES:
            raise refused(Code.UNKNOWN_CHANNEL)
        record = self._record_of(by, place, body)
        self._forget_expired(guild)
        for other in guild.invites.values():
            if not body.get("unique") and all(
                other[key] == record[key] for key in _LOGGED[1:4] + _LOGGED[5:]
            ):
                return self.json(guild, other, metadata=True)
        if len(guild.invites) >= limits.INVITES:
            raise refused(Code.TOO_MANY_INVITES)
        guild.invites[record["code"]] = record
        self._tell("INVITE_CREATE", place, self._announced(record))
        changes = differences({}, record, _LOGGED)
        self._audit.record(by, guild, Action.INVITE_CREATE, None, changes=changes, reason=reason)
        return self.json(guild, record, metadata=True)

    def read(self, code: str, *, counts: bool = False) -> JSON:
        """An invite as anybody sees it; 10006 for an unknown or expired code."""
        guild, record = self._find(code)
        shown = self.json(guild, record, metadata=False)
        if counts:
            shown["approximate_member_count"] = shown["approximate_presence_count"] = len(guild.members)
        return shown

    def delete(self, by: int, code: str, *, reason: str | None = None) -> JSON:
        """End an invite; returns what it was."""
        guild, record = self._find(code)
        place = self._guilds.place(int(record["channel_id"]))
        if not self._access.in_guild(by, guild) & Right.MANAGE_GUILD:
            self._access.require(by, place, Right.MANAGE_CHANNELS)
        shown = self.json(guild, record, metadata=False)
        self._end(guild, record)
        changes = differences(record, {}, _LOGGED)
        self._audit.record(by, guild, Action.INVITE_DELETE, None, changes=changes, reason=reason)
        return shown

    def of_channel(self, by: int, channel_id: int) -> list[JSON]:
        """The invites of a channel, with how often they were used."""
        place = self._guilds.place(channel_id)
        self._access.require(by, place, Right.MANAGE_CHANNELS)
        if place.guild is None:
            raise refused(Code.DM_ONLY_ACTION)
        return [i for i in self._listed(place.guild) if i["channel"]["id"] == str(channel_id)]

    def of_guild(self, by: int, guild_id: int) -> list[JSON]:
        """The invites of a guild; how often they were used is shown to those who manage the guild."""
        guild = self._guilds.get(guild_id)
        rights = self._access.in_guild(by, guild)
        if not rights & (Right.MANAGE_GUILD | Right.VIEW_AUDIT_LOG):
            self._access.require_in_guild(by, guild, Right.MANAGE_GUILD)
        return self._listed(guild)

    def set_vanity(self, guild_id: int, code: str) -> None:
        """Give a guild an address of its own, as its boosts or Discord would; uses are not kept on disk."""
        record = self._guilds.get(guild_id).record
        record["vanity_url_code"] = code
        record["features"] = [*record["features"], "VANITY_URL"]

    def vanity(self, by: int, guild_id: int) -> JSON:
        """The guild's own address and how often it was used, for those who manage the guild."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_GUILD)
        if "VANITY_URL" not in guild.record["features"]:
            raise refused(Code.MISSING_ACCESS)
        return {"code": guild.record["vanity_url_code"], "uses": self._vanity_uses[guild_id]}

    def follow(self, user_id: int, code: str) -> int:
        """A person joins by an invite or by a guild's own address; returns the guild's id."""
        for guild in self._guilds.known.values():
            if guild.record["vanity_url_code"] == code:
                if user_id not in guild.members:
                    self._members.join(guild.id, user_id)
                    self._vanity_uses[guild.id] += 1
                return guild.id
        guild, record = self._find(code)
        if user_id not in guild.members:
            self._members.join(guild.id, user_id)
            record["uses"] += 1
            if record["max_uses"] and record["uses"] >= record["max_uses"]:
                self._end(guild, record)
        return guild.id

    def json(self, guild: Guild, record: JSON, *, metadata: bool) -> JSON:
        """The invite object; ``metadata`` adds the number of uses and the limits."""
        channel = guild.channels[int(record["channel_id"])]
        shown: JSON = {
            "type": 0,
            "code": record["code"],
            "guild_id": str(guild.id),
            "guild": {key: guild.record[key] for key in _SHOWN_OF_GUILD},
            "channel": {key: channel[key] for key in ("id", "name", "type")},
            "inviter": self._users.get(int(record["inviter_id"])),
            "expires_at": record["expires_at"],
            "flags": 0,
        }
        if metadata:
            keys = ("uses", "max_uses", "max_age", "temporary", "created_at")
            shown |= {key: record[key] for key in keys}
        return shown

    def _record_of(self, by: int, place: Place, body: JSON) -> JSON:
        problems = Problems()
        max_age = DAY if body.get("max_age") is None else int(body["max_age"])
        max_uses = int(body.get("max_uses") or 0)
        for key, value, most in (
            ("max_age", max_age, limits.INVITE_SECONDS),
            ("max_uses", max_uses, limits.INVITE_USES),
        ):
            if not 0 <= value <= most:
                problems.add((key,), "NUMBER_TYPE_MAX", f"int value should be from 0 to {most}.")
        problems.raise_if_any()
        now = self._ids.now()
        return {
            "code": secrets.token_urlsafe(6),
            "channel_id": str(place.id),
            "inviter_id": str(by),
            "max_age": max_age,
            "max_uses": max_uses,
            "uses": 0,
            "temporary": bool(body.get("temporary")),
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(seconds=max_age)).isoformat() if max_age else None,
        }

    def _find(self, code: str) -> tuple[Guild, JSON]:
        for guild in self._guilds.known.values():
            if code in guild.invites:
                self._forget_expired(guild)
                record = guild.invites.get(code)
                if record is not None:
                    return guild, record
        raise refused(Code.UNKNOWN_INVITE)

    def _listed(self, guild: Guild) -> list[JSON]:
        self._forget_expired(guild)
        return [self.json(guild, record, metadata=True) for record in guild.invites.values()]

    def _forget_expired(self, guild: Guild) -> None:
        """Drop what has run out, and invites to channels that are gone; nobody is told, as on Discord."""
        now = self._ids.now()
        for code, record in tuple(guild.invites.items()):
            ended = record["expires_at"] is not None and datetime.fromisoformat(record["expires_at"]) <= now
            if ended or int(record["channel_id"]) not in guild.channels:
                del guild.invites[code]

    def _end(self, guild: Guild, record: JSON) -> None:
        del guild.invites[record["code"]]
        place = self._guilds.place(int(record["channel_id"]))
        data = {"channel_id": record["channel_id"], "guild_id": str(guild.id), "code": record["code"]}
        self._tell("INVITE_DELETE", place, data)

    def _announced(self, record: JSON) -> JSON:
        keys = ("code", "channel_id", "max_age", "max_uses", "uses", "temporary", "created_at", "expires_at")
        shown = {key: record[key] for key in keys}
        return {**shown, "type": 0, "inviter": self._users.get(int(record["inviter_id"]))}

    def _tell(self, name: str, place: Place, data: JSON) -> None:
        """Tell those who may manage the channel."""
        if place.guild is None:
            return
        managing = frozenset(
            user_id
            for user_id in place.guild.members
            if self._access.rights(user_id, place) & Right.MANAGE_CHANNELS
        )
        data = {**data, "guild_id": str(place.guild.id)}
        self._feed.emit(Happening(name=name, data=data, guild_id=place.guild.id, users=managing))
