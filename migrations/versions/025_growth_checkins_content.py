"""What a check-in says: four columns, and an index by user."""

from __future__ import annotations

from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.steps import steps

revision = "025_growth_checkins_content"
down_revision = "024_agent_session_usage"

_COLUMNS = ("goal", "obstacle", "feeling", "grok_response")


def upgrade() -> None:
    work = steps()
    work.add_columns(TABLES["growth_checkins"], *_COLUMNS)
    work.create_indexes("idx_growth_checkins_user_created")


def downgrade() -> None:
    work = steps()
    work.drop_indexes("idx_growth_checkins_user_created")
    work.drop_columns("growth_checkins", *_COLUMNS)
