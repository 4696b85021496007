"""Tables of engagement, invites and the quiz (spec/schema.md 2.8 and 2.9, spec/engagement.md 2)."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint

from alphapy.storage.tables.base import (
    FALSE,
    NOW,
    TRUE,
    ZERO,
    bigserial,
    day,
    flag,
    index,
    instant,
    number,
    serial,
    snowflake,
    string,
    table,
    words,
)

engagement_badges = table(
    "engagement_badges",
    bigserial(),
    snowflake("guild_id", required=True),
    snowflake("user_id", required=True),
    string("badge_key", required=True),
    instant("assigned_at", required=True, default=NOW),
    # NULL for manual grants.
    string("source"),
    index("idx_eng_badges_guild_user", "guild_id", "user_id"),
    index(
        "idx_eng_badges_source",
        "guild_id",
        "user_id",
        "badge_key",
        "source",
        unique=True,
        where="source IS NOT NULL",
    ),
)

engagement_og_claims = table(
    "engagement_og_claims",
    snowflake("guild_id", key=True),
    snowflake("user_id", key=True),
    instant("claimed_at", required=True, default=NOW),
    index("idx_eng_og_claims_guild", "guild_id"),
)

engagement_og_setup = table(
    "engagement_og_setup",
    snowflake("guild_id", key=True),
    snowflake("message_id"),
    snowflake("channel_id"),
    instant("updated_at", required=True, default=NOW),
)

engagement_challenges = table(
    "engagement_challenges",
    bigserial(),
    snowflake("guild_id", required=True),
    snowflake("channel_id"),
    string("mode", required=True, default=words("leaderboard")),
    string("title"),
    flag("active", required=True, default=TRUE),
    instant("started_at", required=True, default=NOW),
    instant("ends_at"),
    instant("ended_at"),
    snowflake("winner_id"),
    number("messages_count"),
    string("outcome"),
    instant("announced_at"),
    snowflake("announce_message_id"),
    index("idx_eng_challenges_guild_active", "guild_id", "active"),
)

engagement_participants = table(
    "engagement_participants",
    bigserial(),
    snowflake("challenge_id", ForeignKey("engagement_challenges.id", ondelete="CASCADE"), required=True),
    snowflake("user_id", required=True),
    number("message_count", required=True, default=ZERO),
    UniqueConstraint("challenge_id", "user_id"),
    index("idx_eng_participants_challenge", "challenge_id"),
)

engagement_weekly_messages = table(
    "engagement_weekly_messages",
    bigserial(),
    snowflake("guild_id", required=True),
    snowflake("message_id", required=True),
    snowflake("channel_id", required=True),
    snowflake("user_id", required=True),
    instant("created_at", required=True),
    flag("has_image", required=True, default=FALSE),
    flag("is_food", required=True, default=FALSE),
    number("reactions_count", required=True, default=ZERO),
    UniqueConstraint("guild_id", "message_id"),
    index("idx_eng_weekly_msgs_guild_created", "guild_id", "created_at"),
)

engagement_weekly_awards = table(
    "engagement_weekly_awards",
    bigserial(),
    snowflake("guild_id", required=True),
    day("week_start", required=True),
    day("week_end", required=True),
    instant("computed_at"),
    instant("announced_at"),
    snowflake("announce_channel_id"),
    snowflake("announce_message_id"),
    UniqueConstraint("guild_id", "week_start", "week_end"),
    index("idx_eng_weekly_awards_guild", "guild_id"),
)

engagement_weekly_results = table(
    "engagement_weekly_results",
    bigserial(),
    snowflake("week_id", ForeignKey("engagement_weekly_awards.id", ondelete="CASCADE"), required=True),
    string("award_key", required=True),
    snowflake("user_id", required=True),
    number("metric"),
    snowflake("message_id"),
    UniqueConstraint("week_id", "award_key"),
)

engagement_streaks = table(
    "engagement_streaks",
    snowflake("guild_id", key=True),
    snowflake("user_id", key=True),
    day("last_day"),
    number("current_days", required=True, default=ZERO),
    string("base_nickname"),
    index("idx_eng_streaks_guild", "guild_id"),
)

invite_tracker = table(
    "invite_tracker",
    snowflake("guild_id", key=True),
    snowflake("user_id", key=True),
    number("invite_count", default=ZERO),
)

invite_snapshots = table(
    "invite_snapshots",
    snowflake("guild_id", key=True),
    string("code", key=True),
    snowflake("inviter_id"),
    number("uses"),
    number("max_uses"),
    instant("updated_at"),
)

quiz_sessions = table(
    "quiz_sessions",
    serial(),
    snowflake("user_id", required=True),
    number("score"),
    number("total_questions"),
    instant("created_at", default=NOW),
)

quiz_answers = table(
    "quiz_answers",
    serial(),
    number("session_id", ForeignKey("quiz_sessions.id", ondelete="CASCADE")),
    string("question"),
    string("user_answer"),
    string("correct_answer"),
    flag("is_correct"),
    string("pip_type"),
)

TABLES = (
    engagement_badges,
    engagement_og_claims,
    engagement_og_setup,
    engagement_challenges,
    engagement_participants,
    engagement_weekly_messages,
    engagement_weekly_awards,
    engagement_weekly_results,
    engagement_streaks,
    invite_tracker,
    invite_snapshots,
    quiz_sessions,
    quiz_answers,
)
