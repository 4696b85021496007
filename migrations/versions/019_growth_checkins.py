"""Growth check-ins."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "019_growth_checkins"
down_revision = "018_gdpr_acceptance_add_guild_id"

_LATER = ("goal", "obstacle", "feeling", "grok_response")


def upgrade() -> None:
    work = steps()
    work.create("growth_checkins", without_columns=_LATER)
    work.create_indexes("idx_growth_checkins_guild_id", "idx_growth_checkins_created_at")


def downgrade() -> None:
    steps().drop_tables("growth_checkins")
