"""From an interaction to what shall run: the handler, its input, and whether this person may run it here.

Nothing in here waits. What is not to be run raises a :class:`Refusal`, which the member reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.gateway.commands import (
    Access,
    Autocomplete,
    Command,
    CommandPath,
    Cooldown,
    Group,
    Handler,
    Option,
    paths,
)
from alphapy.gateway.components import ComponentRoute, ModalRoute, RouteTable
from alphapy.gateway.models.command import SUBCOMMAND, SUBCOMMAND_GROUP
from alphapy.gateway.models.interaction import InteractionType
from alphapy.gateway.options import Options, read, read_partial
from alphapy.gateway.refusals import (
    AccessDenied,
    Expired,
    GuildOnly,
    NotYours,
    UnknownCommand,
    UnknownComponent,
)
from alphapy.pure.text import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from alphapy.gateway.access import Authority
    from alphapy.gateway.models.interaction import Interaction, SuppliedOption

UNKNOWN_PATH = "unknown"
"""What the audit row of a command that nobody knows is filed under (spec/operations.md 5.4)."""


@attrs.frozen(kw_only=True)
class Plan:
    """What shall run, with everything it gets."""

    path: str
    handler: Handler
    access: Access
    gated_by: str | None = None
    cooldown: Cooldown | None = None
    bucket: str = ""
    ephemeral: bool = True
    opens_modal: bool = False
    changes: bool = True
    options: Options = attrs.field(factory=Options)
    args: Mapping[str, Any] = attrs.field(factory=dict)
    values: tuple[str, ...] = ()
    fields: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Suggestion:
    """What shall make suggestions: for which option, and what was typed of it so far."""

    entry: CommandPath
    option: Option
    autocomplete: Autocomplete
    typed: str
    access: Access
    options: Options


class Planner:
    """Every command, component and modal there is.

    Raises ValueError for a command path that is declared twice, RouteConflict for overlapping custom_ids.
    """

    def __init__(
        self,
        *,
        commands: Iterable[Command | Group],
        components: Iterable[ComponentRoute],
        modals: Iterable[ModalRoute],
        authority: Authority,
    ) -> None:
        self._authority = authority
        self._components = RouteTable(components)
        self._modals = RouteTable(modals)
        self._commands: dict[str, CommandPath] = {}
        for entry in paths(commands):
            if entry.path in self._commands:
                raise ValueError(f"the command /{entry.path} is declared twice")
            self._commands[entry.path] = entry

    def name_of(self, interaction: Interaction) -> str:
        """What an invocation is filed under: its command's path, or the pattern of its component or modal."""
        if interaction.type in {InteractionType.COMMAND, InteractionType.AUTOCOMPLETE}:
            path, _ = command_path(interaction)
            return path if path in self._commands else UNKNOWN_PATH
        found = self._table(interaction).match(interaction.data.custom_id)
        return found[0].pattern.pattern if found is not None else UNKNOWN_PATH

    def may_update(self, interaction: Interaction) -> bool:
        """Whether the answer may change the message that a component is on."""
        if interaction.type not in {InteractionType.COMPONENT, InteractionType.MODAL}:
            return False
        found = self._table(interaction).match(interaction.data.custom_id)
        return found is not None and found[0].updates

    def plan(self, interaction: Interaction, now: datetime) -> Plan:
        """What shall run. ``now`` decides whether a component has expired. Raises Refusal."""
        if interaction.type == InteractionType.COMMAND:
            return self._plan_command(interaction)
        return self._plan_route(interaction, now)

    def suggestion(self, interaction: Interaction) -> Suggestion | None:
        """What shall suggest values; None where nothing can, or this person may not run the command."""
        path, supplied = command_path(interaction)
        entry = self._commands.get(path)
        focused = next((option for option in supplied if option.focused), None)
        if entry is None or focused is None:
            return None
        option = next((found for found in entry.command.options if found.name == focused.name), None)
        access = self._authority.access(interaction)
        if (
            option is None
            or option.autocomplete is None
            or access < entry.access
            or (entry.guild_only and interaction.guild_id is None)
        ):
            return None
        return Suggestion(
            entry=entry,
            option=option,
            autocomplete=option.autocomplete,
            typed=well_formed(str(focused.value)) if focused.value is not None else "",
            access=access,
            options=read_partial(entry.command.options, supplied, interaction.data.resolved),
        )

    def _plan_command(self, interaction: Interaction) -> Plan:
        path, supplied = command_path(interaction)
        entry = self._commands.get(path)
        if entry is None:
            raise UnknownCommand
        command = entry.command
        access = self._permit(interaction, guild_only=entry.guild_only, needed=entry.access)
        options = read(command.options, supplied, interaction.data.resolved)
        return Plan(
            path=path,
            handler=command.handler,
            access=access,
            gated_by=entry.gated_by,
            cooldown=command.cooldown,
            bucket=f"/{path}",
            ephemeral=command.ephemeral(options) if callable(command.ephemeral) else command.ephemeral,
            opens_modal=command.opens_modal,
            changes=command.changes,
            options=options,
        )

    def _plan_route(self, interaction: Interaction, now: datetime) -> Plan:
        found = self._table(interaction).match(interaction.data.custom_id)
        if found is None:
            raise UnknownComponent
        route, args = found
        access = self._permit(interaction, guild_only=route.guild_only, needed=route.access)
        if route.only_for is not None and args[route.only_for] != interaction.invoker.id:
            raise NotYours
        if route.expires is not None and int(args[route.expires]) < now.timestamp():
            raise Expired
        fields = interaction.data.fields()
        return Plan(
            path=route.pattern.pattern,
            handler=route.handler,
            access=access,
            gated_by=route.gated_by,
            cooldown=route.cooldown,
            bucket=route.pattern.pattern,
            ephemeral=route.ephemeral,
            opens_modal=isinstance(route, ComponentRoute) and route.opens_modal,
            changes=route.changes,
            args=args,
            values=interaction.data.values,
            fields={name: well_formed(field.value or "") for name, field in fields.items()},
        )

    def _table(self, interaction: Interaction) -> RouteTable[ComponentRoute] | RouteTable[ModalRoute]:
        return self._modals if interaction.type == InteractionType.MODAL else self._components

    def _permit(self, interaction: Interaction, *, guild_only: bool, needed: Access) -> Access:
        """The invoker's level, if it is enough here."""
        if guild_only and interaction.guild_id is None:
            raise GuildOnly
        access = self._authority.access(interaction)
        if access < needed:
            raise AccessDenied(needed)
        return access


def command_path(interaction: Interaction) -> tuple[str, tuple[SuppliedOption, ...]]:
    """The full path of a command (``config agents show``) and the options below it."""
    words, options = [interaction.data.name], interaction.data.options
    while len(options) == 1 and options[0].type in {SUBCOMMAND, SUBCOMMAND_GROUP}:
        words.append(options[0].name)
        options = options[0].options
    return " ".join(words), options
