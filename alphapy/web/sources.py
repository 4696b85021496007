"""What the web looks at. It owns none of it: the supervisor hands it over, and closes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import attrs
import httpx

from alphapy.actors.backfill.messages import BackfillStatistics
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.budget import BudgetStatistics
from alphapy.actors.kernel.bus import Bus
from alphapy.actors.kernel.progress import ShardProgress
from alphapy.environment import Secret
from alphapy.gateway.dispatcher import DispatcherStatistics
from alphapy.gateway.rest.client import RestStatistics
from alphapy.pure.clock import Clock
from alphapy.storage.pool import Pool
from alphapy.web.auth.admins import AdminDesk
from alphapy.web.auth.security import Security
from alphapy.web.messenger import Outbox
from alphapy.web.routes.dashboard import Dashboard

if TYPE_CHECKING:
    from alphapy.actors.dead_letters.messages import LetterPage, Replay
    from alphapy.actors.kernel.deadletters import DeadLetterStatistics
    from alphapy.actors.kernel.health import ActorHealth
    from alphapy.actors.kernel.survey import Survey
    from alphapy.gateway.identify import IdentifyStatistics
    from alphapy.gateway.shard import ShardStatistics


@attrs.frozen(kw_only=True)
class ServiceFacts:
    """What does not change while the service runs; ``revision`` is the schema's that it needs."""

    name: str
    version: str
    codename: str
    started_at: datetime
    revision: str


class Actors(Protocol):
    """The address book, as far as it can be looked at."""

    def page(self, *, limit: int, after: str = "", under: str = "") -> tuple[ActorHealth, ...]:
        """The first ``limit`` actors, by address, of those behind ``after`` that begin with ``under``."""
        ...

    def find(self, address: Address) -> ActorHealth | None:
        """One actor, if there is one now."""
        ...

    async def survey(self, *, worst: int) -> Survey:
        """Sums by pattern, and the worst actors."""
        ...

    def dead_letters(self) -> DeadLetterStatistics:
        """The dead letters of this process."""
        ...


class DeadLetterDesk(Protocol):
    """What an operator may do with dead letters; every method raises what the pool raises."""

    @property
    def kept(self) -> int:
        """How many letters are kept at the most."""
        ...

    @property
    def dropped(self) -> int:
        """How many have made room for newer ones since the start."""
        ...

    async def count(self) -> int:
        """How many letters there are."""
        ...

    async def page(self, limit: int, *, before: int | None = None, address: str | None = None) -> LetterPage:
        """The newest letters, of those older than number ``before``, and of one actor where it is named."""
        ...

    async def replay(self, number: int) -> Replay:
        """Have a letter's message told to its actor again; waits some seconds at the most."""
        ...

    async def replay_all(self, address: str) -> tuple[int, Replay]:
        """Replay an actor's letters while they succeed; how many did, and what became of the last one."""
        ...

    async def discard(self, number: int) -> bool:
        """Throw a letter away; False where it was gone already."""
        ...

    async def discard_all(self, address: str) -> int:
        """Throw every letter of one actor away; how many there were."""
        ...


class Shards(Protocol):
    """The gateway connections."""

    @property
    def ready(self) -> bool:
        """Whether every shard is ready."""
        ...

    def latency(self) -> float | None:
        """Seconds of the slowest shard's last heartbeat; None while nothing is known."""
        ...

    def statistics(self) -> tuple[ShardStatistics, ...]:
        """Every shard."""
        ...

    def session_starts(self) -> IdentifyStatistics:
        """How many sessions may still be started."""
        ...


class RouterCounts(Protocol):
    """What the router has seen, by event name."""

    @property
    def routed(self) -> Mapping[str, int]:
        """Handed on."""
        ...

    @property
    def malformed(self) -> Mapping[str, int]:
        """Not understood."""
        ...

    @property
    def undelivered(self) -> int:
        """Not taken by an actor."""
        ...

    @property
    def misjudged(self) -> Mapping[str, int]:
        """That a feature's own test failed on, by feature."""
        ...


@attrs.frozen(kw_only=True)
class Sources:
    """The collaborators of the web; every callable answers at once."""

    clock: Clock
    facts: ServiceFacts
    api_key: Secret | None
    trusted_proxies: int
    """Proxies in front of HTTP; a loopback peer is then not the operator's own machine."""
    pool: Pool
    bus: Bus
    actors: Actors
    letters: DeadLetterDesk
    shards: Shards
    budget: Callable[[], BudgetStatistics]
    router: Callable[[], RouterCounts]
    rest: Callable[[], RestStatistics]
    dispatcher: Callable[[], DispatcherStatistics]
    guild_count: Callable[[], int]
    guild_name: Callable[[int], str | None]
    """A guild's name; None for one that is not known."""
    gateway_ready: Callable[[], bool]
    """Whether the gateway is connected and what was expected of it has come."""
    settings_loaded: Callable[[], bool]
    stopping: Callable[[], bool]
    security: Security
    """What the operator has decided about who may call."""
    outside: httpx.AsyncClient
    """For asking services other than Discord."""
    admins: AdminDesk
    """Who administers a guild."""
    is_owner: Callable[[int], bool]
    """Whether somebody is a bot owner."""
    outbox: Outbox
    """Where webhooks send to."""
    dashboard: Dashboard
    """What the dashboard's routes look at besides."""
    allowed_origins: Sequence[str] = ()
    """Websites that may read our answers; none named: the product's."""
    backfill: Callable[[], BackfillStatistics] = BackfillStatistics
    """What is read back that was missed between two sessions."""
    progress: Callable[[], Sequence[ShardProgress]] = tuple
    """How far every session's log is durable."""
    unhealthy: Callable[[], tuple[Address, ...]] = tuple
    """Actors that have crashed ten times in a row."""
    gpt_status: Callable[[], str | None] = attrs.field(default=lambda: None)
    """The state of the language model; None where there is none in this service."""
