"""Tables of the settings service (spec/schema.md 2.1)."""

from __future__ import annotations

from alphapy.storage.tables.base import NOW, index, instant, json, serial, snowflake, string, table

bot_settings = table(
    "bot_settings",
    snowflake("guild_id", key=True),
    string("scope", key=True),
    string("key", key=True),
    json("value", required=True),
    string("value_type"),
    snowflake("updated_by"),
    instant("updated_at", default=NOW),
)

settings_history = table(
    "settings_history",
    serial(),
    snowflake("guild_id", required=True),
    string("scope", required=True),
    string("key", required=True),
    json("old_value"),
    # A deletion stores JSON null, never SQL NULL.
    json("new_value", required=True),
    string("value_type"),
    snowflake("changed_by"),
    instant("changed_at", default=NOW),
    string("change_type", required=True),
    index("idx_settings_history_guild_scope_key", "guild_id", "scope", "key"),
    index("idx_settings_history_changed_at", "changed_at"),
)

TABLES = (bot_settings, settings_history)
