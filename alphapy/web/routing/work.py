"""Units of work of handlers: whole or not at all, whatever becomes of the client (spec/api.md 7.5 and 9).

A client that goes away ends a handler only until its transaction has begun; from then on the unit of work is
brought to its end. The deadline of the request ends it in any case, and rolls it back.

With an ``Idempotency-Key``, the answer is recorded in the same transaction, and a repeated request gets that
answer, to the byte. When it fails: an answer other than 2xx, and a transaction that was rolled back, give the
key up; a process that crashed leaves it pending, and a minute later the next request takes it over.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Final

import trio

from alphapy.storage import idempotency
from alphapy.storage.errors import StorageError
from alphapy.storage.idempotency import Claim, Recorded
from alphapy.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from alphapy.pure.clock import Clock
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction
    from alphapy.web.auth.caller import Caller
    from alphapy.web.routing.route import Reply

COMPONENT: Final = "web"

LONGEST_KEY: Final = 255
"""Characters of an ``Idempotency-Key``."""

IN_PROGRESS: Final = "A request with this Idempotency-Key is being worked on."

GIVE_UP_WITHIN: Final = 3.0
"""Seconds for releasing a key; one that is not released is taken over a minute later."""


class Work:
    """What a handler may do to the database for one request."""

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        claim: Claim | None = None,
        encode: Callable[[Reply], Recorded] | None = None,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._encode = encode
        self._is_recorded = False
        self.claim = claim
        """The request's key, for an actor that writes the effect: it records the answer, too, with
        :func:`alphapy.storage.idempotency.complete`. None where the request has no key.
        """

    async def run(self, unit: Callable[[Transaction], Awaitable[Reply]]) -> Reply:
        """Run a unit of work in one transaction and record its answer there, if the request has a key.

        The unit may be called again after a serialization failure. An answer other than 2xx is rolled back
        where it raises :class:`ApiError`, and not recorded in any case. Raises what the pool raises.
        """
        scope = trio.CancelScope(deadline=trio.current_effective_deadline())

        async def whole(tx: Transaction) -> Reply:
            scope.shield = True
            reply = await unit(tx)
            await self._record(tx, reply)
            return reply

        with scope:
            try:
                reply = await self._pool.run(COMPONENT, whole)
            except idempotency.ClaimLost:
                raise ApiError(409, "in_progress", IN_PROGRESS) from None
            self._is_recorded = True
            return reply
        raise ApiError(504, "timeout", "The answer took too long.")

    async def settle(self, reply: Reply) -> None:
        """Record the answer of a handler that did not :meth:`run` a unit, unless an actor has done so."""
        if self._is_recorded:
            return
        try:
            async with self._pool.transaction(COMPONENT) as tx:
                await self._record(tx, reply)
        except idempotency.ClaimLost:
            return

    async def _record(self, tx: Transaction, reply: Reply) -> None:
        if self.claim is not None and self._encode is not None:
            recorded = self._encode(reply)
            if 200 <= recorded.status < 300:
                await idempotency.complete(tx, self.claim, recorded, self._clock.now())

    async def give_up(self) -> None:
        """Release the key of a request that had no effect."""
        mine = self.claim
        if mine is None:
            return
        with trio.move_on_after(GIVE_UP_WITHIN, shield=True):
            try:
                async with self._pool.transaction(COMPONENT) as tx:
                    await idempotency.give_up(tx, mine)
            except StorageError:
                return  # whoever repeats the request takes the key over


def key_of(header: str | None) -> str | None:
    """The ``Idempotency-Key`` of a request; None without one. Raises ApiError for one that cannot be used."""
    key = (header or "").strip()
    if not key:
        return None
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise ApiError(400, "bad_key", f"Idempotency-Key may have {LONGEST_KEY} printable characters.")
    return key


def claim_of(namespace: str, caller: Caller, key: str, request: tuple[str, str, bytes]) -> Claim:
    """What a request with this key claims; ``request`` is its method, path and body."""
    method, path, body = request
    digest = hashlib.sha256(f"{method}\n{path}\n".encode())
    digest.update(body)
    return Claim(
        namespace=namespace,
        principal=_principal(caller),
        key=key,
        request_hash=digest.hexdigest(),
        token=uuid.uuid4().hex,
    )


def _principal(caller: Caller) -> str:
    """Whose keys they are: an account, a Discord user whom the service names, or the service."""
    if caller.subject is not None:
        return str(caller.subject)
    return "service" if caller.discord_id is None else f"discord:{caller.discord_id}"


async def claimed(pool: Pool, wanted: Claim, clock: Clock) -> Recorded | None:
    """Claim a key for a request; the answer that was given before, if there is one. Raises ApiError."""

    async def unit(tx: Transaction) -> idempotency.Outcome:
        return await idempotency.claim(tx, wanted, clock.now())

    match await pool.run(COMPONENT, unit):
        case Recorded() as before:
            return before
        case idempotency.Mismatched():
            raise ApiError(422, "idempotency_mismatch", "This Idempotency-Key was used for another request.")
        case idempotency.InProgress():
            raise ApiError(409, "in_progress", IN_PROGRESS, {"Retry-After": "1"})
        case idempotency.Claimed():
            return None
