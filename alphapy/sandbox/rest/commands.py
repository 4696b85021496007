"""Routes that register application commands, globally or for one guild."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.sandbox.errors import Code, refused
from alphapy.sandbox.rest.routes import NOTHING, Answer, Call, Route

if TYPE_CHECKING:
    from alphapy.sandbox.world.commands import Scope


def _scope(call: Call) -> Scope:
    application_id = call.id("application_id")
    if application_id != call.by:
        raise refused(Code.MISSING_ACCESS)
    if "guild_id" not in call.parameters:
        return application_id, None
    guild_id = call.id("guild_id")
    if not call.world.guilds.is_member(guild_id, call.by):
        raise refused(Code.MISSING_ACCESS)
    return application_id, guild_id


async def list_commands(call: Call) -> Answer:
    """The commands of a scope."""
    return Answer(call.world.commands.listed(_scope(call)))


async def overwrite_commands(call: Call) -> Answer:
    """Replace all commands of a scope."""
    return Answer(call.world.commands.overwrite(_scope(call), call.array()))


async def create_command(call: Call) -> Answer:
    """Create one command, or replace the one of its name: 201 or 200."""
    command, new = call.world.commands.upsert(_scope(call), call.object())
    return Answer(command, 201 if new else 200)


async def get_command(call: Call) -> Answer:
    """One command."""
    return Answer(call.world.commands.get(_scope(call), call.id("command_id")))


async def edit_command(call: Call) -> Answer:
    """Change one command."""
    return Answer(call.world.commands.edit(_scope(call), call.id("command_id"), call.object()))


async def delete_command(call: Call) -> Answer:
    """Remove one command."""
    call.world.commands.delete(_scope(call), call.id("command_id"))
    return NOTHING


ROUTES = tuple(
    route
    for base in (
        "/applications/{application_id}/commands",
        "/applications/{application_id}/guilds/{guild_id}/commands",
    )
    for route in (
        Route("GET", base, list_commands),
        Route("PUT", base, overwrite_commands),
        Route("POST", base, create_command),
        Route("GET", f"{base}/{{command_id}}", get_command),
        Route("PATCH", f"{base}/{{command_id}}", edit_command),
        Route("DELETE", f"{base}/{{command_id}}", delete_command),
    )
)
