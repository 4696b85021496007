"""Which interactions were begun: rows of ``event_progress`` under the feature ``interactions``.

The number is the interaction's id, which grows as a sequence number does; direct messages are guild 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.storage.transaction import Transaction

FEATURE = "interactions"

_SESSION = ""
"""Ids outlive gateway sessions, so that all rows stand under the same one."""


async def begun(tx: Transaction) -> dict[int, int]:
    """The newest interaction that was begun, by guild; for the start of the process, so of all guilds."""
    rows = await tx.fetch_all("SELECT guild_id, seq FROM event_progress WHERE feature = %s", (FEATURE,))
    return dict(rows)


async def begin(tx: Transaction, newest: Mapping[int, int]) -> None:
    """Note the newest interaction that is begun, by guild; it never goes back."""
    guild_ids = sorted(newest)
    await tx.execute(
        """
        INSERT INTO event_progress AS p (guild_id, feature, session_id, seq)
        SELECT g.id, %s, %s, g.seq FROM unnest(%s::bigint[], %s::bigint[]) AS g(id, seq)
        ON CONFLICT (guild_id, feature) DO UPDATE SET
            seq = greatest(p.seq, EXCLUDED.seq), updated_at = now()
        """,
        (FEATURE, _SESSION, guild_ids, [newest[guild_id] for guild_id in guild_ids]),
    )
