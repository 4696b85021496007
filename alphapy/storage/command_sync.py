"""Queries of ``command_sync_state``: what was last registered at Discord (spec/operations.md 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphapy.storage.transaction import Transaction


async def fingerprint(tx: Transaction, scope: str) -> str | None:
    """The fingerprint that was registered last for ``global`` or a guild id; None before the first time."""
    row = await tx.fetch_one("SELECT fingerprint FROM command_sync_state WHERE scope = %s", (scope,))
    return None if row is None else str(row[0])


async def registered(tx: Transaction, scope: str, fingerprint: str, command_count: int) -> None:
    """Remember what has just been registered."""
    await tx.execute(
        """
        INSERT INTO command_sync_state (scope, fingerprint, command_count, synced_at)
        VALUES (%s, %s, %s, now())
        ON CONFLICT (scope) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,
            command_count = EXCLUDED.command_count, synced_at = now(), retry_after = NULL
        """,
        (scope, fingerprint, command_count),
    )
