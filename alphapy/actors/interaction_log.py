"""Remembers across restarts which interactions were begun, so that none of them takes effect twice.

A resumed gateway session replays interactions, and one that was begun before the process was killed may have
taken effect without having been answered. So an interaction is noted before its handler runs, and one that
the database knows at the start is not run again: its member is told to look.

The ids of a guild's interactions grow, so that the newest one says it all. All who begin at the same time
share one write.

When it fails: what cannot be noted does not run, for it might run twice. The member is told that the
database is away; one that is merely slow has :data:`NOTE_WITHIN`, while the member sees an answer promised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from typing_extensions import override

from alphapy.gateway.execution import Beginnings
from alphapy.storage import interactions as storage
from alphapy.storage.errors import DatabaseBusy

if TYPE_CHECKING:
    from alphapy.gateway.models.interaction import Interaction
    from alphapy.storage.pool import Pool

COMPONENT = "interactions"
"""Name at the connection pool."""

NOTE_WITHIN = 10.0
"""Seconds that noting an interaction may take."""


class InteractionLog(Beginnings):
    """The table's view of one process: what was begun before it, and what it has noted itself."""

    def __init__(self, pool: Pool, *, within: float = NOTE_WITHIN) -> None:
        self._pool = pool
        self._within = within
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
        with trio.move_on_after(self._within):
            async with self._writing:
                if self._noted.get(guild_id, 0) < interaction.id:
                    await self._write()
            return
        raise DatabaseBusy(COMPONENT, self._within, 1, own_limit=True)

    async def _write(self) -> None:
        newest = dict(self._wanted)
        await self._pool.run(COMPONENT, lambda tx: storage.begin(tx, newest), idempotent=True)
        self._noted |= newest
        for guild_id, interaction_id in newest.items():
            if self._wanted.get(guild_id) == interaction_id:
                del self._wanted[guild_id]
