"""Tables of reminders (spec/schema.md 2.2 and 2.9, spec/reminders.md 2)."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary

from alphapy.storage.tables.base import (
    FALSE,
    NOW,
    ONE,
    ZERO,
    flag,
    index,
    instant,
    number,
    serial,
    snowflake,
    string,
    strings,
    table,
    time_of_day,
    words,
)

reminders = table(
    "reminders",
    serial(),
    snowflake("guild_id", required=True),
    string("name", required=True),
    snowflake("channel_id", required=True),
    time_of_day("time"),
    time_of_day("call_time"),
    strings("days"),
    string("message"),
    snowflake("created_by"),
    snowflake("origin_channel_id"),
    snowflake("origin_message_id"),
    instant("event_time"),
    string("location"),
    instant("last_sent_at"),
    string("image_url"),
    snowflake("sent_message_id"),
    flag("completed", default=FALSE),
    number("offset_minutes"),
    string("kind", default=words("standard")),
    string("source"),
    number("revision", default=ONE),
    instant("created_at", default=NOW),
    instant("updated_at", default=NOW),
    instant("schedule_set_at", default=NOW),
    instant("claimed_due"),
    instant("claimed_at"),
    number("attempts", default=ZERO),
    string("last_error"),
    snowflake("sent_channel_id"),
    index("idx_reminders_time", "time"),
    index("idx_reminders_event_time", "event_time"),
    index("idx_reminders_guild_id", "guild_id"),
    index("idx_reminders_guild_id_id", "guild_id", "id DESC"),
    index("idx_reminders_created_by", "created_by"),
    index(
        "idx_reminders_watcher_origin",
        "guild_id",
        "origin_channel_id",
        "origin_message_id",
        unique=True,
        where="source = 'watcher'::text",
    ),
)

reminder_images = table(
    "reminder_images",
    number("reminder_id", ForeignKey("reminders.id", ondelete="CASCADE"), key=True),
    string("filename"),
    string("content_type"),
    Column("data", LargeBinary()),
)

reminder_image_writes = table(
    "reminder_image_writes",
    snowflake("guild_id", required=True),
    snowflake("user_id", required=True),
    instant("created_at", required=True, default=NOW),
    index("idx_reminder_image_writes", "guild_id", "user_id", "created_at"),
)

TABLES = (reminders, reminder_images, reminder_image_writes)
