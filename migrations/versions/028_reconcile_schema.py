"""Converge any predecessor to one shape: tables that only appeared at run time, keys, defaults, indexes."""

from __future__ import annotations

from alphapy.storage.evolution.converge import converge
from alphapy.storage.evolution.steps import steps

revision = "028_reconcile_schema"
down_revision = "027_agent_nudge_state"


def upgrade() -> None:
    converge(steps())


def downgrade() -> None:
    """Nothing: the converged shape is valid for the code of 027, and upgrading converges again."""
