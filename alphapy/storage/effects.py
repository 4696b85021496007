"""Queries of ``effects``: what the bot owes Discord, recorded before it is tried (design.md 4).

An effect is pending until it is closed, and is closed once: whoever counts something because of it does so in
the transaction in which :func:`close` said yes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
from psycopg.types.json import Jsonb

from alphapy.pure.ids import NONCE_LENGTH, GuildId, deterministic_nonce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.storage.transaction import Transaction

PRUNED_AT_ONCE = 5_000
"""How many closed effects one call of :func:`prune` deletes at the most."""

_COLUMNS = "id, guild_id, feature, kind, event_key, payload, nonce, attempts, first_tried_at, deadline_at"


class Outcome(enum.Enum):
    """How an effect was closed."""

    DONE = "done"
    REFUSED = "refused"
    """Discord will never do it."""
    EXPIRED = "expired"
    """It has lost its point."""


@attrs.frozen(kw_only=True)
class Draft:
    """An effect to record. ``event_key`` names it within its feature and guild: the second one is ignored.

    ``kind`` is what is done at Discord, ``payload`` with what (JSON); after ``deadline_at`` it is not begun.
    """

    kind: str
    event_key: str
    payload: Mapping[str, Any]
    deadline_at: datetime
    own_nonce: str = attrs.field(default="", validator=attrs.validators.max_len(NONCE_LENGTH))
    """The nonce of its send where a specification says which; empty: one of its own making."""

    def nonce(self, guild_id: GuildId, feature: str) -> str:
        """The nonce of its send, always the same."""
        return self.own_nonce or deterministic_nonce("effect", guild_id, feature, self.event_key)


@attrs.frozen(kw_only=True)
class Effect:
    """A recorded effect. ``first_tried_at`` is None where it was certainly never tried."""

    id: int
    guild_id: GuildId
    feature: str
    kind: str
    event_key: str
    payload: Mapping[str, Any]
    nonce: str
    attempts: int
    first_tried_at: datetime | None
    deadline_at: datetime


@attrs.frozen
class Debtor:
    """A feature of a guild that has pending effects."""

    guild_id: GuildId
    feature: str


async def record(
    tx: Transaction, guild_id: GuildId, feature: str, drafts: Sequence[Draft], *, now: datetime
) -> list[Effect]:
    """Record effects that will be tried from ``now`` on; those that were recorded before are left out."""
    if not drafts:
        return []
    rows = await tx.fetch_all(
        f"""
        INSERT INTO effects (guild_id, feature, kind, event_key, payload, nonce, created_at, first_tried_at,
                             deadline_at)
        SELECT %(guild_id)s, %(feature)s, e.kind, e.key, e.payload, e.nonce, %(now)s, %(now)s, e.deadline
        FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(payloads)s::jsonb[], %(nonces)s::text[],
                    %(deadlines)s::timestamptz[])
             WITH ORDINALITY AS e(kind, key, payload, nonce, deadline, place)
        ORDER BY e.place
        ON CONFLICT (guild_id, feature, event_key) DO NOTHING RETURNING {_COLUMNS}
        """,  # noqa: S608 - constants
        {
            "guild_id": guild_id,
            "feature": feature,
            "now": now,
            "kinds": [draft.kind for draft in drafts],
            "keys": [draft.event_key for draft in drafts],
            "payloads": [Jsonb(draft.payload) for draft in drafts],
            "nonces": [draft.nonce(guild_id, feature) for draft in drafts],
            "deadlines": [draft.deadline_at for draft in drafts],
        },
    )
    return sorted(map(_effect, rows), key=lambda effect: effect.id)


async def pending(
    tx: Transaction, guild_id: GuildId, feature: str, *, limit: int, but_not: Sequence[int] = ()
) -> list[Effect]:
    """The oldest pending effects of a feature, those of these ids left out."""
    rows = await tx.fetch_all(
        f"""
        SELECT {_COLUMNS} FROM effects
        WHERE guild_id = %s AND feature = %s AND state = 'pending' AND id <> ALL(%s)
        ORDER BY id LIMIT %s
        """,  # noqa: S608 - constants
        (guild_id, feature, list(but_not), limit),
    )
    return [_effect(row) for row in rows]


async def tried(
    tx: Transaction, guild_id: GuildId, effect_id: int, *, error: str, first_tried_at: datetime | None = None
) -> None:
    """Note a failed attempt, and where it is given when the effect was tried first in this nonce window."""
    await tx.execute(
        """
        UPDATE effects SET attempts = attempts + 1, last_error = %s,
            first_tried_at = coalesce(%s, first_tried_at)
        WHERE guild_id = %s AND id = %s AND state = 'pending'
        """,
        (error, first_tried_at, guild_id, effect_id),
    )


async def close(
    tx: Transaction,
    guild_id: GuildId,
    effect_id: int,
    outcome: Outcome,
    *,
    now: datetime,
    message_id: int | None = None,
    error: str | None = None,
) -> bool:
    """Close an effect; False where it was closed before."""
    changed = await tx.execute(
        """
        UPDATE effects SET state = %s, message_id = %s, last_error = coalesce(%s, last_error),
            done_at = %s, attempts = attempts + 1
        WHERE guild_id = %s AND id = %s AND state = 'pending'
        """,
        (outcome.value, message_id, error, now, guild_id, effect_id),
    )
    return changed == 1


async def refused_lately(
    tx: Transaction, guild_id: GuildId, effect: Effect, *, subject: str, since: datetime
) -> bool:
    """Whether another effect of the feature was refused since then, with the same ``payload[subject]``."""
    found = await tx.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM effects
            WHERE guild_id = %s AND feature = %s AND kind = %s AND id <> %s AND state = 'refused'
              AND done_at >= %s AND payload -> %s IS NOT DISTINCT FROM %s
        )
        """,
        (
            guild_id,
            effect.feature,
            effect.kind,
            effect.id,
            since,
            subject,
            Jsonb(effect.payload.get(subject)),
        ),
    )
    return bool(found)


async def claimed(tx: Transaction, guild_id: GuildId, message_ids: Sequence[int]) -> frozenset[int]:
    """Which of these messages are known to be the doing of some effect."""
    rows = await tx.fetch_all(
        "SELECT message_id FROM effects WHERE guild_id = %s AND message_id = ANY(%s)",
        (guild_id, list(message_ids)),
    )
    return frozenset(row[0] for row in rows)


async def recorded_since(
    tx: Transaction, guild_id: GuildId, feature: str, kind: str, *, since: datetime
) -> list[Mapping[str, Any]]:
    """The payloads of the effects of a kind that were recorded since then, oldest first; refused ones too."""
    rows = await tx.fetch_all(
        """
        SELECT payload FROM effects
        WHERE guild_id = %s AND feature = %s AND kind = %s AND created_at >= %s ORDER BY id
        """,
        (guild_id, feature, kind, since),
    )
    return [row[0] for row in rows]


async def debtors(tx: Transaction, *, limit: int) -> list[Debtor]:
    """Who has pending effects, of all guilds: for the sweep of the whole process."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT guild_id, feature FROM effects WHERE state = 'pending' LIMIT %s", (limit,)
    )
    return [Debtor(GuildId(guild_id), feature) for guild_id, feature in rows]


async def prune(tx: Transaction, *, now: datetime, done_for: timedelta, undone_for: timedelta) -> int:
    """Delete effects, of all guilds, that have been done, or closed otherwise, for so long."""
    return await tx.execute(
        """
        DELETE FROM effects WHERE id IN (
            SELECT id FROM effects
            WHERE done_at < CASE WHEN state = 'done' THEN %s::timestamptz ELSE %s::timestamptz END
              AND done_at IS NOT NULL
            LIMIT %s
        )
        """,
        (now - done_for, now - undone_for, PRUNED_AT_ONCE),
    )


def _effect(row: tuple[Any, ...]) -> Effect:
    names = [field.name for field in attrs.fields(Effect)]
    return Effect(**dict(zip(names, row, strict=True)))
