"""The audit log of each guild: who changed what, and why (https://discord.com/developers/docs/resources/audit-log).

Whoever changes the world records it here right after the change; a bot with the right to view the log is
told at once. What is logged is decided by the caller: a member's deletion of their own message is not.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.sandbox.world import permissions
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import Right

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.guilds import Guild, Guilds
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.users import Users

KEPT = 2000
"""Entries kept per guild; the oldest go first (Discord keeps 45 days)."""


class Action(enum.IntEnum):
    """Audit log event types that the sandbox records."""

    CHANNEL_CREATE = 10
    CHANNEL_UPDATE = 11
    CHANNEL_DELETE = 12
    OVERWRITE_CREATE = 13
    OVERWRITE_UPDATE = 14
    OVERWRITE_DELETE = 15
    MEMBER_KICK = 20
    MEMBER_BAN_ADD = 22
    MEMBER_BAN_REMOVE = 23
    MEMBER_UPDATE = 24
    MEMBER_ROLE_UPDATE = 25
    BOT_ADD = 28
    ROLE_CREATE = 30
    ROLE_UPDATE = 31
    ROLE_DELETE = 32
    INVITE_CREATE = 40
    INVITE_DELETE = 42
    MESSAGE_DELETE = 72
    MESSAGE_BULK_DELETE = 73
    MESSAGE_PIN = 74
    MESSAGE_UNPIN = 75
    THREAD_CREATE = 110
    THREAD_UPDATE = 111
    THREAD_DELETE = 112


@attrs.frozen(kw_only=True)
class Query:
    """Which entries are asked for: by whom, of which type, about what, in which part of the log."""

    user_id: int | None = None
    action: int | None = None
    target_id: int | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 50

    def fits(self, entry: JSON) -> bool:
        """Whether an entry is one of those."""
        entry_id = int(entry["id"])
        return (
            self.user_id in {None, int(entry["user_id"])}
            and self.action in {None, entry["action_type"]}
            and (self.target_id is None or str(self.target_id) == entry["target_id"])
            and (self.before is None or entry_id < self.before)
            and (self.after is None or entry_id > self.after)
        )


class AuditLog:
    """Records and shows the entries; they are kept in the guilds."""

    def __init__(self, ids: Snowflakes, feed: Feed, users: Users, guilds: Guilds, access: Access) -> None:
        self._ids = ids
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access

    def record(
        self,
        by: int,
        guild: Guild,
        action: Action,
        target_id: int | None,
        *,
        changes: list[JSON] | None = None,
        options: JSON | None = None,
        reason: str | None = None,
    ) -> None:
        """Write an entry, and tell the bots that may view the log."""
        entry: JSON = {
            "id": str(self._ids.next()),
            "user_id": str(by),
            "target_id": None if target_id is None else str(target_id),
            "action_type": int(action),
        }
        if changes:
            entry["changes"] = changes
        if options:
            entry["options"] = options
        if reason:
            entry["reason"] = reason
        guild.audit_log.append(entry)
        del guild.audit_log[:-KEPT]
        self._feed.emit(
            Happening(
                name="GUILD_AUDIT_LOG_ENTRY_CREATE",
                data={**entry, "guild_id": str(guild.id)},
                guild_id=guild.id,
                users=self._readers(guild),
            )
        )

    def read(self, by: int, guild_id: int, query: Query) -> JSON:
        """A page of the log: newest first, or oldest first after a given entry."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.VIEW_AUDIT_LOG)
        found = [entry for entry in guild.audit_log if query.fits(entry)]
        if query.after is None:
            found.reverse()
        entries = found[: query.limit]
        mentioned = {int(entry["user_id"]) for entry in entries}
        mentioned |= {int(entry["target_id"]) for entry in entries if entry["target_id"] is not None}
        threads = [guild.channels[one] for one in sorted(mentioned) if one in guild.channels]
        return {
            "audit_log_entries": entries,
            "users": [self._users.get(one) for one in sorted(mentioned) if one in self._users.records],
            "threads": [thread for thread in threads if thread["type"] in permissions.THREAD_TYPES],
            "integrations": [],
            "webhooks": [],
            "guild_scheduled_events": [],
            "application_commands": [],
            "auto_moderation_rules": [],
        }

    def _readers(self, guild: Guild) -> frozenset[int]:
        now = self._ids.now()
        return frozenset(
            user_id
            for user_id in guild.members
            if self._users.is_bot(user_id)
            and permissions.in_guild(guild, user_id, now) & Right.VIEW_AUDIT_LOG
        )


def differences(before: JSON, after: JSON, keys: tuple[str, ...]) -> list[JSON]:
    """The changes between two states of an object; an absent or empty value is left out of its side."""
    changes = []
    for key in keys:
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        change: dict[str, Any] = {"key": key}
        if old is not None:
            change["old_value"] = old
        if new is not None:
            change["new_value"] = new
        changes.append(change)
    return changes
