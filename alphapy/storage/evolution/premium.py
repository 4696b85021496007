"""One active premium subscription per user: what revision 005 and the convergence have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


def keep_newest_active(connection: psycopg.Connection[Any]) -> int:
    """Mark all but each user's newest active row ``cancelled``; returns how many were. No row is deleted."""
    return connection.execute(
        """
        UPDATE premium_subs AS old SET status = 'cancelled'
        WHERE old.status = 'active' AND old.id <> (
            SELECT newest.id FROM premium_subs AS newest
            WHERE newest.user_id = old.user_id AND newest.status = 'active'
            ORDER BY newest.created_at DESC NULLS LAST, newest.id DESC LIMIT 1
        )
        """
    ).rowcount
