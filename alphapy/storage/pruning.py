"""Old rows that an operator may remove by hand (spec/schema.md 4, ``db prune``); what is not listed stays.

Each batch is a transaction of its own, so that a prune that is interrupted has done a part of its work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH: Final = 5_000

PREMIUM_DAYS: Final = 2557
"""Seven years: how long premium subscriptions must be kept (spec/schema.md 4)."""


@attrs.frozen
class Prunable:
    """A table with the column that tells a row's age, and what else must hold of a row."""

    column: str
    condition: str = "TRUE"
    least_days: int = 1


TABLES: Final[Mapping[str, Prunable]] = {
    "audit_logs": Prunable("created_at"),
    "health_check_history": Prunable("checked_at"),
    "faq_search_logs": Prunable("searched_at"),
    "gpt_usage": Prunable("usage_date"),
    "agent_session_usage": Prunable("usage_date"),
    "automod_logs": Prunable("timestamp"),
    "automod_stats": Prunable("date"),
    "ticket_metrics": Prunable("created_at"),
    "engagement_weekly_messages": Prunable("created_at"),
    "settings_history": Prunable("changed_at"),
    "premium_subs": Prunable("created_at", "status <> 'active'", PREMIUM_DAYS),
}


class PruneRefused(StorageError):
    """These rows must be kept; nothing was deleted."""

    exit_code = 3


def prune(dsn: str, table: str, *, older_than_days: int, dry_run: bool) -> int:
    """Delete rows of one of :data:`TABLES`, or count them; returns how many.

    Raises :class:`PruneRefused` for fewer days than the table must keep.
    """
    from alphapy.storage.evolution.session import connect  # noqa: PLC0415 - the parser needs the table only

    rule = TABLES[table]
    if older_than_days < rule.least_days:
        raise PruneRefused(f"Refused: rows of {table} are kept for {rule.least_days:,} days at least.")
    old = f'"{rule.column}" < now() - make_interval(days => %s) AND {rule.condition}'
    with connect(dsn) as connection:
        if dry_run:
            row = connection.execute(
                f"SELECT count(*) FROM {table} WHERE {old}".encode(),  # noqa: S608 - texts of this module
                (older_than_days,),
            ).fetchone()
            return int(row[0]) if row else 0
        deleted, found = 0, BATCH
        while found == BATCH:
            found = connection.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - texts of this module
                f"SELECT ctid FROM {table} WHERE {old} LIMIT %s))".encode(),
                (older_than_days, BATCH),
            ).rowcount
            deleted += found
        return deleted
