"""Tables of the service itself: audit, health, idempotency, dead letters (spec/schema.md 2.6 and 2.9)."""

from __future__ import annotations

from sqlalchemy import text

from alphapy.storage.tables.base import (
    NOW,
    TRUE,
    bigserial,
    flag,
    index,
    instant,
    json,
    number,
    serial,
    snowflake,
    string,
    table,
)

audit_logs = table(
    "audit_logs",
    serial(),
    # 0: a direct message.
    snowflake("guild_id", required=True),
    snowflake("user_id", required=True),
    string("command_name", required=True),
    string("command_type", required=True),
    flag("success", default=TRUE),
    string("error_message"),
    instant("created_at", default=NOW),
    index("idx_audit_logs_guild_created", "guild_id", "created_at"),
    index("idx_audit_logs_command", "command_name", "created_at"),
    index("idx_audit_logs_user", "user_id"),
)

health_check_history = table(
    "health_check_history",
    serial(),
    string("service", required=True),
    string("version", required=True),
    number("uptime_seconds", required=True),
    string("db_status", required=True),
    number("guild_count"),
    number("active_commands_24h"),
    string("gpt_status"),
    number("database_pool_size"),
    instant("checked_at", default=NOW),
    index("idx_health_check_history_checked_at", "checked_at DESC"),
    index("idx_health_check_history_service", "service", "checked_at DESC"),
)

api_idempotency = table(
    "api_idempotency",
    string("namespace", key=True),
    string("principal", key=True),
    string("idem_key", key=True),
    string("request_hash", required=True),
    string("state", required=True),
    number("status_code"),
    string("response"),
    instant("created_at", required=True, default=NOW),
    instant("expires_at", required=True),
    index("idx_api_idempotency_expires", "expires_at"),
)

webhook_receipts = table(
    "webhook_receipts",
    string("route", key=True),
    string("body_sha256", key=True),
    instant("received_at", required=True, default=NOW),
    index("idx_webhook_receipts_received", "received_at"),
)

operational_events = table(
    "operational_events",
    bigserial(),
    string("event_type", required=True),
    snowflake("guild_id"),
    string("message", required=True),
    json("details", required=True, default=text("'{}'::jsonb")),
    instant("created_at", required=True, default=NOW),
    index("idx_operational_events_guild", "guild_id", "created_at DESC"),
    index("idx_operational_events_created", "created_at"),
)

command_sync_state = table(
    "command_sync_state",
    # "global", or a guild's id.
    string("scope", key=True),
    string("fingerprint", required=True),
    number("command_count", required=True),
    instant("synced_at", required=True, default=NOW),
    instant("retry_after"),
)

dead_letters = table(
    "dead_letters",
    bigserial(),
    string("address", required=True),
    snowflake("guild_id"),
    string("message_type", required=True),
    json("message", required=True),
    string("error", required=True),
    string("traceback", required=True),
    number("attempts", required=True),
    instant("created_at", required=True, default=NOW),
    index("idx_dead_letters_created", "created_at DESC"),
)

TABLES = (
    audit_logs,
    health_check_history,
    api_idempotency,
    webhook_receipts,
    operational_events,
    command_sync_state,
    dead_letters,
)
