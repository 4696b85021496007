"""The one pool of connections: first come, first served, with a deadline and a share for each component.

A connection is opened by a task of the pool and handed to whoever has waited longest; a caller that is
cancelled while waiting costs nothing. A connection comes back outside any transaction or not at all.

Failure modes: the database goes down: units of work in progress fail with ``DatabaseUnavailable``, and so do
new ones, at once, while the pool tries to connect again with growing pauses. It comes back: the pool recovers
by itself. All connections are in use, or a component's share is: callers wait, then get ``DatabaseBusy``.
"""

from __future__ import annotations

import logging
import random
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import attrs
import psycopg
import trio

from alphapy.storage.dsn import normalise, redacted
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.storage.slots import Slots, Timing
from alphapy.storage.transaction import Isolation, open_transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from alphapy.storage.slots import Slot
    from alphapy.storage.transaction import Transaction

LOG = logging.getLogger(__name__)

T = TypeVar("T")

SHARES: Mapping[str, int] = {
    "reminders": 10,
    "ticketbot": 10,
    "embed_watcher": 10,
    "verification": 10,
    "faq": 5,
    "tracker": 5,
    "web": 10,
}
"""How many connections a component may hold at once (spec/schema.md section 8)."""

OTHER_SHARE = 5
"""The share of every component that is not named above."""

RETRIES = 3
"""How often a unit of work is repeated after a serialization failure or a deadlock."""

_COMPONENT = re.compile(r"[a-z][a-z0-9_.:-]{0,39}")


@attrs.frozen
class ComponentStatistics:
    """One component's share: how much of it is in use and how many wait for it."""

    component: str
    limit: int
    in_use: int
    waiting: int


@attrs.frozen(kw_only=True)
class PoolStatistics:
    """The pool at one moment; the last eight are counted from its start."""

    size: int
    idle: int
    in_use: int
    connecting: int
    waiting: int
    min_size: int
    max_size: int
    available: bool
    """False while the database cannot be reached."""
    last_error: str | None
    components: tuple[ComponentStatistics, ...]
    opened: int
    discarded: int
    acquired: int
    busy: int
    unavailable: int
    committed: int
    rolled_back: int
    retried: int


@attrs.define
class _Counters:
    acquired: int = 0
    busy: int = 0
    unavailable: int = 0
    committed: int = 0
    rolled_back: int = 0
    retried: int = 0


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    min_size: int = 2,
    max_size: int = 20,
    rng: random.Random | None = None,
    timing: Timing | None = None,
) -> AsyncIterator[Pool]:
    """A pool while the block runs, closed afterwards.

    Raises :class:`DatabaseUnavailable` when not even the first connection can be made, ``DsnError`` for an
    address that cannot be read, and ValueError unless ``1 <= min_size <= max_size``. What the block raises
    passes through ungrouped.
    """
    if not 1 <= min_size <= max_size:
        msg = f"a pool needs 1 <= min_size <= max_size, not {min_size} and {max_size}"
        raise ValueError(msg)
    address = normalise(dsn)
    rng = rng or random.Random()
    timing = timing or Timing()
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        slots = Slots(address, nursery, min_size=min_size, max_size=max_size, rng=rng, timing=timing)
        try:
            await slots.open()
            yield Pool(slots, redacted(address), rng=rng, timing=timing)
        except BaseException as error:  # noqa: BLE001 - raised again outside the nursery, which would group it
            failure = error
        slots.close()
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


class Pool:
    """Hands out transactions. Made by :func:`open_pool`; its tasks live in that block's nursery."""

    def __init__(self, slots: Slots, database: str, *, rng: random.Random, timing: Timing) -> None:
        self._slots = slots
        self._database = database
        self._rng = rng
        self._timing = timing
        self._shares: dict[str, trio.Semaphore] = {}
        self._counters = _Counters()

    @asynccontextmanager
    async def transaction(
        self,
        component: str,
        *,
        statement_timeout: float | None = None,
        isolation: Isolation = Isolation.READ_COMMITTED,
        read_only: bool = False,
    ) -> AsyncIterator[Transaction]:
        """One unit of work for ``component`` (a feature's name): commits when the block ends well.

        ``statement_timeout`` is in seconds (10 by default, 60 for exports and retention). Raises
        :class:`DatabaseBusy` after waiting ``Timing.acquire`` seconds for a connection or for the component's
        share, :class:`DatabaseUnavailable` when the database is down or the connection is lost.
        """
        begin = _begin(component, statement_timeout, isolation, read_only=read_only)
        deadline = trio.current_time() + self._timing.acquire
        share = await self._take_share(component, deadline)
        try:
            slot = await self._take_slot(component, deadline)
            try:
                async with open_transaction(slot.connection, begin, self._database) as transaction:
                    yield transaction
            except BaseException:
                self._counters.rolled_back += 1
                raise
            else:
                self._counters.committed += 1
            finally:
                self._slots.give_back(slot)
        finally:
            share.release()

    async def run(
        self,
        component: str,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        idempotent: bool = False,
        statement_timeout: float | None = None,
        isolation: Isolation = Isolation.READ_COMMITTED,
    ) -> T:
        """Run a unit of work, repeating it where that is safe; ``work`` may hence be called several times.

        A serialization failure or a deadlock is repeated up to three times after a random pause. A lost
        connection is repeated once, on another connection, only when the unit is ``idempotent``: it might
        have been committed. Nothing else is repeated.
        """
        attempt = 0
        may_reconnect = idempotent
        while True:
            try:
                async with self.transaction(
                    component, statement_timeout=statement_timeout, isolation=isolation
                ) as transaction:
                    return await work(transaction)
            except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
                attempt += 1
                if attempt > RETRIES:
                    raise
            except DatabaseUnavailable as error:
                if not (may_reconnect and error.lost):
                    raise
                may_reconnect = False
            self._counters.retried += 1
            await trio.sleep(self._rng.uniform(0, self._timing.retry * 2**attempt))

    async def ping(self) -> None:
        """Ask the database for an answer; raises as :meth:`transaction` does."""
        async with self.transaction("health", read_only=True) as transaction:
            await transaction.fetch_value("SELECT 1")

    @property
    def is_available(self) -> bool:
        """Whether the database can be reached, as far as is known."""
        return self._slots.available

    async def wait_available(self) -> None:
        """Return once the database can be reached; at once when it can."""
        await self._slots.wait_available()

    def statistics(self) -> PoolStatistics:
        """The pool's state and counters."""
        slots = self._slots
        return PoolStatistics(
            size=slots.size,
            idle=slots.idle,
            in_use=slots.in_use,
            connecting=slots.connecting,
            waiting=slots.waiting,
            min_size=slots.min_size,
            max_size=slots.max_size,
            available=slots.available,
            last_error=slots.failure.detail if slots.failure else None,
            components=tuple(_component(name, self._shares[name]) for name in sorted(self._shares)),
            opened=slots.opened,
            discarded=slots.discarded,
            **attrs.asdict(self._counters),
        )

    async def _take_share(self, component: str, deadline: float) -> trio.Semaphore:
        share = self._shares.get(component)
        if share is None:
            limit = SHARES.get(component, OTHER_SHARE)
            share = self._shares[component] = trio.Semaphore(limit, max_value=limit)
        try:
            share.acquire_nowait()
        except trio.WouldBlock:
            with trio.move_on_at(deadline) as patience:
                await share.acquire()
            if patience.cancelled_caught:
                raise self._busy(component, share.max_value or 0, own_limit=True) from None
        return share

    async def _take_slot(self, component: str, deadline: float) -> Slot:
        try:
            slot = await self._slots.take(deadline)
        except DatabaseUnavailable:
            self._counters.unavailable += 1
            raise
        if slot is None:
            raise self._busy(component, self._slots.max_size, own_limit=False)
        self._counters.acquired += 1
        return slot

    def _busy(self, component: str, limit: int, *, own_limit: bool) -> DatabaseBusy:
        self._counters.busy += 1
        LOG.warning("database busy", extra={"component": component, "limit": limit, "own_limit": own_limit})
        return DatabaseBusy(component, self._timing.acquire, limit, own_limit)


def _component(name: str, share: trio.Semaphore) -> ComponentStatistics:
    limit = share.max_value or 0
    return ComponentStatistics(name, limit, limit - share.value, share.statistics().tasks_waiting)


def _begin(component: str, statement_timeout: float | None, isolation: Isolation, *, read_only: bool) -> str:
    """The statements that open a transaction; one round trip. They end with the transaction."""
    if not _COMPONENT.fullmatch(component):
        msg = f"not the name of a component: {component!r}"
        raise ValueError(msg)
    statements = ["BEGIN"]
    if isolation is not Isolation.READ_COMMITTED:
        statements[0] += f" ISOLATION LEVEL {isolation.value}"
    if read_only:
        statements[0] += " READ ONLY"
    statements.append(f"SET LOCAL application_name = 'alphapy:{component}'")
    if statement_timeout is not None:
        statements.append(f"SET LOCAL statement_timeout = {max(1, int(statement_timeout * 1000))}")
    return "; ".join(statements)
