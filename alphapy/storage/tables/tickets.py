"""Tables of tickets, verification and the FAQ (spec/schema.md 2.5 and 2.9, spec/tickets.md 2)."""

from __future__ import annotations

from alphapy.storage.tables.base import (
    NOW,
    ZERO,
    bigserial,
    day,
    flag,
    index,
    instant,
    json,
    number,
    serial,
    snowflake,
    string,
    strings,
    table,
    words,
)

support_tickets = table(
    "support_tickets",
    serial(),
    snowflake("guild_id", required=True),
    snowflake("user_id", required=True),
    string("username"),
    string("description", required=True),
    string("status", default=words("open")),
    instant("created_at", default=NOW),
    snowflake("channel_id"),
    snowflake("claimed_by"),
    instant("claimed_at"),
    instant("updated_at", default=NOW),
    # A role, not a member.
    snowflake("escalated_to"),
    instant("archived_at"),
    snowflake("archived_by"),
    instant("closed_at"),
    snowflake("closed_by"),
    snowflake("control_message_id"),
    instant("idle_reminded_at"),
    index("idx_support_tickets_user_id", "user_id"),
    index("idx_support_tickets_status", "status"),
    index("idx_support_tickets_channel_id", "channel_id"),
    index("idx_support_tickets_guild_id", "guild_id"),
    index("idx_support_tickets_updated_at", "updated_at"),
    index("idx_support_tickets_claimed_by", "claimed_by"),
    index("idx_support_tickets_guild_status_updated", "guild_id", "status", "updated_at"),
)

verification_tickets = table(
    "verification_tickets",
    serial(),
    snowflake("guild_id", required=True),
    snowflake("user_id", required=True),
    snowflake("channel_id", required=True),
    string("status", required=True, default=words("pending")),
    flag("ai_can_verify"),
    flag("ai_needs_manual_review"),
    string("ai_reason"),
    instant("created_at", default=NOW),
    instant("resolved_at"),
    snowflake("resolved_by_user_id"),
    string("rejection_reason"),
    day("payment_date"),
    number("attempts", default=ZERO),
    snowflake("last_message_id"),
    index("idx_verification_tickets_guild_status", "guild_id", "status"),
    index("idx_verification_tickets_channel_id", "channel_id"),
)

ticket_summaries = table(
    "ticket_summaries",
    serial(),
    # Refers to support_tickets.id without a constraint: whoever deletes a ticket deletes its summaries.
    number("ticket_id", required=True),
    string("summary", required=True),
    string("similarity_key"),
    instant("created_at", default=NOW),
    instant("faq_proposed_at"),
    index("idx_ticket_summaries_key", "similarity_key"),
    index("idx_ticket_summaries_ticket", "ticket_id"),
)

ticket_metrics = table(
    "ticket_metrics",
    bigserial(),
    json("snapshot"),
    string("scope"),
    json("counts"),
    # Seconds.
    snowflake("average_cycle_time"),
    snowflake("triggered_by"),
    instant("created_at", default=NOW),
    json("topics"),
)

ticket_effects = table(
    "ticket_effects",
    bigserial(),
    snowflake("guild_id", required=True),
    string("subject", required=True),
    number("subject_id", required=True),
    string("kind", required=True),
    json("payload"),
    instant("run_at", required=True, default=NOW),
    number("attempts", required=True, default=ZERO),
    instant("done_at"),
    string("last_error"),
    index("idx_ticket_effects_open", "run_at", where="done_at IS NULL"),
)

faq_entries = table(
    "faq_entries",
    serial(),
    string("title"),
    string("summary"),
    strings("keywords"),
    instant("created_at", default=NOW),
    string("similarity_key"),
    snowflake("created_by"),
    # NULL: an entry that every guild sees.
    snowflake("guild_id"),
    instant("updated_at"),
)

faq_search_logs = table(
    "faq_search_logs",
    serial(),
    snowflake("user_id"),
    string("query"),
    number("results_count"),
    instant("searched_at", default=NOW),
)

TABLES = (
    support_tickets,
    verification_tickets,
    ticket_summaries,
    ticket_metrics,
    ticket_effects,
    faq_entries,
    faq_search_logs,
)
