"""Tables of onboarding and rules (spec/schema.md 2.4 and 2.9)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint

from alphapy.storage.tables.base import (
    NOW,
    TRUE,
    flag,
    index,
    instant,
    json,
    number,
    serial,
    snowflake,
    string,
    table,
    wall,
    words,
)

onboarding = table(
    "onboarding",
    snowflake("guild_id", key=True),
    snowflake("user_id", key=True),
    json("responses"),
    wall("timestamp", default=NOW),
    json("questions"),
)

guild_onboarding_questions = table(
    "guild_onboarding_questions",
    serial(),
    snowflake("guild_id", required=True),
    number("step_order", required=True),
    string("question", required=True),
    string("question_type", required=True, default=words("select")),
    json("options"),
    json("followup"),
    flag("required", default=TRUE),
    flag("enabled", default=TRUE),
    wall("created_at", default=NOW),
    wall("updated_at", default=NOW),
    UniqueConstraint("guild_id", "step_order"),
)

guild_rules = table(
    "guild_rules",
    serial(),
    snowflake("guild_id", required=True),
    number("rule_order", required=True),
    string("title", required=True),
    string("description", required=True),
    string("thumbnail_url"),
    string("image_url"),
    flag("enabled", default=TRUE),
    wall("created_at", default=NOW),
    wall("updated_at", default=NOW),
    UniqueConstraint("guild_id", "rule_order"),
)

onboarding_sessions = table(
    "onboarding_sessions",
    snowflake("guild_id", key=True),
    snowflake("user_id", key=True),
    string("session_id"),
    string("phase"),
    number("step"),
    number("accepted"),
    string("mode"),
    json("rules"),
    json("questions"),
    json("answers"),
    json("pending"),
    json("effects"),
    instant("started_at"),
    instant("updated_at"),
    index("idx_onboarding_sessions_updated", "updated_at"),
)

onboarding_panels = table(
    "onboarding_panels",
    snowflake("guild_id", key=True),
    snowflake("channel_id"),
    snowflake("message_id"),
    instant("updated_at"),
)

TABLES = (onboarding, guild_onboarding_questions, guild_rules, onboarding_sessions, onboarding_panels)
