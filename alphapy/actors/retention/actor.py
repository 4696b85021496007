"""Deletes rows that need not be kept: audit rows, operational events and the like (spec/schema.md 5.6).

Each policy has turns of its own, by the clock, and works in batches in a task of its own, so that none holds
another up. Waiting for a turn is no task, so that a stop has nothing to wait for. What belongs to a feature
that cleans up after itself (the health history, webhook receipts) is that feature's business.

When it fails: a run that meets an error is logged and repeated an hour later at most; what it has deleted
stays deleted. Two processes never work on one policy at once: whoever comes second leaves it to the other.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import psycopg
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.retention.messages import Begin
from alphapy.actors.retention.rules import (
    AUDIT_TIME,
    ERASED_KNOWN,
    EVENTS_KEPT,
    HOUR,
    JOBS_KEPT,
    MINUTE,
    Daily,
    Every,
    audit_limits,
)
from alphapy.storage import idempotency, retention
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from alphapy.pure.clock import Clock
    from alphapy.pure.settings import SettingDef
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.retention")

COMPONENT: Final = "retention"

STATEMENT_SECONDS: Final = 60.0

LOOK_EVERY: Final = 60.0
"""Longest stretch of waiting for a turn, in seconds: a jump of the wall clock is noticed after it."""

RUN_SECONDS: Final = 3000.0
"""Longest run of a policy; the rest is for the next turn (spec/operations.md 5.7)."""


class Timing(Protocol):
    """When a policy's turns are."""

    def first(self, now: datetime) -> datetime:
        """The first turn after the start."""
        ...

    def following(self, now: datetime, *, failed: bool) -> datetime:
        """The turn after one that has ended now."""
        ...


@attrs.frozen
class Policy:
    """One kind of old rows: its name in the log and for the lock, its turns, and how they are deleted."""

    name: str
    timing: Timing
    run: Callable[[], Awaitable[int]]


@attrs.frozen
class _Look:
    """It may be this policy's turn."""

    policy: Policy


class Retention(Actor):
    """The actor ``process/retention``."""

    def __init__(
        self,
        context: Context,
        *,
        pool: Pool,
        clock: Clock,
        audit_setting: SettingDef,
        audit_days_of_messages: int,
        look_every: float = LOOK_EVERY,
    ) -> None:
        super().__init__(context)
        self._pool = pool
        self._clock = clock
        self._audit_setting = audit_setting
        self._audit_days_of_messages = audit_days_of_messages
        self._look_every = look_every
        self._due: dict[str, datetime] = {}
        """The next turn of each policy that is not at work."""

    @override
    async def load(self) -> None:
        for policy in (
            Policy("audit_logs", Daily(AUDIT_TIME), self._audit_logs),
            Policy("operational_events", Every(HOUR), self._operational_events),
            Policy("gdpr_erasure_jobs", Every(HOUR), self._erasure_jobs),
            Policy("api_idempotency", Every(MINUTE), self._idempotency_keys),
        ):
            self._plan(policy, policy.timing.first(self._clock.now()))

    @override
    async def handle(self, message: object) -> object:
        match message:
            case Begin():
                pass  # being told anything has started this actor, and load() has set the policies going
            case _Look(policy):
                if self._clock.now() < self._due[policy.name]:
                    self._wait(policy)
                else:
                    del self._due[policy.name]
                    self.context.start(self._take_turn, policy)
            case _:
                return await super().handle(message)
        return None

    def _plan(self, policy: Policy, due: datetime) -> None:
        self._due[policy.name] = due
        self._wait(policy)

    def _wait(self, policy: Policy) -> None:
        left = (self._due[policy.name] - self._clock.now()).total_seconds()
        self.context.tell_after(min(max(left, 0.0), self._look_every), _Look(policy))

    async def _take_turn(self, policy: Policy) -> None:
        failed = not await self._run(policy)
        self._plan(policy, policy.timing.following(self._clock.now(), failed=failed))

    async def _run(self, policy: Policy) -> bool:
        """Run a policy once; whether it came to its end."""
        deleted = 0
        try:
            with trio.move_on_after(RUN_SECONDS) as patience:
                deleted = await policy.run()
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "old rows could not be deleted; it is tried again at the next turn",
                extra={"event": "retention_failed", "policy": policy.name, "error": str(error)},
            )
            return False
        if deleted:
            log.info(
                "old rows are deleted",
                extra={"event": "retention_done", "policy": policy.name, "rows": deleted},
            )
        return not patience.cancelled_caught

    async def _audit_logs(self) -> int:
        stored = await self._pool.run(COMPONENT, retention.audit_settings, idempotent=True)
        limits = audit_limits(
            stored,
            self._audit_setting,
            days_of_messages=self._audit_days_of_messages,
            now=self._clock.now(),
        )
        deleted = 0
        for guild_id, before in limits:
            deleted += await self._in_batches("audit_logs", _AuditLogs(guild_id, before))
        return deleted

    async def _operational_events(self) -> int:
        before = self._clock.now() - EVENTS_KEPT
        return await self._in_batches(
            "operational_events", _Before(retention.delete_operational_events, before)
        )

    async def _erasure_jobs(self) -> int:
        now = self._clock.now()
        await self._in_batches("gdpr_erasure_jobs", _Before(retention.forget_erased, now - ERASED_KNOWN))
        return await self._in_batches(
            "gdpr_erasure_jobs", _Before(retention.delete_erasure_jobs, now - JOBS_KEPT)
        )

    async def _idempotency_keys(self) -> int:
        now = self._clock.now()
        return await self._in_batches(
            "api_idempotency", lambda tx: idempotency.expire(tx, now), size=idempotency.EXPIRED_AT_ONCE
        )

    async def _in_batches(
        self, policy: str, batch: Callable[[Transaction], Awaitable[int]], *, size: int | None = None
    ) -> int:
        async def work(tx: Transaction) -> int:
            return await batch(tx) if await retention.take(tx, policy) else 0

        full = size or retention.BATCH
        touched, found = 0, full
        while found == full:
            found = await self._pool.run(
                COMPONENT, work, idempotent=True, statement_timeout=STATEMENT_SECONDS
            )
            touched += found
        return touched


@attrs.frozen
class _AuditLogs:
    """One batch of a guild's audit rows."""

    guild_id: int
    before: datetime

    async def __call__(self, tx: Transaction) -> int:
        return await retention.delete_audit_logs(tx, self.guild_id, self.before, limit=retention.BATCH)


class _Statement(Protocol):
    async def __call__(self, tx: Transaction, before: datetime, *, limit: int) -> int: ...


@attrs.frozen
class _Before:
    """One batch of what is older than an instant."""

    statement: _Statement
    before: datetime

    async def __call__(self, tx: Transaction) -> int:
        return await self.statement(tx, self.before, limit=retention.BATCH)
