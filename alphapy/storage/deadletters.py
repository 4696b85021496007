"""Queries of ``dead_letters``: messages that crashed their actor twice and were set aside.

Bounded: :func:`prune` keeps the newest letters only, so that a message that can never be handled cannot fill
the disk. Letters are of all guilds, since they are the operator's.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from alphapy.storage.transaction import Transaction

KEPT = 10_000
"""How many letters :func:`prune` leaves by default."""

PRUNED_AT_ONCE = 1_000
"""How many letters one call of :func:`prune` deletes at the most."""


@attrs.frozen(kw_only=True)
class Letter:
    """A message to set aside; ``guild_id`` is None for a process-wide actor, ``message`` any JSON value."""

    address: str
    guild_id: int | None
    message_type: str
    message: Any
    error: str
    traceback: str
    attempts: int


@attrs.frozen(kw_only=True)
class ParkedLetter:
    """A message that was set aside."""

    id: int
    letter: Letter
    created_at: datetime


async def park(tx: Transaction, letter: Letter) -> int:
    """Set a message aside; its number."""
    number = await tx.fetch_value(
        """
        INSERT INTO dead_letters (guild_id, address, message_type, message, error, traceback, attempts)
        VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (
            letter.guild_id,
            letter.address,
            letter.message_type,
            Jsonb(letter.message),
            letter.error,
            letter.traceback,
            letter.attempts,
        ),
    )
    return int(number)


async def recent(tx: Transaction, limit: int) -> list[ParkedLetter]:
    """The newest letters of every guild, newest first, for operators."""
    rows = await tx.fetch_all(
        """
        SELECT id, address, guild_id, message_type, message, error, traceback, attempts, created_at
        FROM dead_letters ORDER BY created_at DESC, id DESC LIMIT %s
        """,
        (limit,),
    )
    return [_parked(row) for row in rows]


@attrs.frozen(kw_only=True)
class Headline:
    """A letter without its message and traceback."""

    id: int
    address: str
    message_type: str
    error: str
    attempts: int
    created_at: datetime


async def headlines(tx: Transaction, limit: int) -> list[Headline]:
    """The newest letters of every guild, newest first, without what members wrote."""
    rows = await tx.fetch_all(
        """
        SELECT id, address, message_type, error, attempts, created_at
        FROM dead_letters ORDER BY created_at DESC, id DESC LIMIT %s
        """,
        (limit,),
    )
    return [
        Headline(
            id=number,
            address=address,
            message_type=message_type,
            error=error,
            attempts=attempts,
            created_at=created_at,
        )
        for number, address, message_type, error, attempts, created_at in rows
    ]


async def page(
    tx: Transaction, limit: int, *, before: int | None = None, address: str | None = None
) -> list[ParkedLetter]:
    """The newest letters, newest first: older than number ``before``, of one actor where it is named."""
    rows = await tx.fetch_all(
        """
        SELECT id, address, guild_id, message_type, message, error, traceback, attempts, created_at
        FROM dead_letters
        WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
          AND (%(address)s::text IS NULL OR address = %(address)s)
        ORDER BY id DESC LIMIT %(limit)s
        """,
        {"before": before, "address": address, "limit": limit},
    )
    return [_parked(row) for row in rows]


async def oldest(tx: Transaction, limit: int, *, address: str) -> list[int]:
    """The numbers of an actor's oldest letters, oldest first."""
    rows = await tx.fetch_all(
        "SELECT id FROM dead_letters WHERE address = %s ORDER BY id LIMIT %s", (address, limit)
    )
    return [number for (number,) in rows]


async def find(tx: Transaction, number: int) -> ParkedLetter | None:
    """One letter; None where it is gone."""
    row = await tx.fetch_one(
        """
        SELECT id, address, guild_id, message_type, message, error, traceback, attempts, created_at
        FROM dead_letters WHERE id = %s
        """,
        (number,),
    )
    return None if row is None else _parked(row)


async def failed_again(tx: Transaction, number: int, letter: Letter) -> bool:
    """Note that a letter was told again, and crashed its actor again; False where it is gone."""
    return (
        await tx.execute(
            """
            UPDATE dead_letters SET error = %s, traceback = %s, attempts = attempts + %s WHERE id = %s
            """,
            (letter.error, letter.traceback, letter.attempts, number),
        )
        == 1
    )


async def discard(tx: Transaction, number: int) -> bool:
    """Throw a letter away; False where it is gone already."""
    return await tx.execute("DELETE FROM dead_letters WHERE id = %s", (number,)) == 1


async def discard_all(tx: Transaction, address: str) -> int:
    """Throw every letter of one actor away; how many there were."""
    return await tx.execute("DELETE FROM dead_letters WHERE address = %s", (address,))


async def count(tx: Transaction, address: str | None = None) -> int:
    """How many letters there are, of one actor where there is an address."""
    query = "SELECT count(*) FROM dead_letters WHERE %(address)s::text IS NULL OR address = %(address)s"
    return int(await tx.fetch_value(query, {"address": address}))


async def prune(tx: Transaction, *, keep: int | None = None) -> int:
    """Delete the oldest letters beyond ``keep`` (``KEPT``), at most ``PRUNED_AT_ONCE``; how many."""
    return await tx.execute(
        """
        DELETE FROM dead_letters WHERE id IN (
            SELECT id FROM dead_letters ORDER BY created_at, id
            LIMIT least(%s, greatest(0, (SELECT count(*) FROM dead_letters) - %s))
        )
        """,
        (PRUNED_AT_ONCE, KEPT if keep is None else keep),
    )


def _parked(row: tuple[Any, ...]) -> ParkedLetter:
    number, address, guild_id, message_type, message, error, traceback, attempts, created_at = row
    return ParkedLetter(
        id=number,
        letter=Letter(
            address=address,
            guild_id=guild_id,
            message_type=message_type,
            message=message,
            error=error,
            traceback=traceback,
            attempts=attempts,
        ),
        created_at=created_at,
    )
