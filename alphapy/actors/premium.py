"""Which guilds have premium, as the local ``premium_subs`` table says.

Answers are kept for a while. Who asks whether something may be granted (:meth:`PremiumBook.granted`) gets no
where nobody knows; who enforces what was granted before (:meth:`PremiumBook.in_force`) gets the last answer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs
import psycopg
import trio

from alphapy.storage import premium as storage
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.premium")

COMPONENT = "premium"

KEPT = 20_000
"""Guilds whose answers are kept."""

ASK_AGAIN_AFTER = 5.0
"""Seconds until the database is asked again after it did not answer."""


@attrs.define
class _Answer:
    premium: bool
    asked_at: float
    known: bool


class PremiumBook:
    """See the module. ``keep`` is in seconds."""

    def __init__(self, pool: Pool, clock: Clock, *, keep: float) -> None:
        self._pool = pool
        self._clock = clock
        self._keep = keep
        self._answers: dict[GuildId, _Answer] = {}

    async def granted(self, guild_id: GuildId) -> bool:
        """Whether the guild has premium; False where that cannot be known."""
        answer = await self._asked(guild_id)
        return answer.known and answer.premium

    async def in_force(self, guild_id: GuildId) -> bool:
        """Whether the guild has premium, or had it when that was last known."""
        return (await self._asked(guild_id)).premium

    def last_known(self, guild_id: GuildId) -> bool:
        """The last answer, without asking; False before the first."""
        answer = self._answers.get(guild_id)
        return answer is not None and answer.premium

    async def _asked(self, guild_id: GuildId) -> _Answer:
        now, answer = trio.current_time(), self._answers.get(guild_id)
        if answer is not None:
            age = now - answer.asked_at
            if age < (self._keep if answer.known else ASK_AGAIN_AFTER):
                return answer
        try:
            found = await self._pool.run(
                COMPONENT,
                lambda tx: storage.is_premium(tx, guild_id, now=self._clock.now()),
                idempotent=True,
            )
            answer = _Answer(found, now, known=True)
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "whether a guild has premium could not be read",
                extra={"event": "premium_unknown", "guild_id": guild_id, "error": str(error)},
            )
            answer = _Answer(answer is not None and answer.premium, now, known=False)
        self._answers.pop(guild_id, None)
        if len(self._answers) >= KEPT:
            del self._answers[next(iter(self._answers))]
        self._answers[guild_id] = answer
        return answer
