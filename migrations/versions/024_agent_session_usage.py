"""Agent sessions per user and day."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "024_agent_session_usage"
down_revision = "023_alphapy_discord_links"


def upgrade() -> None:
    work = steps()
    work.create("agent_session_usage")
    work.create_indexes("idx_agent_session_usage_date")


def downgrade() -> None:
    steps().drop_tables("agent_session_usage")
