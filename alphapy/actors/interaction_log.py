"""Remembers across restarts which interactions were begun, so that none of them takes effect twice.

A resumed gateway session replays interactions, and one that was begun before the process was killed may have
taken effect without having been answered. So an interaction is noted before its handler runs, and one that
the database knows at the start is not run again: its member is told to look.

The ids of a guild's interactions grow, so that the newest one says it all. All who begin at the same time
share one write.

When it fails: a database that does not answer within :data:`NOTE_WITHIN` is not waited for any longer, since
the member waits too; what the handler changes in that database fails likewise.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio
from typing_extensions import override

from alphapy.gateway.execution import Beginnings
from alphapy.storage import interactions as storage
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable

if TYPE_CHECKING:
    from alphapy.gateway.models.interaction import Interaction
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.interaction_log")

COMPONENT = "interactions"
"""Name at the connection pool."""

NOTE_WITHIN = 0.5
"""Seconds that noting an interaction may take."""


class InteractionLog(Beginnings):
    """The table's view of one process: what was begun before it, and what it has noted itself."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._before: dict[int, int] = {}
        self._wanted: dict[int, int] = {}
        self._noted: dict[int, int] = {}
        self._writing = trio.Lock()

    async def load(self) -> None:
        """Read what was begun before; call it once nobody else runs these shards, before they start."""
        self._before = await self._pool.run(COMPONENT, storage.begun, idempotent=True)

    @override
    def was_begun(self, interaction: Interaction) -> bool:
        return interaction.id <= self._before.get(interaction.guild_id or 0, 0)

    @override
    async def begin(self, interaction: Interaction) -> None:
        guild_id = interaction.guild_id or 0
        self._wanted[guild_id] = max(self._wanted.get(guild_id, 0), interaction.id)
        with trio.move_on_after(NOTE_WITHIN) as patience:
            try:
                async with self._writing:
                    if self._noted.get(guild_id, 0) < interaction.id:
                        await self._write()
            except (DatabaseUnavailable, DatabaseBusy) as error:
                _tell(str(error), guild_id)
        if patience.cancelled_caught:
            _tell(f"not noted within {NOTE_WITHIN:g} s", guild_id)

    async def _write(self) -> None:
        newest = dict(self._wanted)
        await self._pool.run(COMPONENT, lambda tx: storage.begin(tx, newest), idempotent=True)
        self._noted |= newest
        for guild_id, interaction_id in newest.items():
            if self._wanted.get(guild_id) == interaction_id:
                del self._wanted[guild_id]


def _tell(why: str, guild_id: int) -> None:
    log.warning(
        "an interaction is run without having been noted: %s",
        why,
        extra={"event": "interaction_not_noted", "guild_id": guild_id},
    )
