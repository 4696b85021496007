"""When an agent last nudged someone."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "027_agent_nudge_state"
down_revision = "026_reminders_completed_flag"


def upgrade() -> None:
    work = steps()
    work.create("agent_nudge_state")
    work.create_indexes("idx_agent_nudge_state_discord", "idx_agent_nudge_state_last_sent")


def downgrade() -> None:
    steps().drop_tables("agent_nudge_state")
