"""Tables of custom commands and auto-moderation (spec/schema.md 2.7 and 2.9, spec/moderation.md 2)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Double, ForeignKey, UniqueConstraint

from alphapy.storage.tables.base import (
    FALSE,
    NOW,
    ONE,
    TRUE,
    ZERO,
    day,
    flag,
    index,
    instant,
    json,
    number,
    serial,
    snowflake,
    string,
    table,
    words,
)

custom_commands = table(
    "custom_commands",
    serial(),
    snowflake("guild_id", required=True),
    string("name", required=True),
    string("trigger_type", required=True),
    string("trigger_value", required=True),
    string("response", required=True),
    flag("enabled", default=TRUE),
    flag("case_sensitive", default=FALSE),
    flag("delete_trigger", default=FALSE),
    flag("reply_to_user", default=TRUE),
    number("uses", default=ZERO),
    snowflake("created_by"),
    instant("created_at", default=NOW),
    instant("updated_at", default=NOW),
    UniqueConstraint("guild_id", "name"),
    index("idx_custom_commands_guild_enabled", "guild_id", "enabled"),
)

automod_actions = table(
    "automod_actions",
    serial(),
    snowflake("guild_id", required=True),
    string("action_type", required=True),
    # The rule's priority; the published level 1-5 is ceil(severity / 2).
    number("severity", default=ONE),
    json("config", required=True),
    flag("is_premium", default=FALSE),
    snowflake("created_by"),
    instant("created_at", default=NOW),
    CheckConstraint("severity >= 1 AND severity <= 10", name="severity"),
    index("idx_automod_actions_guild", "guild_id"),
)

automod_rules = table(
    "automod_rules",
    serial(),
    snowflake("guild_id", required=True),
    string("rule_type", required=True),
    string("name", required=True),
    flag("enabled", default=TRUE),
    json("config", required=True),
    number("action_id", ForeignKey("automod_actions.id")),
    snowflake("created_by"),
    instant("created_at", default=NOW),
    instant("updated_at", default=NOW),
    flag("is_premium", default=FALSE),
    index("idx_automod_rules_guild_enabled", "guild_id", "enabled"),
    index("idx_automod_rules_type", "rule_type"),
    index("idx_automod_rules_action", "action_id"),
)

automod_logs = table(
    "automod_logs",
    serial(),
    snowflake("guild_id", required=True),
    snowflake("user_id", required=True),
    snowflake("message_id"),
    snowflake("channel_id"),
    # Logs and statistics are an audit trail: they outlive their rule.
    number("rule_id", ForeignKey("automod_rules.id", ondelete="SET NULL")),
    string("action_taken", required=True),
    string("message_content"),
    json("ai_analysis"),
    json("context"),
    snowflake("moderator_id"),
    instant("timestamp", default=NOW),
    string("appeal_status", default=words("none")),
    string("event_key"),
    index("idx_automod_logs_guild_user", "guild_id", "user_id"),
    index("idx_automod_logs_timestamp", "timestamp"),
    index("idx_automod_logs_rule", "rule_id"),
    index("idx_automod_logs_guild_id", "guild_id"),
    index("idx_automod_logs_event_key", "guild_id", "event_key", unique=True, where="event_key IS NOT NULL"),
)

automod_stats = table(
    "automod_stats",
    serial(),
    snowflake("guild_id", required=True),
    number("rule_id", ForeignKey("automod_rules.id", ondelete="SET NULL")),
    day("date", required=True),
    number("triggers_count", default=ZERO),
    number("false_positives", default=ZERO),
    Column("avg_response_time", Double()),
    instant("created_at", default=NOW),
    UniqueConstraint("guild_id", "rule_id", "date"),
    index("idx_automod_stats_date", "date"),
    index("idx_automod_stats_rule", "rule_id"),
)

automod_user_history = table(
    "automod_user_history",
    serial(),
    snowflake("guild_id", required=True),
    snowflake("user_id", required=True),
    string("rule_type", required=True),
    number("violation_count", default=ONE),
    instant("last_violation", default=NOW),
    number("total_points", default=ZERO),
    json("context"),
    instant("updated_at", default=NOW),
    UniqueConstraint("guild_id", "user_id", "rule_type"),
    index("idx_automod_user_history_guild_user", "guild_id", "user_id"),
    index("idx_automod_user_history_guild_id", "guild_id"),
)

automod_mutes = table(
    "automod_mutes",
    snowflake("guild_id", key=True),
    snowflake("user_id", key=True),
    snowflake("role_id", key=True),
    instant("expires_at", required=True),
    number("log_id"),
    instant("created_at", default=NOW),
    index("idx_automod_mutes_expires", "expires_at"),
)

TABLES = (
    custom_commands,
    automod_actions,
    automod_rules,
    automod_logs,
    automod_stats,
    automod_user_history,
    automod_mutes,
)
