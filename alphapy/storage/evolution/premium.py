"""One active premium subscription per user: what revision 005 and the convergence have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.storage.evolution.notes import Note

if TYPE_CHECKING:
    from alphapy.storage.evolution.steps import Steps


def keep_newest_active(steps: Steps) -> None:
    """Mark all but each user's newest active row ``cancelled``. No row is deleted."""
    cancelled = steps.execute(
        """
        UPDATE premium_subs AS old SET status = 'cancelled'
        WHERE old.status = 'active' AND old.id <> (
            SELECT newest.id FROM premium_subs AS newest
            WHERE newest.user_id = old.user_id AND newest.status = 'active'
            ORDER BY newest.created_at DESC NULLS LAST, newest.id DESC LIMIT 1
        )
        """
    )
    if cancelled:
        text = f"status of {cancelled:,} rows: active → cancelled; each user's newest stays active"
        steps.note(Note(table="premium_subs", columns=("status",), text=text))
