"""Queries of ``command_sync_state``: what was last registered at Discord (spec/operations.md 5.3)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.storage.transaction import Transaction


@attrs.frozen
class SyncRow:
    """What is known of one scope: ``global``, or a guild id.

    The fingerprint is that of the last success, at ``synced_at``; empty before the first one. Discord is not
    asked again before ``retry_after``.
    """

    scope: str
    fingerprint: str
    command_count: int
    synced_at: datetime
    retry_after: datetime | None


async def load(tx: Transaction, scopes: Sequence[str]) -> dict[str, SyncRow]:
    """What is known of these scopes, by scope."""
    rows = await tx.fetch_all(
        """
        SELECT scope, fingerprint, command_count, synced_at, retry_after FROM command_sync_state
        WHERE scope = ANY(%s::text[])
        """,
        (list(scopes),),
    )
    return {row[0]: SyncRow(*row) for row in rows}


async def save(tx: Transaction, rows: Sequence[SyncRow]) -> None:
    """Remember these, in place of what was known; each scope once."""
    await tx.execute(
        """
        INSERT INTO command_sync_state (scope, fingerprint, command_count, synced_at, retry_after)
        SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[], %s::timestamptz[], %s::timestamptz[])
        ON CONFLICT (scope) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,
            command_count = EXCLUDED.command_count, synced_at = EXCLUDED.synced_at,
            retry_after = EXCLUDED.retry_after
        """,
        (
            [row.scope for row in rows],
            [row.fingerprint for row in rows],
            [row.command_count for row in rows],
            [row.synced_at for row in rows],
            [row.retry_after for row in rows],
        ),
    )
