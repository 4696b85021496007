"""Members: joining, leaving, roles, nicknames, timeouts, bans, under Discord's hierarchy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, Refused, refused
from alphapy.sandbox.world import permissions
from alphapy.sandbox.world.audit import Action, AuditLog, differences
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.records import new_member

if TYPE_CHECKING:
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.guilds import Guild, Guilds
    from alphapy.sandbox.world.ids import Snowflakes
    from alphapy.sandbox.world.users import Users


class Members:
    """The members and bans of all guilds."""

    def __init__(
        self, ids: Snowflakes, feed: Feed, users: Users, guilds: Guilds, access: Access, audit: AuditLog
    ) -> None:
        self._ids = ids
        self._feed = feed
        self._users = users
        self._guilds = guilds
        self._access = access
        self._audit = audit

    def json(self, guild: Guild, user_id: int) -> JSON:
        """The member object with its user; 10007 for somebody who is no member."""
        member = guild.members.get(user_id)
        if member is None:
            raise refused(Code.UNKNOWN_MEMBER)
        return {**member, "user": self._users.get(user_id)}

    def join(self, guild_id: int, user_id: int, *, role_ids: tuple[int, ...] = ()) -> None:
        """A user, or a bot that is being added, joins a guild; 40007 if they are banned."""
        guild = self._guilds.get(guild_id)
        if user_id in guild.bans:
            raise refused(Code.BANNED)
        if user_id in guild.members:
            return
        member = new_member(self._ids.stamp())
        member["roles"] = [str(role_id) for role_id in role_ids]
        guild.members[user_id] = member
        if self._users.is_bot(user_id):
            payload = self._access.create_payload(guild_id, user_id, everybody=False)
            self._feed.emit(
                Happening(name="GUILD_CREATE", data=payload, guild_id=guild_id, users=frozenset({user_id}))
            )
        self._tell("GUILD_MEMBER_ADD", guild, self.json(guild, user_id))

    def edit(self, by: int, guild_id: int, user_id: int, body: JSON, *, reason: str | None = None) -> JSON:
        """Change nickname, roles or timeout."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, 0)
        member = guild.members.get(user_id)
        if member is None:
            raise refused(Code.UNKNOWN_MEMBER)
        problems = Problems()
        problems.longest(("nick",), body.get("nick"), limits.NICK)
        problems.raise_if_any()
        before = dict(member)
        if "nick" in body:
            own = by == user_id
            self._access.require_in_guild(by, guild, Right.CHANGE_NICKNAME if own else Right.MANAGE_NICKNAMES)
            self._require_outranks(by, guild, user_id, itself=True)
            member["nick"] = body["nick"] or None
        if body.get("roles") is not None:
            wanted = [str(int(role_id)) for role_id in body["roles"]]
            changed = set(wanted) ^ set(member["roles"])
            self._require_roles(by, guild, {int(role_id) for role_id in changed})
            member["roles"] = list(dict.fromkeys(wanted))
        if "communication_disabled_until" in body:
            self._time_out(by, guild, user_id, body["communication_disabled_until"])
        self._tell("GUILD_MEMBER_UPDATE", guild, self.json(guild, user_id))
        changes = differences(before, member, ("nick", "communication_disabled_until"))
        if changes:
            self._audit.record(by, guild, Action.MEMBER_UPDATE, user_id, changes=changes, reason=reason)
        self._record_roles(by, guild, user_id, before["roles"], reason)
        return self.json(guild, user_id)

    def set_role(
        self, by: int, guild_id: int, user_id: int, role_id: int, *, has: bool, reason: str | None = None
    ) -> None:
        """Give a role or take it away; the same state again changes nothing."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_ROLES)
        if user_id not in guild.members:
            raise refused(Code.UNKNOWN_MEMBER)
        self._require_roles(by, guild, {role_id})
        roles = guild.members[user_id]["roles"]
        if (str(role_id) in roles) == has:
            return
        before = list(roles)
        if has:
            roles.append(str(role_id))
        else:
            roles.remove(str(role_id))
        self._tell("GUILD_MEMBER_UPDATE", guild, self.json(guild, user_id))
        self._record_roles(by, guild, user_id, before, reason)

    def kick(self, by: int, guild_id: int, user_id: int, *, reason: str | None = None) -> None:
        """Remove a member."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.KICK_MEMBERS)
        if user_id not in guild.members:
            raise refused(Code.UNKNOWN_MEMBER)
        self._require_outranks(by, guild, user_id)
        self._remove(guild, user_id)
        self._audit.record(by, guild, Action.MEMBER_KICK, user_id, reason=reason)

    def leave(self, guild_id: int, user_id: int) -> None:
        """A member leaves; a bot is removed from the guild."""
        guild = self._guilds.get(guild_id)
        if user_id in guild.members:
            self._remove(guild, user_id)

    def ban(self, by: int, guild_id: int, user_id: int, reason: str | None) -> None:
        """Ban a user, member or not."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.BAN_MEMBERS)
        user = self._users.get(user_id)
        if user_id in guild.members:
            self._require_outranks(by, guild, user_id)
            self._remove(guild, user_id)
        guild.bans[user_id] = {"reason": reason, "user": user}
        self._tell("GUILD_BAN_ADD", guild, {"user": user})
        self._audit.record(by, guild, Action.MEMBER_BAN_ADD, user_id, reason=reason)

    def ban_many(
        self, by: int, guild_id: int, user_ids: list[int], reason: str | None
    ) -> tuple[list[int], list[int]]:
        """Ban up to two hundred users at once: those who are banned now, and those who could not be."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.BAN_MEMBERS | Right.MANAGE_GUILD)
        problems = Problems()
        problems.at_most(("user_ids",), user_ids, limits.BULK_BAN, least=1)
        problems.raise_if_any()
        banned, failed = [], []
        for user_id in dict.fromkeys(user_ids):
            try:
                self.ban(by, guild_id, user_id, reason)
            except Refused:
                failed.append(user_id)
            else:
                banned.append(user_id)
        if not banned:
            raise refused(Code.NOBODY_BANNED)
        return banned, failed

    def unban(self, by: int, guild_id: int, user_id: int, *, reason: str | None = None) -> None:
        """Lift a ban; 10026 if there is none."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.BAN_MEMBERS)
        if guild.bans.pop(user_id, None) is None:
            raise refused(Code.UNKNOWN_BAN)
        self._tell("GUILD_BAN_REMOVE", guild, {"user": self._users.get(user_id)})
        self._audit.record(by, guild, Action.MEMBER_BAN_REMOVE, user_id, reason=reason)

    def search(self, guild: Guild, text: str, limit: int) -> list[JSON]:
        """Members whose username or nickname begins with the text."""
        wanted = text.casefold()
        found = []
        for user_id, member in guild.members.items():
            names = (self._users.get(user_id)["username"], member["nick"] or "")
            if any(name.casefold().startswith(wanted) for name in names if name or not wanted):
                found.append(self.json(guild, user_id))
        return found[:limit]

    def _time_out(self, by: int, guild: Guild, user_id: int, until: str | None) -> None:
        self._access.require_in_guild(by, guild, Right.MODERATE_MEMBERS)
        self._require_outranks(by, guild, user_id)
        now = self._ids.now()
        member = guild.members[user_id]
        if until is None:
            member["communication_disabled_until"] = None
            return
        if permissions.in_guild(guild, user_id, now) & Right.ADMINISTRATOR:
            raise refused(Code.MISSING_PERMISSIONS)
        instant = datetime.fromisoformat(until)
        problems = Problems()
        if instant > now + timedelta(days=limits.TIMEOUT_DAYS):
            problems.add(
                ("communication_disabled_until",), "INVALID_COMMUNICATION_DISABLED_TIMESTAMP", "Too far away."
            )
        problems.raise_if_any()
        member["communication_disabled_until"] = instant.isoformat()

    def _record_roles(
        self, by: int, guild: Guild, user_id: int, before: list[str], reason: str | None
    ) -> None:
        after = guild.members[user_id]["roles"]
        changes: list[JSON] = []
        for key, ids in (
            ("$add", [role for role in after if role not in before]),
            ("$remove", [role for role in before if role not in after]),
        ):
            named = [{"id": role, "name": guild.roles[int(role)]["name"]} for role in ids]
            if named:
                changes.append({"key": key, "new_value": named})
        if changes:
            self._audit.record(by, guild, Action.MEMBER_ROLE_UPDATE, user_id, changes=changes, reason=reason)

    def _require_roles(self, by: int, guild: Guild, role_ids: set[int]) -> None:
        self._access.require_in_guild(by, guild, Right.MANAGE_ROLES)
        top = permissions.top_position(guild, by)
        for role_id in role_ids:
            role = guild.roles.get(role_id)
            if role is None:
                raise refused(Code.UNKNOWN_ROLE)
            if role_id == guild.id or role["managed"]:
                raise refused(Code.INVALID_ROLE)
            if permissions.rank(role) >= top:
                raise refused(Code.MISSING_PERMISSIONS)

    def _require_outranks(self, by: int, guild: Guild, user_id: int, *, itself: bool = False) -> None:
        if itself and by == user_id:
            return
        if permissions.top_position(guild, user_id) >= permissions.top_position(guild, by):
            raise refused(Code.MISSING_PERMISSIONS)

    def _remove(self, guild: Guild, user_id: int) -> None:
        user = self._users.get(user_id)
        self._tell("GUILD_MEMBER_REMOVE", guild, {"user": user})
        del guild.members[user_id]
        if self._users.is_bot(user_id):
            self._feed.emit(
                Happening(
                    name="GUILD_DELETE",
                    data={"id": str(guild.id)},
                    guild_id=guild.id,
                    users=frozenset({user_id}),
                )
            )

    def _tell(self, name: str, guild: Guild, data: JSON) -> None:
        self._feed.emit(Happening(name=name, guild_id=guild.id, data={"guild_id": str(guild.id), **data}))
