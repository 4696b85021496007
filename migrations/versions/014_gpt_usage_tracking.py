"""AI calls per member, guild and day."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "014_gpt_usage_tracking"
down_revision = "013_cleanup_stale_bot_settings"


def upgrade() -> None:
    work = steps()
    work.create("gpt_usage")
    work.create_indexes("idx_gpt_usage_date")


def downgrade() -> None:
    steps().drop_tables("gpt_usage")
