"""The pool's connections: who holds them, who waits for one, how many there are, and when they come back.

Deciding is synchronous and happens in whoever takes or gives back; waiting happens in tasks of the pool's
nursery (connecting, reconnecting, maintenance), so that a caller that is cancelled while waiting loses
nothing.

Failure modes: a failed attempt to connect marks the database as down. While it is down and no connection is
left, waiters and newcomers are refused at once, and one task tries to connect again with growing pauses.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import attrs
import psycopg
import trio
from psycopg import pq

from alphapy.storage.connection import TrioConnection, connect
from alphapy.storage.dsn import redacted
from alphapy.storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    import random

LOG = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Timing:
    """The pool's intervals, in seconds."""

    acquire: float = 5.0
    """How long a unit of work waits for its share and a connection."""
    probe: float = 30.0
    """How often idle connections are tried out, and the pool is brought back to its size."""
    lifetime: float = 3600.0
    """When a connection is replaced; up to a fifth earlier at random, so that they do not all go at once."""
    surplus: float = 300.0
    """How long a connection beyond the minimum may idle."""
    reconnect: float = 1.5
    """The pause before a further attempt to connect, times the attempts so far (spec/schema.md section 1)."""
    reconnect_limit: float = 30.0
    """The longest such pause."""
    retry: float = 0.05
    """The longest pause before the first repetition of a unit of work; doubles each time."""


@attrs.define(eq=False)
class Slot:
    """One open connection."""

    connection: TrioConnection
    expires_at: float
    used_at: float

    def clean(self) -> bool:
        """Whether the connection is open and outside any statement and transaction."""
        connection = self.connection
        return not connection.closed and connection.pgconn.transaction_status == pq.TransactionStatus.IDLE


@attrs.define(eq=False)
class _Waiter:
    event: trio.Event = attrs.field(factory=trio.Event)
    slot: Slot | None = None
    error: DatabaseUnavailable | None = None


class Slots:
    """Connections, first come, first served; the counts are of this moment, or from the start."""

    def __init__(
        self,
        dsn: str,
        nursery: trio.Nursery,
        *,
        min_size: int,
        max_size: int,
        rng: random.Random,
        timing: Timing,
    ) -> None:
        self.min_size = min_size
        self.max_size = max_size
        self.in_use = 0
        self.connecting = 0
        self.failure: DatabaseUnavailable | None = None
        self.opened = 0
        self.discarded = 0
        self._dsn = dsn
        self._database = redacted(dsn)
        self._nursery = nursery
        self._rng = rng
        self._timing = timing
        self._idle: deque[Slot] = deque()
        self._waiters: deque[_Waiter] = deque()
        self._recovered = trio.Event()
        self._closed = False

    @property
    def idle(self) -> int:
        """Open connections that nobody holds."""
        return len(self._idle)

    @property
    def size(self) -> int:
        """Open connections."""
        return len(self._idle) + self.in_use

    @property
    def waiting(self) -> int:
        """Callers waiting for a connection."""
        return len(self._waiters)

    @property
    def available(self) -> bool:
        """False while the database cannot be reached, and after the end."""
        return not self._closed and not self._down

    @property
    def _down(self) -> bool:
        # A server that refuses further connections is not down for those who hold one and those who can wait.
        return self.failure is not None and self.size == 0

    async def open(self) -> None:
        """Make the first connection, then the rest in the background; raises :class:`DatabaseUnavailable`."""
        self._offer(self._new_slot(await connect(self._dsn, component="pool")))
        self._grow()
        self._nursery.start_soon(self._maintain, name="storage.slots.maintain")

    def close(self) -> None:
        """Close what is idle, refuse who waits; what is in use is closed when it is given back."""
        self._closed = True
        while self._idle:
            self._discard(self._idle.pop())
        self._fail_waiters("the pool is closed")

    async def wait_available(self) -> None:
        """Return once the database can be reached."""
        while self._down:
            await self._recovered.wait()
        await trio.lowlevel.checkpoint()

    # --- taking and giving back ---

    async def take(self, deadline: float) -> Slot | None:
        """A clean connection, None when none became free by the deadline (Trio's clock).

        Raises :class:`DatabaseUnavailable` when the database is down.
        """
        slot = self._take_idle()
        if slot is not None:
            return slot
        self._refuse_when_down()
        waiter = _Waiter()
        self._waiters.append(waiter)
        self._grow()
        try:
            with trio.move_on_at(deadline):
                await waiter.event.wait()
        except BaseException:
            self._withdraw(waiter)
            raise
        if waiter.error is not None:
            raise waiter.error
        if waiter.slot is None:
            self._withdraw(waiter)
        return waiter.slot

    def give_back(self, slot: Slot) -> None:
        """Return a connection; one that is not clean, or too old, is closed instead."""
        slot.used_at = trio.current_time()
        self._return(slot)

    def _return(self, slot: Slot) -> None:
        self.in_use -= 1
        if slot.clean() and not self._closed and trio.current_time() < slot.expires_at:
            self._offer(slot)
        else:
            self._discard(slot)

    def _take_idle(self) -> Slot | None:
        while self._idle and not self._waiters:
            slot = self._idle.pop()  # the one used last, so that those not needed grow old
            if slot.connection.quiet():
                self.in_use += 1
                return slot
            self._discard(slot)
        return None

    def _withdraw(self, waiter: _Waiter) -> None:
        # What was handed over in the last moment goes to the next in line.
        if waiter.slot is not None:
            self.give_back(waiter.slot)
        elif waiter.error is None:
            self._waiters.remove(waiter)

    def _offer(self, slot: Slot) -> None:
        if self._closed:  # it was being opened when the pool was closed
            self._discard(slot)
        elif self._waiters:
            waiter = self._waiters.popleft()
            waiter.slot = slot
            self.in_use += 1
            waiter.event.set()
        else:
            self._idle.append(slot)

    def _discard(self, slot: Slot) -> None:
        self.discarded += 1
        slot.connection.finish()
        if not self._closed:
            self._fail_waiters_when_down()
            self._grow()

    def _refuse_when_down(self) -> None:
        if self._closed:
            raise DatabaseUnavailable(self._database, "the pool is closed")
        if self.failure is not None and self._down:
            raise DatabaseUnavailable(self._database, self.failure.detail)

    def _fail_waiters_when_down(self) -> None:
        if self.failure is not None and self._down:
            self._fail_waiters(self.failure.detail)

    def _fail_waiters(self, detail: str) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            waiter.error = DatabaseUnavailable(self._database, detail)
            waiter.event.set()

    # --- connecting ---

    def _new_slot(self, connection: TrioConnection) -> Slot:
        self.opened += 1
        lifetime = self._timing.lifetime * self._rng.uniform(0.8, 1.0)
        now = trio.current_time()
        return Slot(connection, expires_at=now + lifetime, used_at=now)

    def _grow(self) -> None:
        """Start as many connections as there are waiters, or as the minimum lacks; none after a failure."""
        if self._closed or self.failure is not None:
            return
        wanted = max(len(self._waiters), self.min_size - self.size) - self.connecting
        room = self.max_size - self.size - self.connecting
        for _ in range(min(wanted, room)):
            self.connecting += 1
            self._nursery.start_soon(self._connect_one, name="storage.slots.connect")

    async def _connect_one(self) -> None:
        """Open the one connection that has just been counted as ``connecting``."""
        try:
            connection = await connect(self._dsn, component="pool")
        except DatabaseUnavailable as error:
            self.connecting -= 1
            self._failed(error)
        else:
            self.connecting -= 1
            self._overcome()
            self._offer(self._new_slot(connection))
            self._grow()

    def _failed(self, error: DatabaseUnavailable) -> None:
        if self.failure is None:
            LOG.warning(
                "no connection to the database",
                extra={"database": self._database, "detail": error.detail, "open": self.size},
            )
            self._recovered = trio.Event()
            self._nursery.start_soon(self._reconnect, name="storage.slots.reconnect")
        self.failure = error
        self._fail_waiters_when_down()

    def _overcome(self) -> None:
        if self.failure is not None:
            LOG.info("connected to the database again", extra={"database": self._database})
            self.failure = None
            self._recovered.set()

    async def _reconnect(self) -> None:
        """After a failure try again, with growing pauses, until a connection answers."""
        attempt = 0
        while self.failure is not None:
            attempt += 1
            pause = min(self._timing.reconnect * attempt, self._timing.reconnect_limit)
            await trio.sleep(pause * self._rng.uniform(0.75, 1.0))
            await self._try_again()

    async def _try_again(self) -> None:
        if self._idle:
            slot = self._idle.popleft()
            await self._examine(slot)
            if slot.clean():
                self._overcome()  # more connections are asked for when someone needs them
        elif self.size + self.connecting < self.max_size:
            self.connecting += 1
            await self._connect_one()

    # --- maintenance ---

    async def _maintain(self) -> None:
        """Try idle connections out, replace the old, close what is not needed, keep the minimum."""
        while True:
            await trio.sleep(self._timing.probe * self._rng.uniform(0.8, 1.0))
            for slot in list(self._idle):
                if slot in self._idle:  # not taken meanwhile
                    self._idle.remove(slot)
                    await self._examine(slot)
            self._grow()

    async def _examine(self, slot: Slot) -> None:
        now = trio.current_time()
        self.in_use += 1
        try:
            if self.size > self.min_size and now - slot.used_at > self._timing.surplus:
                slot.connection.finish()
            elif now < slot.expires_at:
                await self._probe(slot.connection)
        finally:
            self._return(slot)

    async def _probe(self, connection: TrioConnection) -> None:
        """Ask an idle connection for an answer; close one that gives none in time."""
        with trio.move_on_after(self._timing.acquire):
            try:
                await connection.run_statements("SELECT 1")
            except psycopg.Error:
                connection.finish()
            return
        connection.finish()
