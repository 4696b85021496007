"""The web behind a real socket, with real actors and a real pool, and a gateway that the test plays."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import httpx
import trio
from typing_extensions import override

from alphapy.actors.dead_letters.desk import DeadLetterDesk
from alphapy.actors.dead_letters.store import StoredDeadLetters
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.progress import Progress, ShardProgress
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.sessions import StoredProgress
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.status.health_history import CAPACITY, HealthHistory
from alphapy.actors.status.messages import HEALTH_HISTORY
from alphapy.actors.webhooks.intake import WebhookIntake
from alphapy.actors.webhooks.messages import INTAKE
from alphapy.environment import Secret
from alphapy.gateway.commands import Command, Group, paths
from alphapy.gateway.dispatcher import DispatcherStatistics
from alphapy.gateway.heartbeat import LatencyStatistics
from alphapy.gateway.identify import IdentifyStatistics
from alphapy.gateway.rest.client import RestStatistics
from alphapy.gateway.rest.limiter import LimiterStatistics
from alphapy.gateway.rest.tickets import Priority
from alphapy.gateway.shard import ShardState, ShardStatistics
from alphapy.pure.backoff import Backoff
from alphapy.pure.http_limits import LimitClass
from alphapy.pure.ids import GuildId
from alphapy.storage import migrate
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.storage.pool import Pool
from alphapy.web.app import HANDLER_SECONDS, WebApp, build_app
from alphapy.web.auth import upstream
from alphapy.web.auth.admins import GuildAdmins, Surroundings
from alphapy.web.auth.security import Security
from alphapy.web.routes.dashboard import Dashboard
from alphapy.web.server import serve_web
from alphapy.web.sources import ServiceFacts, Sources
from tests.support.clock import START, FakeClock
from tests.support.waiting import wait_until
from tests.web.neighbours import STAFF_ROLE, Neighbours

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.web.routing.route import Route

JSON = dict[str, Any]
PATTERN = "guild/*/greeter"
GENEROUS = dict.fromkeys(LimitClass, 100_000)


async def _does_nothing(_: Any) -> None:
    pass


COMMANDS = paths(
    [
        Command(name="version", description="Show the version", handler=_does_nothing),
        Group(
            name="cc",
            description="Custom commands",
            children=(Command(name="list", description="List them", handler=_does_nothing),),
        ),
    ]
)


def greeter(guild_id: int) -> Address:
    return Address.guild(GuildId(guild_id), "greeter")


@attrs.frozen
class Work:
    """Something to do that takes until the test says so, or goes wrong."""

    done: trio.Event | None = None
    fails: str | None = None


class Greeter(Actor):
    @override
    async def handle(self, message: object) -> object:
        assert isinstance(message, Work)
        if message.done is not None:
            await message.done.wait()
        if message.fails is not None:
            raise RuntimeError(message.fails)
        return None


def shard(shard_id: int = 0, *, state: ShardState = ShardState.READY, **changes: Any) -> ShardStatistics:
    fields: JSON = {
        "shard_id": shard_id,
        "shard_count": 2,
        "state": state,
        "in_state": 61.0,
        "latency": LatencyStatistics(last=0.042, p50=0.04, p95=0.09, samples=9),
        "seq": 7,
        "session_id": "s",
        "received": 1234,
        "duplicates": 1,
        "reconnects": 2,
        "malformed": {"envelope": 3},
        "last_ending": None,
    }
    return ShardStatistics(**fields | changes)


@attrs.frozen
class Routed:
    """What the router has counted."""

    routed: Mapping[str, int] = attrs.field(factory=lambda: {"MESSAGE_CREATE": 41, "GUILD_CREATE": 2})
    malformed: Mapping[str, int] = attrs.field(factory=lambda: {"MESSAGE_CREATE": 1})
    undelivered: int = 4
    misjudged: Mapping[str, int] = attrs.field(factory=lambda: {"greeter": 6})


@attrs.define
class Gateway:
    """The Discord side, as the test plays it."""

    shards: tuple[ShardStatistics, ...] = attrs.field(factory=lambda: (shard(0), shard(1)))
    guilds_arrived: bool = True
    guilds: int = 3
    routed: Routed = attrs.field(factory=Routed)
    rest: RestStatistics = RestStatistics(  # noqa: RUF009  # frozen
        calls=12,
        requests=13,
        answers={"2xx": 10, "4xx": 2, "5xx": 1},
        repeats=1,
        rate_limited={"user": 1},
        refused=0,
        timed_out=0,
        transport_failures=0,
        waits=2,
        waited_seconds=0.75,
        limiter=LimiterStatistics(
            waiting=dict.fromkeys(Priority, 0), in_flight=1, lanes=4, invalid=2, globally_blocked_for=0.0
        ),
    )
    interactions: DispatcherStatistics = DispatcherStatistics(  # noqa: RUF009  # frozen
        running=1, received=20, duplicates=0, busy=0, dropped=0, refused=3, crashed=1, lost=0
    )

    @property
    def ready(self) -> bool:
        return bool(self.shards) and all(found.state is ShardState.READY for found in self.shards)

    def latency(self) -> float | None:
        return max((found.latency.last or 0 for found in self.shards), default=None)

    def statistics(self) -> tuple[ShardStatistics, ...]:
        return self.shards

    def session_starts(self) -> IdentifyStatistics:
        return IdentifyStatistics(
            max_concurrency=1, total=1000, remaining=998, resets_in=3600.0, waiting=0, identified=2
        )


@attrs.define(kw_only=True)
class House:
    """What a test works with."""

    clock: FakeClock
    pool: Pool
    registry: Registry
    gateway: Gateway
    sources: Sources
    app: WebApp
    base: str
    http: httpx.AsyncClient
    switches: dict[str, bool]
    neighbours: Neighbours

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers={n.replace("_", "-"): v for n, v in headers.items()})

    async def json(self, path: str) -> JSON:
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        found: JSON = answer.json()
        return found

    async def greet(self, *guilds: int) -> None:
        """Start the greeters of these guilds."""
        for guild_id in guilds:
            self.registry.tell(greeter(guild_id), Work())
        await wait_until(lambda: all(self.processed(guild_id) for guild_id in guilds), what="the greeters")

    def processed(self, guild_id: int) -> int:
        health = self.registry.find(greeter(guild_id))
        return 0 if health is None else health.processed


def registry_of(pool: Pool, clock: FakeClock, budget: Budget, letters: StoredDeadLetters) -> Registry:
    registry = Registry(
        dead_letters=letters,
        budget=budget,
        rng=random.Random(1),
        outages=(DatabaseUnavailable, DatabaseBusy),
    )
    quick = Backoff(initial=0.01, factor=1.0, ceiling=30.0, jitter=0.0)
    registry.register(PATTERN, ChildSpec(factory=Greeter, restarts=5, backoff=quick))
    registry.register(
        HEALTH_HISTORY.pattern,
        ChildSpec(
            factory=lambda context: HealthHistory(context, pool=pool, clock=clock),
            mailbox=CAPACITY,
            idle_after=None,
        ),
    )
    return registry


@asynccontextmanager
async def open_house(
    pool: Pool,
    *,
    api_key: str | None = None,
    trusted_proxies: int = 0,
    handler_seconds: float = HANDLER_SECONDS,
    security: Security | None = None,
    limits: Mapping[LimitClass, int] = GENEROUS,
    more: Sequence[Route] = (),
    allowed_origins: Sequence[str] = (),
    main_guild_id: GuildId | None = None,
    public_stats: bool = False,
    neighbours: Neighbours | None = None,
) -> AsyncIterator[House]:
    """The web application on a free port, and what it looks at.

    The limits are ``GENEROUS``, since a test is one client; tests of limits hand in the real ones.
    """
    clock = FakeClock()
    budget = Budget(1000)
    letters = StoredDeadLetters(pool, Progress(StoredProgress(pool), random.Random(1)))
    registry = registry_of(pool, clock, budget, letters)
    gateway = Gateway()
    around = neighbours or Neighbours()
    registry.register(
        INTAKE.pattern,
        ChildSpec(
            factory=lambda context: WebhookIntake(context, pool=pool, clock=clock, discord=around),
            idle_after=None,
        ),
    )
    switches = {"settings": True, "stopping": False}
    outside = upstream.client()
    sources = Sources(
        clock=clock,
        facts=ServiceFacts(
            name="alphapy-test",
            version="1.2.3",
            codename="Test Light",
            started_at=START,
            revision=migrate.head(),
        ),
        api_key=None if api_key is None else Secret(api_key),
        trusted_proxies=trusted_proxies,
        pool=pool,
        bus=registry,
        actors=registry,
        letters=DeadLetterDesk(pool, registry, letters),
        shards=gateway,
        budget=budget.statistics,
        router=lambda: gateway.routed,
        rest=lambda: gateway.rest,
        dispatcher=lambda: gateway.interactions,
        guild_count=lambda: gateway.guilds,
        guild_name={5: "The <i>Bakery</i>"}.get,
        progress=lambda: (ShardProgress(0, "s", mark=5, top=9, open=2),),
        gateway_ready=lambda: gateway.ready and gateway.guilds_arrived,
        settings_loaded=lambda: switches["settings"],
        stopping=lambda: switches["stopping"],
        security=security or Security(),
        allowed_origins=allowed_origins,
        outside=outside,
        admins=GuildAdmins(
            Surroundings(
                guilds=around,
                members=around,
                is_owner=around.is_owner,
                admin_role_ids=[STAFF_ROLE],
                guilds_arrived=lambda: gateway.guilds_arrived,
            )
        ),
        outbox=around.outbox(),
        is_owner=around.is_owner,
        dashboard=Dashboard(
            registry=setting_registry(),
            guilds=around,
            commands=lambda: COMMANDS,
            main_guild_id=main_guild_id,
            public_stats=public_stats,
        ),
    )
    app = build_app(sources, handler_seconds=handler_seconds, limits=limits, more=more)
    async with outside, trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        port: int = await nursery.start(serve_web, app, "127.0.0.1", 0)
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            yield House(
                clock=clock,
                pool=pool,
                registry=registry,
                gateway=gateway,
                sources=sources,
                app=app,
                base=base,
                http=http,
                switches=switches,
                neighbours=around,
            )
        await registry.stop(deadline=trio.current_time() + 5)
        nursery.cancel_scope.cancel()
