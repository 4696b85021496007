"""Declaring slash commands: what members see, who may use them, and what runs.

A feature declares a tuple of :class:`Command` and :class:`Group`; :func:`manifest` turns all of them into
what Discord registers, :func:`paths` into what the dispatcher looks up and ``/commands`` lists.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from alphapy.gateway.models.command import (
    SUBCOMMAND,
    SUBCOMMAND_GROUP,
    ContextType,
    ManifestError,
    OptionKind,
    check_manifest,
)

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.options import Options

__all__ = [
    "Access",
    "Choice",
    "Command",
    "CommandPath",
    "Cooldown",
    "CooldownBy",
    "Group",
    "ManifestError",
    "Option",
    "OptionKind",
    "fingerprint",
    "manifest",
    "paths",
]

ADMINISTRATOR: Final = 8
"""The permission bit that makes a command one for admins (spec/operations.md 4.1)."""

_CHAT_INPUT: Final = 1
_GUILD_INSTALL: Final = 0


class Access(enum.IntEnum):
    """Who may use something, in ascending order (spec/operations.md 4, "Who is who")."""

    EVERYONE = 0
    ADMIN = 1
    OWNER = 2


class CooldownBy(enum.Enum):
    """Who shares a cooldown. In a DM, USER and GUILD both mean the user."""

    USER = "user"
    """Each member of each guild."""
    CHANNEL = "channel"
    GUILD = "guild"


OptionTest = Callable[["Options"], bool]
"""A question to the options of an invocation, which have been checked already."""


def _always(_options: Options) -> bool:
    return True


@attrs.frozen(kw_only=True)
class Cooldown:
    """At most ``uses`` invocations in a fixed window of ``per_seconds``, which begins with the first of them.

    Commands and components that name the same ``bucket`` share one window; without a name each has its own.
    ``when`` limits it to some invocations, told by their options. A use that ends in a Refusal does not
    count.
    """

    per_seconds: float
    uses: int = 1
    by: CooldownBy = CooldownBy.USER
    bucket: str | None = None
    when: OptionTest = _always


@attrs.frozen(kw_only=True)
class Choice:
    """A fixed or suggested value: ``name`` is shown (1 to 100 characters), ``value`` is received."""

    name: str
    value: str | int | float


Autocomplete = Callable[["Invocation", str], Awaitable[Sequence[Choice]]]
"""Suggestions for what was typed so far; the options typed before are in ``invocation.options``."""

Handler = Callable[["Invocation"], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Option:
    """An option of a command.

    ``minimum`` and ``maximum`` bound integers and numbers, ``min_length`` and ``max_length`` strings,
    ``channel_types`` channels. What a member sends is checked against them again before the handler runs.
    """

    kind: OptionKind
    name: str
    description: str
    required: bool = False
    choices: tuple[Choice, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    channel_types: tuple[int, ...] = ()
    autocomplete: Autocomplete | None = None

    def to_json(self) -> dict[str, Any]:
        """Discord's option object."""
        found: dict[str, Any] = {
            "type": int(self.kind),
            "name": self.name,
            "description": self.description,
            "required": self.required or None,
            "choices": [{"name": c.name, "value": c.value} for c in self.choices] or None,
            "min_value": self.minimum,
            "max_value": self.maximum,
            "min_length": self.min_length,
            "max_length": self.max_length,
            "channel_types": [int(kind) for kind in self.channel_types] or None,
            "autocomplete": True if self.autocomplete is not None else None,
        }
        return {key: value for key, value in found.items() if value is not None}


@attrs.frozen(kw_only=True)
class Command:
    """Something a member can run: a top-level command, or a subcommand of a :class:`Group`.

    ``ephemeral``: whether its answers are for the member alone; a function decides by the options.
    ``opens_modal``: the handler may answer with a modal, so the framework defers later.
    ``gated_by``: the settings scope of the module that must be enabled in the guild.
    ``default_member_permissions``: who sees it, as permission bits; top level only.
    ``admin_listed``: ``/commands`` lists it among the admin commands although everyone may run it.
    ``changes``: running it may change something. What changes nothing runs while the database is away, too,
    and may run again where a resumed session replays it.
    """

    name: str
    description: str
    handler: Handler
    options: tuple[Option, ...] = ()
    access: Access = Access.EVERYONE
    guild_only: bool = False
    cooldown: Cooldown | None = None
    ephemeral: bool | OptionTest = True
    opens_modal: bool = False
    gated_by: str | None = None
    default_member_permissions: int | None = None
    admin_listed: bool = False
    changes: bool = True


@attrs.frozen(kw_only=True)
class Group:
    """Subcommands under one name; a top-level group may hold groups of subcommands, one level deep.

    ``access``, ``guild_only``, ``gated_by`` and ``admin_listed`` hold for everything below it.
    """

    name: str
    description: str
    children: tuple[Command | Group, ...]
    access: Access = Access.EVERYONE
    guild_only: bool = False
    gated_by: str | None = None
    default_member_permissions: int | None = None
    admin_listed: bool = False


@attrs.frozen(kw_only=True)
class CommandPath:
    """An executable command under its full path (``config agents show``), with what it inherits."""

    path: str
    command: Command
    access: Access
    guild_only: bool
    gated_by: str | None
    admin: bool
    """Whether ``/commands`` counts it as an admin command."""

    @property
    def description(self) -> str:
        """What members read about it."""
        return self.command.description


def paths(commands: Iterable[Command | Group]) -> tuple[CommandPath, ...]:
    """Every executable command, in the order of declaration."""
    return tuple(_executables(commands, _Inherited()))


@attrs.frozen(kw_only=True)
class _Inherited:
    """What a command has from the groups above it."""

    prefix: str = ""
    access: Access = Access.EVERYONE
    guild_only: bool = False
    gated_by: str | None = None
    admin: bool = False

    def with_node(self, node: Command | Group) -> _Inherited:
        """What holds at this node and below it."""
        access = max(self.access, node.access)
        sees = node.default_member_permissions or 0
        return _Inherited(
            prefix=f"{self.prefix}{node.name} ",
            access=access,
            guild_only=self.guild_only or node.guild_only,
            gated_by=node.gated_by or self.gated_by,
            admin=self.admin or node.admin_listed or access > Access.EVERYONE or bool(sees & ADMINISTRATOR),
        )


def _executables(nodes: Iterable[Command | Group], above: _Inherited) -> Iterator[CommandPath]:
    for node in nodes:
        here = above.with_node(node)
        if isinstance(node, Group):
            yield from _executables(node.children, here)
        else:
            yield CommandPath(
                path=here.prefix.strip(),
                command=node,
                access=here.access,
                guild_only=here.guild_only,
                gated_by=here.gated_by,
                admin=here.admin,
            )


def manifest(commands: Iterable[Command | Group]) -> list[dict[str, Any]]:
    """What Discord registers, ordered by name; raises ManifestError naming the command and the rule."""
    built = sorted((_top_level_json(node) for node in commands), key=lambda command: str(command["name"]))
    check_manifest(built)
    return built


def fingerprint(registered: Sequence[dict[str, Any]]) -> str:
    """SHA-256 of a manifest, in hexadecimal; equal for equal manifests, whatever the order of their keys."""
    canonical = json.dumps(registered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _top_level_json(node: Command | Group) -> dict[str, Any]:
    in_guilds_only = all(found.guild_only for found in paths((node,)))
    contexts = [ContextType.GUILD] if in_guilds_only else [ContextType.GUILD, ContextType.BOT_DM]
    bits = node.default_member_permissions
    return {
        "type": _CHAT_INPUT,
        "name": node.name,
        "description": node.description,
        "options": _options_json(node, node.name, depth=0),
        "default_member_permissions": None if bits is None else int(bits),
        "integration_types": [_GUILD_INSTALL],
        "contexts": [int(context) for context in contexts],
    }


def _options_json(node: Command | Group, path: str, depth: int) -> list[dict[str, Any]]:
    if isinstance(node, Command):
        return [option.to_json() for option in node.options]
    if not node.children:
        raise ManifestError(path, "a group has at least one subcommand")
    return [_child_json(child, f"{path} {child.name}", depth + 1) for child in node.children]


def _child_json(node: Command | Group, path: str, depth: int) -> dict[str, Any]:
    if isinstance(node, Group) and depth > 1:
        raise ManifestError(path, "groups nest one level deep")
    if node.default_member_permissions is not None:
        raise ManifestError(path, "only a top-level command has default member permissions")
    return {
        "type": SUBCOMMAND if isinstance(node, Command) else SUBCOMMAND_GROUP,
        "name": node.name,
        "description": node.description,
        "options": _options_json(node, path, depth),
    }
