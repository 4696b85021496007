"""Tables of growth check-ins, account links and agents (spec/schema.md 2.9, spec/premium_ai.md 2)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.schema import Column

from alphapy.storage.tables.base import (
    FALSE,
    NOW,
    TODAY,
    ZERO,
    bigserial,
    day,
    flag,
    index,
    instant,
    number,
    snowflake,
    string,
    table,
)

growth_checkins = table(
    "growth_checkins",
    bigserial(),
    # 0: written in a direct message.
    snowflake("guild_id", required=True),
    snowflake("user_id", required=True),
    flag("shared", required=True, default=FALSE),
    instant("created_at", required=True, default=NOW),
    string("goal"),
    string("obstacle"),
    string("feeling"),
    string("grok_response"),
    snowflake("share_message_id"),
    instant("share_claimed_at"),
    string("supabase_reflection_id"),
    index("idx_growth_checkins_guild_id", "guild_id"),
    index("idx_growth_checkins_created_at", "created_at"),
    index("idx_growth_checkins_user_created", "user_id", "created_at DESC"),
)

alphapy_discord_links = table(
    "alphapy_discord_links",
    Column("innersync_user_id", UUID(), primary_key=True),
    snowflake("discord_user_id", required=True),
    instant("linked_at", required=True, default=NOW),
    string("link_source"),
    UniqueConstraint("discord_user_id", name="alphapy_discord_links_discord_user_id_key"),
    index("idx_alphapy_discord_links_discord", "discord_user_id"),
)

agent_session_usage = table(
    "agent_session_usage",
    snowflake("user_id", key=True),
    day("usage_date", key=True, default=TODAY),
    number("session_count", required=True, default=ZERO),
    index("idx_agent_session_usage_date", "usage_date"),
)

agent_nudge_state = table(
    "agent_nudge_state",
    Column("innersync_user_id", UUID(), primary_key=True),
    snowflake("discord_user_id", required=True),
    instant("last_sent_at"),
    index("idx_agent_nudge_state_discord", "discord_user_id"),
    index("idx_agent_nudge_state_last_sent", "last_sent_at"),
)

TABLES = (growth_checkins, alphapy_discord_links, agent_session_usage, agent_nudge_state)
