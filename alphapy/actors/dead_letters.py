"""Keeps dead letters in the database, so that an operator can see them after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from typing_extensions import override

from alphapy.actors.kernel.deadletters import DeadLetterSink
from alphapy.pure.text import well_formed
from alphapy.storage import deadletters

if TYPE_CHECKING:
    from alphapy.actors.kernel.deadletters import DeadLetter
    from alphapy.storage.pool import Pool

MAX_ERROR = 500
MAX_TRACEBACK = 20_000
"""Characters that are kept of a letter's error and traceback; of the latter its end."""

MAX_MESSAGE = 65_536
"""Bytes of JSON that are kept of a message; a larger one is kept as its beginning."""


class StoredDeadLetters(DeadLetterSink):
    """The table ``dead_letters``; keeps the newest letters only."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

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
        await self._pool.run("dead_letters", lambda tx: deadletters.park(tx, stored))
        await self._pool.run("dead_letters", deadletters.prune, idempotent=True)


def as_json(message: object) -> Any:
    """A message as JSON: its fields where it has some, else its repr, cut to what is kept."""
    try:
        encoded = msgspec.json.encode(message, enc_hook=repr)
    except (TypeError, ValueError, RecursionError):  # no JSON: a lone surrogate, a nesting without end
        encoded = msgspec.json.encode({"repr": ascii(type(message))})
    if len(encoded) <= MAX_MESSAGE:
        return msgspec.json.decode(encoded)
    return {"truncated": encoded[:MAX_MESSAGE].decode(errors="replace")}
