"""Whose turn it is to IDENTIFY.

Discord allows ``max_concurrency`` shards to identify at once, one per bucket (``shard_id % max_concurrency``)
and five seconds, and limits how many sessions may be started in a day. Who exceeds the one gets op 9; who
exceeds the other has the token reset and an e-mail sent to the owner.

Rules: https://docs.discord.com/developers/events/gateway#session-start-limit-object

A turn is a permit: it is taken before connecting, marked as used when IDENTIFY is sent, and returned when
READY has come or the attempt has failed. One that is returned unused costs nothing.
"""

from __future__ import annotations

import logging
from typing import Final

import attrs
import trio

_log = logging.getLogger(__name__)

IDENTIFY_EVERY: Final = 5.0
"""Seconds between two identifies of one bucket."""
_NEARLY_SPENT: Final = 0.1


@attrs.frozen(kw_only=True)
class SessionStartLimit:
    """What GET /gateway/bot says. ``reset_after`` is in seconds."""

    total: int = 1000
    remaining: int = 1000
    reset_after: float = 86_400.0
    max_concurrency: int = 1


@attrs.frozen(kw_only=True)
class IdentifyStatistics:
    """The queue at one moment. ``remaining`` is None until Discord has told; ``resets_in`` is in seconds."""

    max_concurrency: int
    total: int | None
    remaining: int | None
    resets_in: float | None
    waiting: int
    identified: int


class SessionStarts:
    """The daily allowance of session starts, pure; times in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.remaining: int | None = None
        self._reserved = 0
        self._reset_at = 0.0

    def learn(self, limit: SessionStartLimit, now: float, *, unseen: int = 0) -> None:
        """Take over what Discord says, which may not know of ``unseen`` starts yet."""
        self.total = limit.total
        self.remaining = max(0, limit.remaining - unseen)
        self._reset_at = now + limit.reset_after

    def delay(self, now: float) -> float:
        """Seconds until one more session may be started; 0.0 when it may now."""
        self._roll_over(now)
        free = self.remaining is None or self.remaining > self._reserved
        return 0.0 if free else self._reset_at - now

    def reserve(self) -> None:
        """Set one start aside, for :meth:`used` or :meth:`give_back`."""
        self._reserved += 1

    def give_back(self) -> None:
        """A start that was set aside is not used."""
        self._reserved -= 1

    def used(self, now: float) -> None:
        """Note the start of a session, set aside before."""
        self._roll_over(now)
        self._reserved -= 1
        if self.remaining is not None:
            self.remaining = max(0, self.remaining - 1)

    def resets_in(self, now: float) -> float | None:
        """Seconds until the allowance is whole again; None until Discord has told."""
        return None if self.remaining is None else max(0.0, self._reset_at - now)

    def _roll_over(self, now: float) -> None:
        if self.remaining is not None and now >= self._reset_at:
            self.remaining = self.total


class _Bucket:
    """One lane of identifies: who holds it, and when it is free again."""

    def __init__(self) -> None:
        self.turn = trio.Semaphore(1, max_value=1)
        self.free_at = 0.0


class Permit:
    """A turn to identify. Return it in any case; returning it twice does no harm."""

    def __init__(self, queue: IdentifyQueue, bucket: _Bucket) -> None:
        self._queue = queue
        self._bucket = bucket
        self._used = False
        self._returned = False

    def used(self) -> None:
        """IDENTIFY is being sent now."""
        now = trio.current_time()
        self._used = True
        self._bucket.free_at = now + IDENTIFY_EVERY
        self._queue.note_identify(now)

    def give_back(self) -> None:
        """Let the next shard of the bucket have its turn."""
        if not self._returned:
            self._returned = True
            if not self._used:
                self._queue.note_unused()
            self._bucket.turn.release()


class IdentifyQueue:
    """Turns for every shard of this process. Shared by the shards; waiters are served in order."""

    def __init__(self, max_concurrency: int = 1) -> None:
        self._max_concurrency = max(1, max_concurrency)
        self._buckets: dict[int, _Bucket] = {}
        self._starts = SessionStarts()
        self._changed = trio.Event()
        self._waiting = 0
        self._identified = 0

    @property
    def identified(self) -> int:
        """How many sessions were started so far."""
        return self._identified

    def learn(self, limit: SessionStartLimit, *, asked_at: int | None = None) -> None:
        """Take over what GET /gateway/bot says; to be called with every answer.

        ``asked_at`` is :attr:`identified` when it was asked: what was started since may not be in the answer.
        """
        unseen = 0 if asked_at is None else self._identified - asked_at
        self._max_concurrency = max(1, limit.max_concurrency)
        self._starts.learn(limit, trio.current_time(), unseen=unseen)
        self._wake()
        if limit.remaining <= limit.total * _NEARLY_SPENT:
            _log.warning(
                "Few gateway session starts are left",
                extra={
                    "event": "session_start_limit",
                    "remaining": limit.remaining,
                    "total": limit.total,
                    "resets_in": round(limit.reset_after),
                },
            )

    async def acquire(self, shard_id: int) -> Permit:
        """Wait for this shard's turn: for as long as the daily limit demands, if it is spent."""
        bucket = self._buckets.setdefault(shard_id % self._max_concurrency, _Bucket())
        self._waiting += 1
        try:
            await bucket.turn.acquire()
            try:
                await trio.sleep_until(bucket.free_at)
                await self._wait_for_start(shard_id)
            except BaseException:
                bucket.turn.release()
                raise
        finally:
            self._waiting -= 1
        self._starts.reserve()
        return Permit(self, bucket)

    async def _wait_for_start(self, shard_id: int) -> None:
        """Until one of the day's starts is neither used nor set aside for another shard."""
        while (delay := self._starts.delay(trio.current_time())) > 0:
            if not self._starts.remaining:
                _log.error(
                    "No gateway session starts are left: waiting for Discord's limit to reset",
                    extra={"event": "session_start_limit", "shard": shard_id, "wait": round(delay)},
                )
            with trio.move_on_after(delay):
                await self._changed.wait()

    def note_identify(self, now: float) -> None:
        """Count an identify against the daily limit."""
        self._identified += 1
        self._starts.used(now)

    def note_unused(self) -> None:
        """A turn was given back: its start is free for another shard."""
        self._starts.give_back()
        self._wake()

    def _wake(self) -> None:
        """Have those who wait for a start look again."""
        self._changed.set()
        self._changed = trio.Event()

    def statistics(self) -> IdentifyStatistics:
        """The queue as it is now."""
        return IdentifyStatistics(
            max_concurrency=self._max_concurrency,
            total=self._starts.total,
            remaining=self._starts.remaining,
            resets_in=self._starts.resets_in(trio.current_time()),
            waiting=self._waiting,
            identified=self._identified,
        )
