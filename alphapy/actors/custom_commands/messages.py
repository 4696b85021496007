"""What may be asked of a guild's custom commands."""

from __future__ import annotations

import attrs

from alphapy.actors.kernel.address import Request
from alphapy.pure.custom_commands import Amendment, CustomCommand, Draft, Flaw
from alphapy.storage.custom_commands import NotAdded, NotEdited


@attrs.frozen
class AddCommand(Request[CustomCommand | NotAdded]):
    """Store a new command. ``is_remote``: it came over HTTP, and the guild's log channel is told of it."""

    draft: Draft
    actor_id: int
    is_remote: bool = False


@attrs.frozen(kw_only=True)
class EditCommand(Request[CustomCommand | NotEdited]):
    """Change a command's trigger and response, unless it changed since ``revision``."""

    command_id: int
    revision: int
    trigger: str
    response: str


@attrs.frozen(kw_only=True)
class AmendCommand(Request[CustomCommand | Flaw | None]):
    """Change some parts of the command of this name, over HTTP; None where there is no such command.

    The trigger is judged as it will be: a stored one is tested, too, when the type becomes ``regex``.
    """

    name: str
    amendment: Amendment
    actor_id: int


@attrs.frozen(kw_only=True)
class RemoveCommand(Request[bool]):
    """Delete the command of this name, over HTTP; False where there is no such command."""

    name: str
    actor_id: int


@attrs.frozen
class ToggleCommand(Request[CustomCommand | None]):
    """Flip ``enabled``; None where there is no such command."""

    name: str


@attrs.frozen
class DeleteCommand(Request[str | None]):
    """Delete a command; the reply is its name, or None where it is gone already."""

    command_id: int


@attrs.frozen
class ListCommands(Request[tuple[CustomCommand, ...]]):
    """Every command, by name. ``stored`` reads them from the database first, else memory is good enough."""

    stored: bool = False
