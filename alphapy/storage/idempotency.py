"""Queries of ``api_idempotency``: a request that is repeated has its effect once (spec/api.md 7.5).

A first request *claims* its key. Whoever writes its effect records the answer in the same transaction, so
that either both are there or neither is. A claim that was lost meanwhile (given up after a timeout, or taken
over after a crash) refuses to be completed, and the transaction of the late effect fails with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from alphapy.storage.transaction import Transaction

KEPT: Final = timedelta(seconds=600)
"""How long an answer is repeated."""

TAKEN_OVER_AFTER: Final = timedelta(seconds=60)
"""The age at which a claim without an answer counts as one of a process that has crashed."""

EXPIRED_AT_ONCE: Final = 1_000
"""How many records one call of :func:`expire` deletes at the most."""

_DONE: Final = "done"
_TRIES: Final = 3


@attrs.frozen(kw_only=True)
class Claim:
    """The right to have the effect of a key. ``token`` tells it from every other claim of the same key."""

    namespace: str
    principal: str
    key: str
    request_hash: str
    token: str


@attrs.frozen
class Recorded:
    """The answer that was given before: its status, and its body to the byte."""

    status: int
    body: str


@attrs.frozen
class Claimed:
    """The key is the caller's."""


@attrs.frozen
class Mismatched:
    """The key has been used for another request."""


@attrs.frozen
class InProgress:
    """A request with this key is being worked on."""


Outcome = Claimed | Recorded | Mismatched | InProgress


class ClaimLost(Exception):
    """The claim was given up or taken over; its effect must not happen."""


async def claim(tx: Transaction, wanted: Claim, now: datetime) -> Outcome:
    """Claim a key at ``now``, or tell what has become of it. Commit before acting on it."""
    for _ in range(_TRIES):
        taken = await tx.fetch_value(
            """
            INSERT INTO api_idempotency AS record
                (namespace, principal, idem_key, request_hash, state, response, created_at, expires_at)
            VALUES (%(namespace)s, %(principal)s, %(key)s, %(hash)s, 'pending', %(token)s, %(now)s, %(until)s)
            ON CONFLICT (namespace, principal, idem_key) DO UPDATE
            SET request_hash = EXCLUDED.request_hash, state = 'pending', status_code = NULL,
                response = EXCLUDED.response, created_at = EXCLUDED.created_at,
                expires_at = EXCLUDED.expires_at
            WHERE record.expires_at < EXCLUDED.created_at
               OR record.state = 'pending' AND record.created_at < %(stale)s
                  AND record.request_hash = EXCLUDED.request_hash
            RETURNING true
            """,
            {
                "namespace": wanted.namespace,
                "principal": wanted.principal,
                "key": wanted.key,
                "hash": wanted.request_hash,
                "token": wanted.token,
                "now": now,
                "until": now + KEPT,
                "stale": now - TAKEN_OVER_AFTER,
            },
        )
        if taken:
            return Claimed()
        found = await tx.fetch_one(
            """
            SELECT request_hash, state, status_code, response FROM api_idempotency
            WHERE namespace = %s AND principal = %s AND idem_key = %s
            """,
            (wanted.namespace, wanted.principal, wanted.key),
        )
        if found is not None:
            return _told(wanted, *found)
    return InProgress()  # others claim and give up the same key all the time


def _told(wanted: Claim, request_hash: str, state: str, status: int, body: str) -> Outcome:
    if request_hash != wanted.request_hash:
        return Mismatched()
    return Recorded(status, body) if state == _DONE else InProgress()


async def complete(tx: Transaction, mine: Claim, answer: Recorded, now: datetime) -> None:
    """Record the answer in the transaction of the effect; raises ClaimLost, which must end it."""
    written = await tx.execute(
        """
        UPDATE api_idempotency SET state = 'done', status_code = %s, response = %s, expires_at = %s
        WHERE namespace = %s AND principal = %s AND idem_key = %s AND state = 'pending' AND response = %s
        """,
        (answer.status, answer.body, now + KEPT, mine.namespace, mine.principal, mine.key, mine.token),
    )
    if not written:
        raise ClaimLost


async def give_up(tx: Transaction, mine: Claim) -> None:
    """Release a key whose effect has not happened; an answer that was recorded stays."""
    await tx.execute(
        """
        DELETE FROM api_idempotency
        WHERE namespace = %s AND principal = %s AND idem_key = %s AND state = 'pending' AND response = %s
        """,
        (mine.namespace, mine.principal, mine.key, mine.token),
    )


async def expire(tx: Transaction, now: datetime) -> int:
    """Delete what need not be repeated any more, :data:`EXPIRED_AT_ONCE` at the most; how many there were."""
    return await tx.execute(
        """
        DELETE FROM api_idempotency WHERE (namespace, principal, idem_key) IN (
            SELECT namespace, principal, idem_key FROM api_idempotency
            WHERE expires_at < %s ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
        )
        """,
        (now, EXPIRED_AT_ONCE),
    )
