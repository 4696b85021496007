"""What may be asked of a guild's custom commands."""

from __future__ import annotations

import attrs

from alphapy.actors.kernel.address import Request
from alphapy.pure.custom_commands import CustomCommand, Draft
from alphapy.storage.custom_commands import NotAdded, NotEdited


@attrs.frozen
class AddCommand(Request[CustomCommand | NotAdded]):
    """Store a new command."""

    draft: Draft
    actor_id: int


@attrs.frozen(kw_only=True)
class EditCommand(Request[CustomCommand | NotEdited]):
    """Change a command's trigger and response, unless it changed since ``revision``."""

    command_id: int
    revision: int
    trigger: str
    response: str


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
