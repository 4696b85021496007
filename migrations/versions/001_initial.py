"""The baseline: settings, reminders, onboarding, rules, tickets, FAQ, audit and health history."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "001_initial"
down_revision = None

_TABLES = (
    "bot_settings",
    "settings_history",
    "onboarding",
    "guild_onboarding_questions",
    "faq_entries",
    "faq_search_logs",
    "audit_logs",
    "health_check_history",
)
_INDEXES = (
    "idx_settings_history_guild_scope_key",
    "idx_settings_history_changed_at",
    "idx_reminders_time",
    "idx_reminders_event_time",
    "idx_support_tickets_user_id",
    "idx_support_tickets_status",
    "idx_support_tickets_channel_id",
    "idx_audit_logs_guild_created",
    "idx_audit_logs_command",
    "idx_health_check_history_checked_at",
    "idx_health_check_history_service",
)


def upgrade() -> None:
    work = steps()
    work.create(*_TABLES)
    work.create("guild_rules", without_columns=("thumbnail_url", "image_url"))
    work.create("support_tickets", without_columns=("archived_at", "archived_by"))
    work.create("reminders", without_columns=("image_url", "sent_message_id", "completed"))
    work.create_indexes(*_INDEXES)


def downgrade() -> None:
    steps().drop_tables(*_TABLES, "guild_rules", "support_tickets", "reminders")
