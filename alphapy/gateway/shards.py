"""All shards of this process: as many as Discord advises, or as many as the operator says."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from alphapy.environment import Secret
from alphapy.gateway.identify import IdentifyQueue, SessionStartLimit
from alphapy.gateway.opcodes import Intents
from alphapy.gateway.shard import Dispatch, Shard, ShardState

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from alphapy.gateway.identify import IdentifyStatistics
    from alphapy.gateway.rest.calls import GatewayInfo
    from alphapy.gateway.session import GatewaySession
    from alphapy.gateway.shard import ShardStatistics

log = logging.getLogger("alphapy.gateway.shards")


class Gateways(Protocol):
    """Who knows where the gateway is."""

    async def gateway(self) -> GatewayInfo:
        """Where to connect, with how many shards; raises DiscordError."""
        ...


@attrs.frozen(kw_only=True)
class ShardPlan:
    """What every shard has in common. ``url`` is the gateway's where the operator fixed it, else empty."""

    token: Secret
    intents: Intents
    url: str
    on_dispatch: Callable[[Dispatch], Awaitable[None]]
    on_state: Callable[[int, ShardState], None]


class Shards:
    """The shards, from the first look at the gateway until the stop."""

    def __init__(self, plan: ShardPlan, gateways: Gateways, rng: random.Random) -> None:
        self._plan = plan
        self._gateways = gateways
        self._rng = rng
        self._identify = IdentifyQueue()
        self._shards: tuple[Shard, ...] = ()

    async def run(self, count: int, sessions: Mapping[int, GatewaySession] | None = None) -> None:
        """Run this many shards until :meth:`stop`; raises FatalClose where the operator has to act.

        ``sessions`` are those to RESUME, by shard.
        """
        known = sessions or {}
        self._shards = tuple(self._build(shard_id, count, known.get(shard_id)) for shard_id in range(count))
        async with trio.open_nursery() as nursery:
            for shard in self._shards:
                nursery.start_soon(shard.run, name=f"shard {shard.shard_id}")

    def learn(self, info: GatewayInfo, *, asked_at: int | None = None) -> None:
        """Take the session start limit that Discord told; ``asked_at`` as in IdentifyQueue.learn."""
        self._identify.learn(
            SessionStartLimit(
                total=info.total,
                remaining=info.remaining,
                reset_after=info.reset_after,
                max_concurrency=info.max_concurrency,
            ),
            asked_at=asked_at,
        )

    def rewind(self, shard_id: int, seq: int) -> None:
        """Have everything behind this number of a shard's session sent again."""
        self._shards[shard_id].rewind(seq)

    def drain(self) -> None:
        """Hand on no more events."""
        for shard in self._shards:
            shard.drain()

    async def stop(self, *, sign_off: bool) -> None:
        """Leave the gateway; the sessions stay resumable unless ``sign_off``."""
        async with trio.open_nursery() as nursery:
            for shard in self._shards:
                nursery.start_soon(_stop, shard, sign_off)

    @property
    def ready(self) -> bool:
        """Whether every shard is ready."""
        return bool(self._shards) and all(shard.state is ShardState.READY for shard in self._shards)

    def latency(self) -> float | None:
        """Seconds of the slowest shard's last heartbeat; None while nothing is known."""
        found = [shard.statistics().latency.last for shard in self._shards]
        known = [latency for latency in found if latency is not None]
        return max(known, default=None)

    def statistics(self) -> tuple[ShardStatistics, ...]:
        """Every shard at this moment."""
        return tuple(shard.statistics() for shard in self._shards)

    def session_starts(self) -> IdentifyStatistics:
        """How many sessions may still be started."""
        return self._identify.statistics()

    def _build(self, shard_id: int, count: int, session: GatewaySession | None) -> Shard:
        plan = self._plan

        async def find_gateway() -> str:
            asked_at = self._identify.identified
            info = await self._gateways.gateway()
            self.learn(info, asked_at=asked_at)
            return plan.url or info.url

        return Shard(
            token=plan.token,
            intents=plan.intents,
            find_gateway=find_gateway,
            on_dispatch=plan.on_dispatch,
            on_state=lambda state: plan.on_state(shard_id, state),
            identify=self._identify,
            rng=self._rng,
            shard_id=shard_id,
            shard_count=count,
            session=session,
        )


async def _stop(shard: Shard, sign_off: bool) -> None:
    await shard.stop(sign_off=sign_off)
