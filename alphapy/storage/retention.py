"""Deleting what need not be kept any longer (spec/schema.md 5.6), in batches, for one process at a time.

Every batch takes its policy's advisory lock for its own transaction. A process that does not get it leaves
the work to the one that has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from alphapy.storage.transaction import Transaction

BATCH: Final = 5_000
"""Most rows that one statement deletes."""


async def take(tx: Transaction, policy: str) -> bool:
    """Whether this transaction may work on a policy; no other one does until it ends."""
    return bool(
        await tx.fetch_value(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (f"alphapy:retention:{policy}",)
        )
    )


async def audit_settings(tx: Transaction) -> list[tuple[int, object]]:
    """What every guild has stored as its ``system.audit_retention_days``, as it is stored."""
    rows = await tx.fetch_all(
        "SELECT guild_id, value FROM bot_settings WHERE scope = 'system' AND key = 'audit_retention_days'"
        " ORDER BY guild_id"
    )
    return [(guild_id, stored) for guild_id, stored in rows]


async def delete_audit_logs(tx: Transaction, guild_id: int, before: datetime, *, limit: int) -> int:
    """Delete a guild's oldest audit rows before an instant (guild 0: direct messages); how many."""
    return await tx.execute(
        """
        DELETE FROM audit_logs WHERE guild_id = %(guild_id)s AND id IN (
            SELECT id FROM audit_logs WHERE guild_id = %(guild_id)s AND created_at < %(before)s
            ORDER BY created_at LIMIT %(limit)s
        )
        """,
        {"guild_id": guild_id, "before": before, "limit": limit},
    )


async def delete_operational_events(tx: Transaction, before: datetime, *, limit: int) -> int:
    """Delete the oldest operational events before an instant, of all guilds; how many."""
    return await tx.execute(
        """
        DELETE FROM operational_events WHERE id IN (
            SELECT id FROM operational_events WHERE created_at < %s ORDER BY created_at LIMIT %s
        )
        """,
        (before, limit),
    )


async def forget_erased(tx: Transaction, before: datetime, *, limit: int) -> int:
    """Take the ids out of erasures that ended before an instant; how many."""
    return await tx.execute(
        """
        UPDATE gdpr_erasure_jobs SET discord_user_id = NULL, innersync_user_id = NULL WHERE id IN (
            SELECT id FROM gdpr_erasure_jobs
            WHERE state <> 'pending' AND completed_at < %s
              AND (discord_user_id IS NOT NULL OR innersync_user_id IS NOT NULL)
            ORDER BY id LIMIT %s
        )
        """,
        (before, limit),
    )


async def delete_erasure_jobs(tx: Transaction, before: datetime, *, limit: int) -> int:
    """Delete erasures that ended before an instant; how many."""
    return await tx.execute(
        """
        DELETE FROM gdpr_erasure_jobs WHERE id IN (
            SELECT id FROM gdpr_erasure_jobs WHERE state <> 'pending' AND completed_at < %s
            ORDER BY id LIMIT %s
        )
        """,
        (before, limit),
    )
