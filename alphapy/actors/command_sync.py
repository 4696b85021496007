"""Registers the commands at Discord when they differ from what was registered last.

One bulk overwrite of the global list, and only if its fingerprint is not the stored one, so that restarts
never spam Discord (spec/operations.md 5.3). A failure, of Discord or of the database, is logged and does not
keep the service from starting: the old list stays in force, and the next start tries again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from alphapy.gateway.commands import fingerprint
from alphapy.gateway.rest.errors import DiscordError
from alphapy.storage import command_sync as storage
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.pure.ids import ApplicationId
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.command_sync")

COMPONENT = "command_sync"
GLOBAL = "global"


class CommandRegistry(Protocol):
    """Who registers commands."""

    async def put_global_commands(
        self, application_id: ApplicationId, manifest: Sequence[Mapping[str, Any]]
    ) -> int:
        """Replace every global command; returns how many there are now. Raises DiscordError."""
        ...


async def register_commands(
    pool: Pool, discord: CommandRegistry, application_id: ApplicationId, manifest: Sequence[dict[str, Any]]
) -> bool:
    """Make Discord know this manifest; False where it knew it already or could not be told."""
    try:
        return await _register(pool, discord, application_id, manifest)
    except (DiscordError, StorageError) as error:
        log.error(  # noqa: TRY400 - the error's text says it all
            "the commands could not be registered, so the old ones stay; restart to try again",
            extra={"event": "commands_not_registered", "error": str(error)},
        )
        return False


async def _register(
    pool: Pool, discord: CommandRegistry, application_id: ApplicationId, manifest: Sequence[dict[str, Any]]
) -> bool:
    wanted = fingerprint(manifest)
    known = await pool.run(COMPONENT, lambda tx: storage.fingerprint(tx, GLOBAL), idempotent=True)
    if known == wanted:
        log.info("the commands are registered already", extra={"event": "commands_unchanged"})
        return False
    count = await discord.put_global_commands(application_id, manifest)
    await pool.run(COMPONENT, lambda tx: storage.registered(tx, GLOBAL, wanted, count), idempotent=True)
    log.info("the commands are registered", extra={"event": "commands_registered", "count": count})
    return True
