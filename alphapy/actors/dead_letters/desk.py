"""What an operator may do with dead letters: look at them, have them told again, throw them away.

A letter that was a gateway event is told again as it was, but without its place in the log, which has gone
on. It is there until its actor has dealt with it: a durable actor removes it in the transaction that holds
what it did (:meth:`alphapy.actors.journal.Journal.commit`), so that it takes effect once, whatever happens
meanwhile. Letters of other kinds can be seen and discarded.

When it fails: the database is away, and every method says so; the letters are as they were.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
import msgspec
import trio

from alphapy.actors.dead_letters.messages import LetterPage, Replay
from alphapy.actors.dead_letters.store import COMPONENT
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.address import Address, InvalidAddress
from alphapy.actors.kernel.bus import Answered, Reason, Reply
from alphapy.gateway.events import SUBSCRIBABLE, MalformedEvent, decode
from alphapy.storage import deadletters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.actors.dead_letters.store import StoredDeadLetters
    from alphapy.storage.deadletters import Letter
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.dead_letters")

REPLAY_WITHIN: Final = 7.0
"""Seconds that an operator waits to learn what became of a replay: less than a request may take."""

AT_ONCE: Final = 500
"""Letters that are replayed by one request at the most."""

_PASSED_OVER: Final = frozenset({Replay.GONE, Replay.UNREADABLE})

_FAILURES: Final[Mapping[Reason, Replay]] = {
    Reason.TIMED_OUT: Replay.SLOW,
    Reason.CRASHED: Replay.CRASHED,
    Reason.UNKNOWN: Replay.NOBODY,
}


class Retelling(Protocol):
    """Who tells a message and says what became of it."""

    async def retell(self, address: Address, message: object, *, timeout: float) -> Reply[None]:  # noqa: ASYNC109
        """See :meth:`alphapy.actors.kernel.registry.Registry.retell`."""
        ...


@attrs.define(eq=False)
class _Flight:
    landed: trio.Event = attrs.field(factory=trio.Event)
    outcome: Replay | None = None


class DeadLetterDesk:
    """The operator's desk; every method raises what the pool raises."""

    def __init__(self, pool: Pool, bus: Retelling, store: StoredDeadLetters) -> None:
        self._pool = pool
        self._bus = bus
        self._store = store
        self._replays: dict[int, _Flight] = {}

    @property
    def kept(self) -> int:
        """How many letters are kept at the most."""
        return deadletters.KEPT

    @property
    def dropped(self) -> int:
        """How many have made room for newer ones since the start."""
        return self._store.dropped

    async def count(self) -> int:
        """How many letters there are."""
        return await self._pool.run(COMPONENT, deadletters.count, idempotent=True)

    async def page(self, limit: int, *, before: int | None = None, address: str | None = None) -> LetterPage:
        """The newest ``limit`` letters older than number ``before``, of one actor where it is named."""

        async def read(tx: Transaction) -> LetterPage:
            found = await deadletters.page(tx, limit + 1, before=before, address=address)
            total = await deadletters.count(tx)
            return LetterPage(
                letters=tuple(found[:limit]),
                is_last=len(found) <= limit,
                count=total if address is None else await deadletters.count(tx, address),
                total=total,
            )

        return await self._pool.run(COMPONENT, read, idempotent=True)

    async def replay(self, number: int) -> Replay:
        """Have the letter's message told to its actor again; who asks twice gets the same answer.

        Waits at most :data:`REPLAY_WITHIN` seconds, and is not given up when the asker goes away.
        """
        while (flight := self._replays.get(number)) is not None:
            await flight.landed.wait()
            if flight.outcome is not None:
                return flight.outcome
        flight = self._replays[number] = _Flight()
        try:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + REPLAY_WITHIN) as patience:
                flight.outcome = await self._replay(number)
            if patience.cancelled_caught:
                flight.outcome = Replay.SLOW
        finally:
            del self._replays[number]
            flight.landed.set()
        assert flight.outcome is not None  # noqa: S101 - set, or an exception has gone out
        return flight.outcome

    async def _replay(self, number: int) -> Replay:
        parked = await self._pool.run(COMPONENT, lambda tx: deadletters.find(tx, number), idempotent=True)
        if parked is None:
            return Replay.GONE
        rebuilt = rebuild(parked.letter, number)
        if rebuilt is None:
            return Replay.UNREADABLE
        reply = await self._bus.retell(*rebuilt, timeout=REPLAY_WITHIN)
        if not isinstance(reply, Answered):
            return _FAILURES.get(reply.reason, Replay.BUSY)
        # Where its actor did nothing about it, or is not a durable one, the letter is still there.
        await self._pool.run(COMPONENT, lambda tx: deadletters.discard(tx, number), idempotent=True)
        return Replay.DONE

    async def replay_all(self, address: str) -> tuple[int, Replay]:
        """Replay an actor's letters, the oldest first, while they succeed and there is time.

        Returns how many succeeded, and DONE, or what became of the one at which it stopped.
        """
        deadline, done = trio.current_time() + REPLAY_WITHIN, 0
        numbers = await self._pool.run(
            COMPONENT, lambda tx: deadletters.oldest(tx, AT_ONCE, address=address), idempotent=True
        )
        for number in numbers:
            outcome = await self.replay(number)
            if outcome is Replay.DONE:
                done += 1
            elif outcome not in _PASSED_OVER:
                return done, outcome
            if trio.current_time() >= deadline:
                return done, Replay.SLOW
        return done, Replay.DONE

    async def discard(self, number: int) -> bool:
        """Throw a letter away; False where it was gone already."""
        return await self._pool.run(COMPONENT, lambda tx: deadletters.discard(tx, number))

    async def discard_all(self, address: str) -> int:
        """Throw every letter of one actor away; how many there were."""
        return await self._pool.run(COMPONENT, lambda tx: deadletters.discard_all(tx, address))


def rebuild(letter: Letter, number: int) -> tuple[Address, GatewayEvent] | None:
    """To whom the letter's message goes, and the message, outside the log; None where it cannot be had."""
    fields: Any = letter.message
    if letter.message_type != GatewayEvent.__qualname__ or not isinstance(fields, dict):
        return None
    name = fields.get("name")
    if not isinstance(name, str) or name not in SUBSCRIBABLE or "event" not in fields:
        return None
    try:
        event = decode(name, msgspec.json.encode(fields["event"]))
        address = Address(letter.address)
    except (MalformedEvent, InvalidAddress):
        return None
    return address, GatewayEvent(name, event, 0, "", 0, letter=number)
