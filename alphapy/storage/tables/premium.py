"""Tables of premium, AI quota and reflections (spec/schema.md 2.3)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint

from alphapy.storage.tables.base import (
    NOW,
    TODAY,
    ZERO,
    day,
    index,
    instant,
    json,
    number,
    serial,
    snowflake,
    string,
    table,
)

premium_subs = table(
    "premium_subs",
    serial(),
    snowflake("user_id", required=True),
    snowflake("guild_id", required=True),
    string("tier", required=True),
    string("status", required=True),
    string("stripe_subscription_id"),
    instant("expires_at"),
    instant("created_at", default=NOW),
    instant("expiry_warning_sent_at"),
    snowflake("core_sync_guild_id"),
    instant("core_sync_since"),
    index("idx_premium_subs_user_guild", "user_id", "guild_id"),
    index("idx_premium_subs_guild_status", "guild_id", "status"),
    index("idx_premium_subs_one_active_per_user", "user_id", unique=True, where="status = 'active'::text"),
    row_security=True,
)

gpt_usage = table(
    "gpt_usage",
    snowflake("user_id", key=True),
    snowflake("guild_id", key=True),
    day("usage_date", key=True, default=TODAY),
    number("call_count", required=True, default=ZERO),
    index("idx_gpt_usage_date", "usage_date"),
)

app_reflections = table(
    "app_reflections",
    serial(),
    snowflake("user_id", required=True),
    string("reflection_id", required=True),
    json("plaintext_content", required=True),
    instant("created_at", required=True, default=NOW),
    UniqueConstraint("user_id", "reflection_id"),
    index("idx_app_reflections_user_created", "user_id", "created_at DESC"),
    index("idx_app_reflections_user_id", "user_id"),
)

TABLES = (premium_subs, gpt_usage, app_reflections)
