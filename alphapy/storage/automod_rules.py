"""Queries of ``automod_rules`` and ``automod_actions`` (spec/moderation.md 2.1).

Several rules may share an action. Changing the action of a rule that shares it gives the rule one of its own;
deleting a rule deletes its action with the last rule that has it. The limit per guild is kept by a lock of
the guild that every insert takes.
"""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from alphapy.pure.automod.rules import MAX_RULES, MAX_SEVERITY, MIN_SEVERITY, StoredRule, action_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from alphapy.pure.automod.drafts import RuleDraft
    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction

_SELECT = """
    SELECT r.id, r.name, r.rule_type, coalesce(r.enabled, true), r.config, coalesce(r.is_premium, false),
           a.id, a.action_type, a.config, coalesce(a.severity, 1), r.created_by,
           CASE WHEN isfinite(r.created_at) THEN r.created_at END,
           CASE WHEN isfinite(r.updated_at) THEN r.updated_at END
    FROM automod_rules AS r LEFT JOIN automod_actions AS a ON a.id = r.action_id AND a.guild_id = r.guild_id
"""


class NotAdded(enum.Enum):
    """Why a rule was not added."""

    FULL = "full"


async def load(tx: Transaction, guild_id: GuildId) -> list[StoredRule]:
    """Every rule of a guild, newest first."""
    rows = await tx.fetch_all(
        f"{_SELECT} WHERE r.guild_id = %s ORDER BY r.created_at DESC NULLS LAST, r.id DESC", (guild_id,)
    )
    return [_rule(row) for row in rows]


async def add(
    tx: Transaction, guild_id: GuildId, draft: RuleDraft, *, created_by: int | None
) -> StoredRule | NotAdded:
    """Store a new rule with an action of its own, unless the guild is full."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"automod_rules:{guild_id}",))
    count = await tx.fetch_value("SELECT count(*) FROM automod_rules WHERE guild_id = %s", (guild_id,))
    if count >= MAX_RULES:
        return NotAdded.FULL
    action_id = await _add_action(
        tx, guild_id, draft.action.value, draft.action_config, draft.severity, created_by
    )
    rule_id = await tx.fetch_value(
        """
        INSERT INTO automod_rules (guild_id, rule_type, name, enabled, config, action_id, created_by,
                                   is_premium)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (
            guild_id,
            draft.kind.rule_type,
            draft.name,
            draft.enabled,
            Jsonb(dict(draft.config)),
            action_id,
            created_by,
            draft.kind.is_premium,
        ),
    )
    found = await _find(tx, guild_id, rule_id)
    assert found is not None, "it was just inserted"  # noqa: S101
    return found


async def change(
    tx: Transaction, guild_id: GuildId, rule_id: int, revise: Callable[[StoredRule], StoredRule]
) -> tuple[StoredRule, StoredRule] | None:
    """Store what ``revise`` makes of a rule, with its row locked; None where there is no such rule.

    Returns the rule before and after. What ``revise`` raises leaves everything as it is.
    """
    locked = await tx.fetch_value(
        "SELECT id FROM automod_rules WHERE guild_id = %s AND id = %s FOR UPDATE", (guild_id, rule_id)
    )
    before = await _find(tx, guild_id, rule_id) if locked is not None else None
    if before is None:
        return None
    after = revise(before)
    if after == before:
        return before, before
    action_id = await _changed_action(tx, guild_id, before, after)
    await tx.execute(
        """
        UPDATE automod_rules SET name = %s, enabled = %s, rule_type = %s, config = %s, action_id = %s,
            is_premium = %s, updated_at = clock_timestamp()
        WHERE guild_id = %s AND id = %s
        """,
        (
            after.name,
            after.enabled,
            after.rule_type,
            Jsonb(dict(after.config)),
            action_id,
            after.is_premium,
            guild_id,
            rule_id,
        ),
    )
    stored = await _find(tx, guild_id, rule_id)
    return None if stored is None else (before, stored)


async def _changed_action(
    tx: Transaction, guild_id: GuildId, before: StoredRule, after: StoredRule
) -> int | None:
    """The id of the action of a rule, which is written where it is different now."""
    same = (before.action_type, before.action_config, before.severity) == (
        after.action_type,
        after.action_config,
        after.severity,
    )
    if same or after.action_type is None:
        return before.action_id
    shared = await tx.fetch_value(
        "SELECT count(*) > 1 FROM automod_rules WHERE guild_id = %s AND action_id = %s",
        (guild_id, before.action_id),
    )
    if shared or before.action_id is None:
        return await _add_action(
            tx, guild_id, after.action_type, after.action_config, after.severity, before.created_by
        )
    await tx.execute(
        """
        UPDATE automod_actions SET action_type = %s, config = %s, severity = %s, is_premium = %s
        WHERE guild_id = %s AND id = %s
        """,
        (
            after.action_type,
            Jsonb(dict(after.action_config)),
            after.severity,
            _is_premium(after.action_type),
            guild_id,
            before.action_id,
        ),
    )
    return before.action_id


async def delete(tx: Transaction, guild_id: GuildId, rule_id: int) -> str | None:
    """Delete a rule; returns its name, or None where there is no such rule. Logs and statistics stay."""
    row = await tx.fetch_one(
        "DELETE FROM automod_rules WHERE guild_id = %s AND id = %s RETURNING name, action_id",
        (guild_id, rule_id),
    )
    if row is None:
        return None
    await tx.execute(
        """
        DELETE FROM automod_actions WHERE guild_id = %s AND id = %s
          AND NOT EXISTS (SELECT FROM automod_rules WHERE action_id = automod_actions.id)
        """,
        (guild_id, row[1]),
    )
    return str(row[0])


async def _add_action(
    tx: Transaction,
    guild_id: GuildId,
    action_type: str,
    config: Mapping[str, Any],
    severity: int,
    created_by: int | None,
) -> int:
    found = await tx.fetch_value(
        """
        INSERT INTO automod_actions (guild_id, action_type, severity, config, is_premium, created_by)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (guild_id, action_type, severity, Jsonb(dict(config)), _is_premium(action_type), created_by),
    )
    return int(found)


def _is_premium(action_type: str) -> bool:
    action = action_of(action_type)
    return action is not None and action.is_premium


async def _find(tx: Transaction, guild_id: GuildId, rule_id: int) -> StoredRule | None:
    row = await tx.fetch_one(f"{_SELECT} WHERE r.guild_id = %s AND r.id = %s", (guild_id, rule_id))
    return None if row is None else _rule(row)


def _rule(row: tuple[Any, ...]) -> StoredRule:
    rule_id, name, rule_type, enabled, config, premium, action_id, action, action_config, severity, *rest = (
        row
    )
    created_by, created_at, updated_at = rest
    return StoredRule(
        id=rule_id,
        name=name,
        rule_type=rule_type,
        enabled=enabled,
        config=json_object(config),
        is_premium=premium,
        action_id=action_id,
        action_type=action,
        action_config=json_object(action_config),
        severity=min(max(severity, MIN_SEVERITY), MAX_SEVERITY),
        created_by=created_by,
        created_at=created_at,
        updated_at=updated_at,
    )


def json_object(stored: object) -> dict[str, Any]:
    """The object that a JSON column holds, or that a text in it holds; anything else is empty."""
    if isinstance(stored, str):
        try:
            stored = json.loads(stored)
        except (ValueError, RecursionError):
            return {}
    return stored if isinstance(stored, dict) else {}
