"""``/status``, ``/api/health``, ``/api/health/history`` and ``/api/ready`` (spec/api.md 7.7.1), for all."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

import attrs
import psycopg

from alphapy.actors.status.messages import HEALTH_HISTORY, RecordHealth
from alphapy.storage import health as storage
from alphapy.storage.errors import StorageError
from alphapy.web.auth.caller import Access
from alphapy.web.errors import UNAVAILABLE, request_id
from alphapy.web.routing.fields import Clamped, UtcTime
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from alphapy.web.probe import DatabaseProbe
    from alphapy.web.sources import Sources

log = logging.getLogger("alphapy.web")

COMPONENT: Final = "web"
TAG: Final = "Health"


@attrs.frozen
class Status:
    """``latency`` in milliseconds, 0 when unknown; ``uptime`` in words."""

    online: bool
    latency: int
    uptime: str


@attrs.frozen(kw_only=True)
class _Condition:
    service: str
    version: str
    uptime_seconds: int
    db_status: str
    """``ok`` or ``error:<class>``."""
    guild_count: int | None
    active_commands_24h: int | None
    gpt_status: str | None
    database_pool_size: int | None


@attrs.frozen(kw_only=True)
class Health(_Condition):
    """How the service is doing. ``db_status`` is ``ok`` or ``error:<class>``."""

    timestamp: UtcTime


@attrs.frozen(kw_only=True)
class PastHealth(_Condition):
    """How the service was doing."""

    checked_at: UtcTime


@attrs.frozen(kw_only=True)
class HistoryQuery:
    """How far back, and how many rows."""

    hours: Annotated[int, Clamped(1, 720)] = 24
    limit: Annotated[int, Clamped(1, 1000)] = 100


@attrs.frozen
class History:
    """Newest first."""

    history: list[PastHealth]
    period_hours: int
    total_records: int


@attrs.frozen
class HistoryUnread:
    """The database does not answer; ``error`` says the same as ``detail``, for those who look there."""

    detail: str
    error: str
    code: Literal["db_unavailable"] = "db_unavailable"


@attrs.frozen
class Checks:
    """What the service needs, and whether it is there."""

    database: bool
    schema: bool
    gateway: bool
    settings: bool


@attrs.frozen
class Ready:
    """Whether the service can work; ``checks`` says what is missing.

    ``unhealthy`` are kinds of actors of which one has crashed ten times in a row; the rest works on.
    """

    ready: bool
    checks: Checks
    unhealthy: list[str]


class HealthRoutes:
    """The handlers."""

    def __init__(self, sources: Sources, probe: DatabaseProbe) -> None:
        self._sources = sources
        self._probe = probe

    async def status(self, _: Call) -> Reply:
        """In three words."""
        latency = self._sources.shards.latency()
        return Reply(
            body=Status(
                online=self._sources.shards.ready,
                latency=0 if latency is None else round(latency * 1000),
                uptime=f"{self._uptime_seconds() // 60} min",
            )
        )

    async def health(self, _: Call) -> Reply:
        """How the service is doing; the answer goes into the history."""
        sources = self._sources
        look = await self._probe.look()
        row = storage.HealthRow(
            service=sources.facts.name,
            version=sources.facts.version,
            uptime_seconds=self._uptime_seconds(),
            db_status=look.status,
            guild_count=sources.guild_count() if sources.gateway_ready() else None,
            active_commands_24h=await self._probe.commands_24h() if look.is_up else None,
            gpt_status=sources.gpt_status(),
            database_pool_size=sources.pool.statistics().size,
            checked_at=sources.clock.now(),
        )
        if look.is_up:
            sources.bus.tell(HEALTH_HISTORY, RecordHealth(row))
        values = attrs.asdict(row)
        return Reply(body=Health(timestamp=values.pop("checked_at"), **values))

    async def history(self, call: Call) -> Reply:
        """What was answered before, newest first."""
        query: HistoryQuery = call.query
        since = self._sources.clock.now() - timedelta(hours=query.hours)
        try:
            async with self._sources.pool.transaction(COMPONENT, read_only=True) as tx:
                rows = await storage.since(tx, since, limit=query.limit)
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "the health history cannot be read",
                extra={"event": "health_history_unread", "request_id": request_id(), "error": str(error)},
            )
            return Reply(body=HistoryUnread(UNAVAILABLE, UNAVAILABLE), status=503)
        history = [PastHealth(**attrs.asdict(row)) for row in rows]
        return Reply(body=History(history, query.hours, len(history)))

    async def ready(self, _: Call) -> Reply:
        """Whether the service can work."""
        sources = self._sources
        look = await self._probe.look()
        checks = Checks(
            database=look.is_up,
            schema=look.schema_current,
            gateway=sources.gateway_ready(),
            settings=sources.settings_loaded(),
        )
        is_ready = all(attrs.astuple(checks)) and not sources.stopping()
        unhealthy = sorted({address.pattern for address in sources.unhealthy()})
        return Reply(body=Ready(is_ready, checks, unhealthy), status=200 if is_ready else 503)

    def _uptime_seconds(self) -> int:
        passed = self._sources.clock.now() - self._sources.facts.started_at
        return max(0, int(passed.total_seconds()))


def routes(sources: Sources, probe: DatabaseProbe) -> tuple[Route, ...]:
    """The routes."""
    handlers = HealthRoutes(sources, probe)
    return (
        Route(
            method="GET",
            path="/status",
            handler=handlers.status,
            access=Access.OPEN,
            tag=TAG,
            summary="The service in three words",
            answer=Status,
        ),
        Route(
            method="GET",
            path="/api/health",
            handler=handlers.health,
            access=Access.OPEN,
            tag=TAG,
            summary="How the service is doing",
            description=(
                "Always 200 while the process serves; read `db_status` for the database. "
                "`guild_count` is null until the gateway is ready. Each answer with a database that is up "
                "goes into the history."
            ),
            answer=Health,
        ),
        Route(
            method="GET",
            path="/api/health/history",
            handler=handlers.history,
            access=Access.OPEN,
            tag=TAG,
            summary="How the service was doing",
            description="`hours` and `limit` are moved to the nearest value that is accepted.",
            query=HistoryQuery,
            answer=History,
            statuses={503: HistoryUnread},
        ),
        Route(
            method="GET",
            path="/api/ready",
            handler=handlers.ready,
            access=Access.OPEN,
            tag=TAG,
            summary="Whether the service can work",
            description="503 while one of the checks is false, and while the service stops.",
            answer=Ready,
            statuses={503: Ready},
        ),
    )
