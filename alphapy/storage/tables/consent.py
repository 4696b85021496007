"""Tables of consent and erasure (spec/schema.md 2.3 and 2.9)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.schema import Column

from alphapy.storage.tables.base import (
    NOW,
    ZERO,
    bigserial,
    index,
    instant,
    number,
    serial,
    snowflake,
    string,
    table,
    wall,
    words,
)

terms_acceptance = table(
    "terms_acceptance",
    serial(),
    snowflake("user_id", required=True),
    instant("accepted_at", required=True, default=NOW),
    string("version", required=True, default=words("2026-03-02")),
    UniqueConstraint("user_id"),
    index("idx_terms_acceptance_user", "user_id"),
    index("idx_terms_acceptance_accepted_at", "accepted_at"),
)

gdpr_acceptance = table(
    "gdpr_acceptance",
    snowflake("user_id", key=True),
    snowflake("guild_id", key=True),
    number("accepted", required=True, default=ZERO),
    wall("timestamp", required=True, default=NOW),
)

gdpr_erasure_jobs = table(
    "gdpr_erasure_jobs",
    bigserial(),
    snowflake("discord_user_id"),
    Column("innersync_user_id", UUID()),
    string("source", required=True),
    string("state", required=True, default=words("pending")),
    number("attempts", required=True, default=ZERO),
    string("last_error"),
    instant("requested_at", required=True, default=NOW),
    instant("completed_at"),
    index("idx_gdpr_erasure_jobs_state", "state", "requested_at"),
)

TABLES = (terms_acceptance, gdpr_acceptance, gdpr_erasure_jobs)
