"""Challenges, weekly awards, badges, streaks and OG claims."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "020_engagement_system"
down_revision = "019_growth_checkins"

_TABLES = (
    "engagement_badges",
    "engagement_og_claims",
    "engagement_og_setup",
    "engagement_challenges",
    "engagement_participants",
    "engagement_weekly_messages",
    "engagement_weekly_awards",
    "engagement_weekly_results",
    "engagement_streaks",
)
_INDEXES = (
    "idx_eng_badges_guild_user",
    "idx_eng_og_claims_guild",
    "idx_eng_challenges_guild_active",
    "idx_eng_participants_challenge",
    "idx_eng_weekly_msgs_guild_created",
    "idx_eng_weekly_awards_guild",
    "idx_eng_streaks_guild",
)


def upgrade() -> None:
    work = steps()
    work.create(*_TABLES)
    work.create_indexes(*_INDEXES)


def downgrade() -> None:
    steps().drop_tables(*reversed(_TABLES))
