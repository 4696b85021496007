"""Indexes for erasing and exporting by guild, and by user."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "012_add_guild_id_indexes"
down_revision = "011_add_reminder_sent_message_id"

_INDEXES = (
    "idx_reminders_guild_id",
    "idx_support_tickets_guild_id",
    "idx_automod_logs_guild_id",
    "idx_automod_user_history_guild_id",
    "idx_app_reflections_user_id",
)


def upgrade() -> None:
    steps().create_indexes(*_INDEXES)


def downgrade() -> None:
    steps().drop_indexes(*_INDEXES)
