"""Tables of the gateway's log: sessions, known guilds, progress per feature, and effects (design.md 4)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint

from alphapy.storage.tables.base import (
    NO_SNOWFLAKES,
    NOW,
    ZERO,
    bigserial,
    index,
    instant,
    json,
    number,
    snowflake,
    snowflakes,
    string,
    table,
    words,
)

gateway_sessions = table(
    "gateway_sessions",
    number("shard_id", key=True),
    number("shard_count", required=True),
    snowflake("application_id", required=True),
    snowflake("user_id", required=True),
    string("session_id", required=True),
    string("resume_url", required=True),
    # Everything of the session at or below this number is durable.
    snowflake("mark", required=True),
    # The newest message id that was surely seen at or below the mark.
    snowflake("seen", required=True, default=ZERO),
    instant("updated_at", required=True, default=NOW),
)

gateway_guilds = table(
    "gateway_guilds",
    snowflake("guild_id", key=True),
    number("shard_id", required=True),
    # The last event of the shard's session that ``data`` includes.
    snowflake("seq", required=True),
    # What the guild cache knows, as JSON; null while the guild is only known to exist.
    string("data"),
    # What came after this message id is to be read back; null where nothing is.
    snowflake("gap_since"),
    index("idx_gateway_guilds_shard", "shard_id", "guild_id"),
)

event_progress = table(
    "event_progress",
    snowflake("guild_id", key=True),
    string("feature", key=True),
    string("session_id", required=True),
    snowflake("seq", required=True),
    # Messages that are dealt with: all up to this id, those listed, and the newest that was read back.
    snowflake("seen_floor", required=True, default=ZERO),
    snowflakes("seen_recent", required=True, default=NO_SNOWFLAKES),
    snowflake("seen_filled", required=True, default=ZERO),
    instant("updated_at", required=True, default=NOW),
)

effects = table(
    "effects",
    bigserial(),
    snowflake("guild_id", required=True),
    string("feature", required=True),
    string("kind", required=True),
    # What it is the effect of, so that it is recorded once.
    string("event_key", required=True),
    json("payload", required=True),
    string("nonce", required=True),
    # pending, done, refused or expired.
    string("state", required=True, default=words("pending")),
    number("attempts", required=True, default=ZERO),
    # Null: certainly never tried.
    instant("first_tried_at"),
    instant("deadline_at", required=True),
    snowflake("message_id"),
    string("last_error"),
    instant("created_at", required=True, default=NOW),
    instant("done_at"),
    UniqueConstraint("guild_id", "feature", "event_key"),
    index("idx_effects_open", "guild_id", "feature", "id", where="state = 'pending'::text"),
    index("idx_effects_closed", "done_at", where="done_at IS NOT NULL"),
)

TABLES = (gateway_sessions, gateway_guilds, event_progress, effects)
