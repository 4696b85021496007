"""Keeps dead letters in the database, so that an operator can see, replay or discard them.

A letter that was a gateway event is told again as it was, but without its place in the log, which has gone
on. Letters of other kinds can be seen and discarded.
"""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING, Any

import msgspec
from typing_extensions import override

from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.address import Address, InvalidAddress
from alphapy.actors.kernel.bus import Delivery
from alphapy.actors.kernel.deadletters import DeadLetterSink
from alphapy.gateway.events import SUBSCRIBABLE, MalformedEvent, decode
from alphapy.pure.text import well_formed
from alphapy.storage import deadletters

if TYPE_CHECKING:
    from alphapy.actors.kernel.bus import Bus
    from alphapy.actors.kernel.deadletters import DeadLetter
    from alphapy.actors.kernel.progress import Progress
    from alphapy.storage.deadletters import Letter
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.dead_letters")

COMPONENT = "dead_letters"
"""Name at the connection pool."""

MAX_ERROR = 500
MAX_TRACEBACK = 20_000
"""Characters that are kept of a letter's error and traceback; of the latter its end."""

MAX_MESSAGE = 65_536
"""Bytes of JSON that are kept of a message; a larger one is kept as its beginning."""


class StoredDeadLetters(DeadLetterSink):
    """The table ``dead_letters``; keeps the newest letters only.

    An event counts as done once its letter is stored, and its actor's progress does not pass it before.
    """

    def __init__(self, pool: Pool, progress: Progress) -> None:
        self._pool = pool
        self._progress = progress

    @override
    def expect(self, letter: DeadLetter) -> None:
        if isinstance(letter.message, GatewayEvent):
            self._progress.letter_waits(letter.address)

    @override
    async def park(self, letter: DeadLetter) -> None:
        stored = deadletters.Letter(
            address=str(letter.address),
            guild_id=letter.address.guild_id,
            message_type=letter.message_type,
            message=as_json(letter.message),
            error=well_formed(letter.error)[:MAX_ERROR],
            traceback=well_formed(letter.traceback)[-MAX_TRACEBACK:],
            attempts=letter.attempts,
        )
        await self._pool.run(COMPONENT, lambda tx: deadletters.park(tx, stored))
        if isinstance(letter.message, GatewayEvent):
            self._progress.note(letter.address, [letter.message])
            self._progress.letter_settled(letter.address)
        await self._pool.run(COMPONENT, deadletters.prune, idempotent=True)

    @override
    def give_up(self, letter: DeadLetter) -> None:
        if isinstance(letter.message, GatewayEvent):
            self._progress.letter_settled(letter.address)


class Replay(enum.Enum):
    """What became of a letter that was to be told again."""

    TOLD = "told"
    """Its actor has it again, and the letter is gone."""
    GONE = "gone"
    """There is no such letter, or somebody else is at it."""
    UNREADABLE = "unreadable"
    """It cannot be made a message again: not a gateway event, cut off, or of another version."""
    REFUSED = "refused"
    """Its actor takes nothing at the moment; the letter is still there."""


class DeadLetterDesk:
    """What an operator may do with dead letters; every method raises what the pool raises."""

    def __init__(self, pool: Pool, bus: Bus) -> None:
        self._pool = pool
        self._bus = bus

    async def replay(self, number: int) -> Replay:
        """Tell the letter's message to its actor again, and remove the letter."""

        async def work(tx: Transaction) -> Replay:
            parked = await deadletters.find(tx, number)
            if parked is None:
                return Replay.GONE
            rebuilt = rebuild(parked.letter)
            if rebuilt is None:
                return Replay.UNREADABLE
            if self._bus.tell(*rebuilt) is not Delivery.ACCEPTED:
                return Replay.REFUSED
            await deadletters.discard(tx, number)
            return Replay.TOLD

        outcome = await self._pool.run(COMPONENT, work)
        log.info(
            "a dead letter was to be told again",
            extra={"event": "dead_letter_replayed", "letter": number, "outcome": outcome.value},
        )
        return outcome

    async def discard(self, number: int) -> bool:
        """Throw a letter away; False where there is none."""
        gone = await self._pool.run(COMPONENT, lambda tx: deadletters.discard(tx, number))
        log.info("a dead letter was discarded", extra={"event": "dead_letter_discarded", "letter": number})
        return gone


def rebuild(letter: Letter) -> tuple[Address, GatewayEvent] | None:
    """To whom the letter's message goes, and the message, outside the log; None where it cannot be had."""
    fields = letter.message
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
    return address, GatewayEvent(name, event, int(fields.get("shard_id", 0)), "", 0)


def as_json(message: object) -> Any:
    """A message as JSON: its fields where it has some, else its repr, cut to what is kept."""
    try:
        encoded = msgspec.json.encode(message, enc_hook=repr)
    except (TypeError, ValueError, RecursionError):  # no JSON: a lone surrogate, a nesting without end
        encoded = msgspec.json.encode({"repr": ascii(type(message))})
    if len(encoded) <= MAX_MESSAGE:
        return msgspec.json.decode(encoded)
    return {"truncated": encoded[:MAX_MESSAGE].decode(errors="replace")}
