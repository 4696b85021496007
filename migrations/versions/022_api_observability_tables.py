"""Ensure what the API reads: audit logs, health history and their indexes."""

from __future__ import annotations

from alphapy.storage.evolution.steps import steps

revision = "022_api_observability_tables"
down_revision = "021_cleanup_module_status"

_INDEXES = (
    "idx_audit_logs_guild_created",
    "idx_audit_logs_command",
    "idx_health_check_history_checked_at",
    "idx_health_check_history_service",
    "idx_reminders_event_time",
)


def upgrade() -> None:
    work = steps()
    work.create("audit_logs", "health_check_history")
    work.create_indexes(*_INDEXES)


def downgrade() -> None:
    """Nothing: everything ensured here belongs to 001."""
