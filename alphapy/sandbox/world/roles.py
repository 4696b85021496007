"""Roles: making, changing, ordering and deleting them, under Discord's hierarchy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, refused
from alphapy.sandbox.world import permissions
from alphapy.sandbox.world.audit import Action, AuditLog, differences
from alphapy.sandbox.world.feed import Feed, Happening
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.records import new_role

if TYPE_CHECKING:
    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.guilds import Guild, Guilds
    from alphapy.sandbox.world.ids import Snowflakes

_COLORS = ("primary_color", "secondary_color", "tertiary_color")
_LOGGED = ("name", "color", "hoist", "mentionable", "permissions")
_EDITABLE = ("name", "color", "hoist", "mentionable", "icon", "unicode_emoji", "permissions")


class Roles:
    """The roles of all guilds."""

    def __init__(self, ids: Snowflakes, feed: Feed, guilds: Guilds, access: Access, audit: AuditLog) -> None:
        self._ids = ids
        self._feed = feed
        self._guilds = guilds
        self._access = access
        self._audit = audit

    def get(self, guild: Guild, role_id: int) -> JSON:
        """The role; 10011 for an unknown id."""
        role = guild.roles.get(role_id)
        if role is None:
            raise refused(Code.UNKNOWN_ROLE)
        return role

    def create(self, by: int, guild_id: int, body: JSON, *, reason: str | None = None) -> JSON:
        """A new role at the bottom of the list, just above everyone; the others move up and are told of."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_ROLES)
        fields = self._checked(by, guild, body)
        role = new_role(self._ids.next(), "new role", permissions.EVERYONE, 1)
        role |= fields
        others = [other for other in guild.roles.values() if int(other["id"]) != guild.id]
        for other in others:
            other["position"] += 1
        guild.roles[int(role["id"])] = role
        self._tell("GUILD_ROLE_CREATE", guild, {"role": role})
        for other in others:
            self._tell("GUILD_ROLE_UPDATE", guild, {"role": other})
        self._record(by, guild, Action.ROLE_CREATE, {}, role, reason)
        return role

    def edit(self, by: int, guild_id: int, role_id: int, body: JSON, *, reason: str | None = None) -> JSON:
        """Change a role that stands below the actor's highest."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_ROLES)
        role = self.get(guild, role_id)
        self._require_above(by, guild, role)
        before = dict(role)
        role.update(self._checked(by, guild, body))
        self._tell("GUILD_ROLE_UPDATE", guild, {"role": role})
        self._record(by, guild, Action.ROLE_UPDATE, before, role, reason)
        return role

    def move(self, by: int, guild_id: int, positions: list[JSON]) -> list[JSON]:
        """Give roles new positions. Those that stay where they are may be named and need no right."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_ROLES)
        moved = []
        for entry in positions:
            role, position = self.get(guild, int(entry["id"])), entry.get("position")
            if position is not None and int(position) != role["position"]:
                self._require_above(by, guild, role)
                self._require_above(by, guild, {**role, "position": int(position)})
                moved.append((role, int(position)))
        for role, position in moved:
            role["position"] = position
            self._tell("GUILD_ROLE_UPDATE", guild, {"role": role})
        return list(guild.roles.values())

    def delete(self, by: int, guild_id: int, role_id: int, *, reason: str | None = None) -> None:
        """Delete a role and take it from its members."""
        guild = self._guilds.get(guild_id)
        self._access.require_in_guild(by, guild, Right.MANAGE_ROLES)
        role = self.get(guild, role_id)
        if role_id == guild.id or role["managed"]:
            raise refused(Code.INVALID_ROLE)
        self._require_above(by, guild, role)
        del guild.roles[role_id]
        for member in guild.members.values():
            if str(role_id) in member["roles"]:
                member["roles"].remove(str(role_id))
        self._tell("GUILD_ROLE_DELETE", guild, {"role_id": str(role_id)})
        self._record(by, guild, Action.ROLE_DELETE, role, {}, reason)

    def _require_above(self, by: int, guild: Guild, role: JSON) -> None:
        if permissions.top_position(guild, by) <= permissions.rank(role):
            raise refused(Code.MISSING_PERMISSIONS)

    def _checked(self, by: int, guild: Guild, body: JSON) -> JSON:
        problems = Problems()
        problems.longest(("name",), body.get("name"), limits.ROLE_NAME)
        problems.raise_if_any()
        fields = {key: body[key] for key in _EDITABLE if body.get(key) is not None}
        if "permissions" in fields:
            wanted = int(fields["permissions"])
            if wanted & ~permissions.in_guild(guild, by, self._ids.now()):
                raise refused(Code.MISSING_PERMISSIONS)
            fields["permissions"] = str(wanted)
        colors = body.get("colors") or {"primary_color": fields.get("color")}
        if colors.get("primary_color") is not None:
            fields["color"] = int(colors["primary_color"])
            fields["colors"] = {key: colors.get(key) for key in _COLORS}
        return fields

    def _record(
        self, by: int, guild: Guild, action: Action, before: JSON, after: JSON, reason: str | None
    ) -> None:
        changes = differences(before, after, _LOGGED)
        role_id = int((after or before)["id"])
        if changes:
            self._audit.record(by, guild, action, role_id, changes=changes, reason=reason)

    def _tell(self, name: str, guild: Guild, data: JSON) -> None:
        self._feed.emit(Happening(name=name, guild_id=guild.id, data={"guild_id": str(guild.id), **data}))
