"""Application commands: registered globally or for a guild, replaced in bulk, ids kept where they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, refused
from alphapy.sandbox.world import command_form, permissions
from alphapy.sandbox.world.feed import Feed, Happening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.sandbox.world.access import Access
    from alphapy.sandbox.world.guilds import Place
    from alphapy.sandbox.world.ids import Snowflakes

Scope = tuple[int, int | None]
"""Application id and guild id; None for the global commands."""


class Commands:
    """The registered commands of all applications."""

    def __init__(self, ids: Snowflakes, feed: Feed, access: Access) -> None:
        self._ids = ids
        self._feed = feed
        self._access = access
        self.registered: dict[Scope, dict[int, JSON]] = {}

    def listed(self, scope: Scope) -> list[JSON]:
        """The commands of a scope in the order of their registration."""
        return list(self.registered.get(scope, {}).values())

    def get(self, scope: Scope, command_id: int) -> JSON:
        """One command; 10063 for an unknown id."""
        command = self.registered.get(scope, {}).get(command_id)
        if command is None:
            raise refused(Code.UNKNOWN_COMMAND)
        return command

    def find(self, application_id: int, guild_id: int | None, command_id: int) -> JSON | None:
        """A command that can be used in a guild, by its id."""
        for scope in ((application_id, guild_id), (application_id, None)):
            command = self.registered.get(scope, {}).get(command_id)
            if command is not None:
                return command
        return None

    def overwrite(self, scope: Scope, bodies: Any) -> list[JSON]:
        """Replace all commands of a scope.

        A command that keeps its name and type keeps its id, and its version too where nothing changed.
        """
        command_form.check_all(bodies)
        before = {_key(command): command for command in self.listed(scope)}
        fresh: dict[int, JSON] = {}
        for body in bodies:
            command = self._command(scope, body, before.get(_key(body)))
            fresh[int(command["id"])] = command
        changed = fresh != self.registered.get(scope, {})
        self.registered[scope] = fresh
        if changed:
            self._tell(scope)
        return self.listed(scope)

    def upsert(self, scope: Scope, body: Any) -> tuple[JSON, bool]:
        """Create one command, or replace the one of the same name and type; also whether it is new."""
        command_form.check_one(body)
        here = self.registered.setdefault(scope, {})
        before = next((command for command in here.values() if _key(command) == _key(body)), None)
        of_kind = [command for command in here.values() if command["type"] == body.get("type", 1)]
        if before is None and len(of_kind) >= limits.COMMANDS.get(body.get("type", 1), 100):
            raise command_form.too_many()
        command = self._command(scope, body, before)
        here[int(command["id"])] = command
        self._tell(scope)
        return command, before is None

    def edit(self, scope: Scope, command_id: int, body: JSON) -> JSON:
        """Change fields of one command."""
        before = self.get(scope, command_id)
        merged = {**before, **body}
        command_form.check_one(merged)
        command = self._command(scope, merged, before)
        self.registered[scope][command_id] = command
        self._tell(scope)
        return command

    def delete(self, scope: Scope, command_id: int) -> None:
        """Remove one command."""
        self.get(scope, command_id)
        del self.registered[scope][command_id]
        self._tell(scope)

    def available(self, user_id: int, place: Place, members: frozenset[int]) -> Iterator[JSON]:
        """What a person is offered in a channel.

        These are the commands of the bots that are here (``members``), without those whose default
        permissions the person lacks. A guild's command hides the global one of its name.
        """
        rights = self._access.rights(user_id, place)
        if place.guild is not None and not rights & permissions.Right.USE_APPLICATION_COMMANDS:
            return
        seen: set[tuple[int, str, int]] = set()
        scopes = sorted(self.registered, key=lambda scope: (scope[1] is None, scope[0]))
        for application_id, guild_id in scopes:
            if application_id not in members or guild_id not in {None, place.guild_id}:
                continue
            for command in self.registered[application_id, guild_id].values():
                key = (application_id, command["name"], command["type"])
                if key not in seen and _offered(command, place, rights):
                    seen.add(key)
                    yield command

    def _command(self, scope: Scope, body: JSON, before: JSON | None) -> JSON:
        command = command_form.complete(body)
        application_id, guild_id = scope
        command["application_id"] = str(application_id)
        if guild_id is not None:
            command["guild_id"] = str(guild_id)
        if before is None:
            new_id = str(self._ids.next())
            return {"id": new_id, "version": new_id, **command}
        same = {**command, "id": before["id"], "version": before["version"]} == before
        version = before["version"] if same else str(self._ids.next())
        return {"id": before["id"], "version": version, **command}

    def _tell(self, scope: Scope) -> None:
        application_id, guild_id = scope
        data = {
            "application_id": str(application_id),
            "guild_id": None if guild_id is None else str(guild_id),
        }
        self._feed.emit(Happening(name="COMMANDS_CHANGED", data=data, guild_id=guild_id, gateway=False))


def _key(command: JSON) -> tuple[str, int]:
    return (str(command.get("name")), int(command.get("type") or 1))


def _offered(command: JSON, place: Place, rights: int) -> bool:
    contexts = command.get("contexts")
    if place.guild is None:
        return command.get("guild_id") is None and (contexts is None or 1 in contexts)
    if contexts is not None and 0 not in contexts:
        return False
    needed = command.get("default_member_permissions")
    if needed is None or rights & permissions.Right.ADMINISTRATOR:
        return True
    return int(needed) != 0 and rights & int(needed) == int(needed)
