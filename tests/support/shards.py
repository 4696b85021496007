"""A shard under test, connected to a scripted gateway."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import trio
from typing_extensions import override

from alphapy.environment import Secret
from alphapy.gateway.identify import IdentifyQueue
from alphapy.gateway.opcodes import ALPHAPY_INTENTS
from alphapy.gateway.reconnect import FatalClose, Patience
from alphapy.gateway.shard import Dispatch, Shard, ShardState
from alphapy.pure.backoff import Backoff
from tests.support.gateway_server import GatewayServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from alphapy.gateway.identify import Permit
    from tests.support.gateway_server import Peer

QUICK = Patience(
    connect=3.0,
    find=3.0,
    hello=3.0,
    ready=3.0,
    send=3.0,
    close=0.3,
    drain=2.0,
    invalid_session=(0.01, 0.03),
    backoff=Backoff(initial=0.01, factor=2.0, ceiling=0.05, jitter=0.5),
)
"""Patience for a gateway on the same machine."""


class HastyQueue(IdentifyQueue):
    """Never keeps anybody waiting; the five seconds between two identifies have tests of their own."""

    def __init__(self) -> None:
        super().__init__(max_concurrency=1_000_000)
        self._turns = 0

    @override
    async def acquire(self, shard_id: int) -> Permit:
        self._turns += 1
        return await super().acquire(self._turns)


@attrs.define(eq=False)
class Bench:
    """A running shard and what it has handed on."""

    shard: Shard
    server: GatewayServer
    received: list[Dispatch]
    states: list[ShardState]
    fatal: FatalClose | None = None
    _stop: trio.Event = attrs.field(factory=trio.Event)
    _sign_off: bool = False

    async def run(self) -> None:
        """Run the shard; a fatal close is noted."""
        try:
            await self.shard.run()
        except FatalClose as error:
            self.fatal = error

    def stop_soon(self, *, sign_off: bool) -> None:
        """Have the shard stopped by a task of its own."""
        self._sign_off = sign_off
        self._stop.set()

    async def wait_stop(self) -> None:
        await self._stop.wait()
        await self.shard.stop(sign_off=self._sign_off)

    @property
    def names(self) -> list[str]:
        return [dispatch.name for dispatch in self.received]

    def payloads(self, name: str) -> list[Any]:
        return [msgspec.json.decode(one.data) for one in self.received if one.name == name]

    async def until(self, name: str, times: int = 1) -> None:
        """Wait until so many dispatches of this name were handed on."""
        await wait_until(lambda: self.names.count(name) >= times, what=f"{times} x {name}")

    async def until_state(self, state: ShardState) -> None:
        await wait_until(lambda: self.shard.state is state, what=f"state {state}")

    async def until_peer(self, count: int) -> Peer:
        """Wait for the n-th connection."""
        await wait_until(lambda: len(self.server.peers) >= count, what=f"connection {count}")
        return self.server.peers[count - 1]


@asynccontextmanager
async def running(
    server: GatewayServer,
    *,
    on_dispatch: Callable[[Dispatch], Awaitable[None]] | None = None,
    find_gateway: Callable[[], Awaitable[str]] | None = None,
    **options: Any,
) -> AsyncIterator[Bench]:
    """Serve, run a shard against it, stop it at the end."""
    received: list[Dispatch] = []
    states: list[ShardState] = []

    async def note(dispatch: Dispatch) -> None:
        if on_dispatch is not None:
            await on_dispatch(dispatch)
        received.append(dispatch)

    async def find() -> str:
        return server.url

    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        chosen: dict[str, Any] = {
            "patience": QUICK,
            "identify": IdentifyQueue(),
            "rng": random.Random(7),
        } | options
        shard = Shard(
            token=Secret("hush"),
            intents=ALPHAPY_INTENTS,
            find_gateway=find_gateway or find,
            on_dispatch=note,
            on_state=states.append,
            **chosen,
        )
        bench = Bench(shard, server, received, states)
        nursery.start_soon(bench.run)
        nursery.start_soon(bench.wait_stop)
        yield bench
        await shard.stop()
        nursery.cancel_scope.cancel()
