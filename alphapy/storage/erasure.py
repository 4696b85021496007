"""What erasing a person means: the matrix of spec/schema.md 5.7 as a table of statements.

A step is one column of one table. The steps run in one transaction, in their order, and running them again
changes nothing more. What is not listed is kept on purpose: ``premium_subs`` (tax law, seven years), the
health history and the statistics of auto-moderation.

No step is left out because its table is missing: the schema gate promises that it is there, so that its
absence is an error which rolls everything back.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import psycopg


class Action(enum.Enum):
    """What happens to the rows in which the person appears."""

    DELETE = "delete"
    FORGET = "set null"
    SCRUB = "scrub"


@attrs.frozen
class Step:
    """One column of one table; the statement takes ``%(user)s``, a Discord user id."""

    action: Action
    table: str
    column: str
    statement: str


def _deletes(column: str, *tables: str) -> tuple[Step, ...]:
    return tuple(
        Step(Action.DELETE, table, column, f"DELETE FROM {table} WHERE {column} = %(user)s")  # noqa: S608 - names of this module
        for table in tables
    )


def _forgets(table: str, *columns: str) -> tuple[Step, ...]:
    return tuple(
        Step(
            Action.FORGET,
            table,
            column,
            f"UPDATE {table} SET {column} = NULL WHERE {column} = %(user)s",  # noqa: S608 - names of this module
        )
        for column in columns
    )


_MY_TICKETS = "SELECT id::text FROM support_tickets WHERE user_id = %(user)s"

# Before the tickets, whose rows say which of them were this person's.
_SCRUBS = (
    Step(
        Action.SCRUB,
        "ticket_metrics",
        "snapshot",
        f"UPDATE ticket_metrics SET snapshot = snapshot - 'summary_preview'"  # noqa: S608 - a text of this module
        f" WHERE snapshot ? 'summary_preview' AND snapshot ->> 'ticket_id' IN ({_MY_TICKETS})",
    ),
    Step(
        Action.SCRUB,
        "ticket_metrics",
        "topics",
        f"UPDATE ticket_metrics SET topics = topics - 'latest'"  # noqa: S608 - a text of this module
        f" WHERE topics #>> '{{latest,ticket_id}}' IN ({_MY_TICKETS})",
    ),
    Step(
        Action.SCRUB,
        "ticket_metrics",
        "snapshot",
        f"UPDATE ticket_metrics SET snapshot = snapshot #- '{{topics,latest}}'"  # noqa: S608 - a text of this module
        f" WHERE snapshot #>> '{{topics,latest,ticket_id}}' IN ({_MY_TICKETS})",
    ),
    Step(
        Action.SCRUB,
        "operational_events",
        "details",
        "UPDATE operational_events SET details = details - 'user_id'"
        " WHERE details ->> 'user_id' = %(user)s::bigint::text",
    ),
)

_SUMMARIES = Step(
    Action.DELETE,
    "ticket_summaries",
    "ticket_id",
    "DELETE FROM ticket_summaries WHERE ticket_id IN"
    " (SELECT id FROM support_tickets WHERE user_id = %(user)s)",
)

_ANSWERS = Step(
    Action.DELETE,
    "quiz_answers",
    "session_id",
    "DELETE FROM quiz_answers WHERE session_id IN (SELECT id FROM quiz_sessions WHERE user_id = %(user)s)",
)

# Principals of the API are accounts; the link, which goes last, says whose.
_REPLIES = Step(
    Action.DELETE,
    "api_idempotency",
    "principal",
    "DELETE FROM api_idempotency WHERE principal IN"
    " (SELECT innersync_user_id::text FROM alphapy_discord_links WHERE discord_user_id = %(user)s)",
)

STEPS: tuple[Step, ...] = (
    *_SCRUBS,
    _SUMMARIES,
    *_deletes(
        "user_id",
        "support_tickets",
        "verification_tickets",
        "onboarding",
        "audit_logs",
        "faq_search_logs",
        "terms_acceptance",
        "gdpr_acceptance",
        "gpt_usage",
        "automod_logs",
        "automod_user_history",
        "app_reflections",
        "engagement_badges",
        "engagement_og_claims",
        "engagement_participants",
        "engagement_weekly_messages",
        "engagement_weekly_results",
        "engagement_streaks",
        "growth_checkins",
        "agent_session_usage",
        "invite_tracker",
        "automod_mutes",
        "reminder_image_writes",
        "onboarding_sessions",
    ),
    _ANSWERS,
    *_deletes("user_id", "quiz_sessions"),
    _REPLIES,
    *_deletes("discord_user_id", "alphapy_discord_links", "agent_nudge_state"),
    *_forgets("reminders", "created_by"),
    *_forgets("custom_commands", "created_by"),
    *_forgets("bot_settings", "updated_by"),
    *_forgets("settings_history", "changed_by"),
    *_forgets("support_tickets", "claimed_by", "archived_by", "closed_by"),
    *_forgets("verification_tickets", "resolved_by_user_id"),
    *_forgets("ticket_metrics", "triggered_by"),
    *_forgets("automod_actions", "created_by"),
    *_forgets("automod_rules", "created_by"),
    *_forgets("automod_logs", "moderator_id"),
    *_forgets("engagement_challenges", "winner_id"),
    *_forgets("faq_entries", "created_by"),
    *_forgets("invite_snapshots", "inviter_id"),
)
"""Everything that is done for one person, in order."""

KEPT = frozenset({"premium_subs", "health_check_history", "automod_stats"})
"""Tables that an erasure leaves alone by law or because they name nobody."""


def erase(connection: psycopg.Connection[Any], user: int) -> dict[str, int]:
    """Run every step for a Discord user inside the caller's transaction; rows touched, by table."""
    touched: dict[str, int] = {}
    for step in STEPS:
        found = connection.execute(step.statement.encode(), {"user": user}).rowcount
        touched[step.table] = touched.get(step.table, 0) + found
    return touched


_PENDING = b"""
    SELECT j.id, coalesce(j.discord_user_id, l.discord_user_id), j.innersync_user_id
    FROM gdpr_erasure_jobs j LEFT JOIN alphapy_discord_links l ON l.innersync_user_id = j.innersync_user_id
    WHERE j.state = 'pending' ORDER BY j.id FOR UPDATE OF j
"""

_BY_ACCOUNT = (
    b"DELETE FROM agent_nudge_state WHERE innersync_user_id = %(account)s",
    b"DELETE FROM alphapy_discord_links WHERE innersync_user_id = %(account)s",
    b"DELETE FROM api_idempotency WHERE principal = %(account)s::uuid::text",
)


def run_pending(connection: psycopg.Connection[Any]) -> Mapping[str, int]:
    """Do every erasure that is pending, in the caller's transaction, and mark the jobs.

    A job that names an account only is resolved through the account's link; without one, what belongs to the
    account itself goes and the job ends as ``no_subject``. Returns how many jobs ended in which state.
    """
    ended: dict[str, int] = {}
    for job, user, account in connection.execute(_PENDING).fetchall():
        state = _run(connection, user, account)
        connection.execute(
            b"UPDATE gdpr_erasure_jobs SET state = %s, completed_at = now(), last_error = NULL WHERE id = %s",
            (state, job),
        )
        ended[state] = ended.get(state, 0) + 1
    return ended


def _run(connection: psycopg.Connection[Any], user: int | None, account: UUID | None) -> str:
    if user is not None:
        erase(connection, user)
    if account is not None:
        for statement in _BY_ACCOUNT:
            connection.execute(statement, {"account": account})
    return "no_subject" if user is None else "done"
