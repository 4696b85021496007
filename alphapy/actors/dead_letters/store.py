"""Keeps dead letters in the database, where an operator finds them (:mod:`alphapy.actors.dead_letters.desk`).

The newest letters are kept, and older ones dropped, counted and logged. The log says once per burst that
there is something to look at.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import msgspec
import trio
from typing_extensions import override

from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.deadletters import DeadLetterSink
from alphapy.pure.text import well_formed
from alphapy.storage import deadletters

if TYPE_CHECKING:
    from alphapy.actors.kernel.deadletters import DeadLetter
    from alphapy.actors.kernel.progress import Progress
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.dead_letters")

COMPONENT = "dead_letters"
"""Name at the connection pool."""

MAX_ERROR = 500
MAX_TRACEBACK = 20_000
"""Characters that are kept of a letter's error and traceback; of the latter its end."""

MAX_MESSAGE = 65_536
"""Bytes of JSON that are kept of a message; a larger one is kept as its beginning."""

BURST_ENDS_AFTER = 600.0
"""Seconds without a dead letter after which the next one is news again."""


class StoredDeadLetters(DeadLetterSink):
    """The table ``dead_letters``; keeps the newest letters only.

    An event counts as done once its letter is stored, and its actor's progress does not pass it before.
    """

    def __init__(self, pool: Pool, progress: Progress) -> None:
        self._pool = pool
        self._progress = progress
        self._last_at = -math.inf
        self.dropped = 0
        """Letters that made room for newer ones, since the start."""

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
        number = letter.message.letter if isinstance(letter.message, GatewayEvent) else 0
        if number:
            await self._pool.run(COMPONENT, lambda tx: deadletters.failed_again(tx, number, stored))
        else:
            await self._pool.run(COMPONENT, lambda tx: deadletters.park(tx, stored))
            self._announce(letter)
        if isinstance(letter.message, GatewayEvent):
            self._progress.note(letter.address, [letter.message])
            self._progress.letter_settled(letter.address)
        await self._make_room()

    def _announce(self, letter: DeadLetter) -> None:
        """Say once per burst that there is something to look at."""
        now = trio.current_time()
        if now - self._last_at > BURST_ENDS_AFTER:
            log.error(
                "messages crash their actors and are set aside: look at Dead letters on the console",
                extra={"event": "dead_letters", "actor": str(letter.address), "error": letter.error},
            )
        self._last_at = now

    async def _make_room(self) -> None:
        dropped = await self._pool.run(COMPONENT, deadletters.prune, idempotent=True)
        if not dropped:
            return
        if not self.dropped:
            log.error(
                "so many dead letters are kept that the oldest are dropped from now on",
                extra={"event": "dead_letters_dropped", "kept": deadletters.KEPT},
            )
        self.dropped += dropped

    @override
    def give_up(self, letter: DeadLetter) -> None:
        if isinstance(letter.message, GatewayEvent):
            self._progress.letter_settled(letter.address)


def as_json(message: object) -> Any:
    """A message as JSON: its fields where it has some, else its repr, cut to what is kept."""
    try:
        encoded = msgspec.json.encode(message, enc_hook=repr)
    except (TypeError, ValueError, RecursionError):  # no JSON: a lone surrogate, a nesting without end
        encoded = msgspec.json.encode({"repr": ascii(type(message))})
    if len(encoded) <= MAX_MESSAGE:
        return msgspec.json.decode(encoded)
    return {"truncated": encoded[:MAX_MESSAGE].decode(errors="replace")}
