"""``/status``, ``/api/health``, ``/api/health/history`` and ``/api/ready`` (spec/api.md 7.7.1), for all."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import attrs
import psycopg
from quart import Blueprint, Response

from alphapy.actors.status.messages import HEALTH_HISTORY, RecordHealth
from alphapy.storage import health as storage
from alphapy.storage.errors import StorageError
from alphapy.web.encoding import json_response, query_text, whole_number
from alphapy.web.errors import UNAVAILABLE, invalid, request_id

if TYPE_CHECKING:
    from alphapy.web.probe import DatabaseProbe
    from alphapy.web.sources import Sources

log = logging.getLogger("alphapy.web")

COMPONENT: Final = "web"
HOURS: Final = (1, 720)
ROWS: Final = (1, 1000)


class HealthRoutes:
    """The handlers."""

    def __init__(self, sources: Sources, probe: DatabaseProbe) -> None:
        self._sources = sources
        self._probe = probe

    async def status(self) -> Response:
        """In three words."""
        latency = self._sources.shards.latency()
        return json_response(
            {
                "online": self._sources.shards.ready,
                "latency": 0 if latency is None else round(latency * 1000),
                "uptime": f"{self._uptime_seconds() // 60} min",
            }
        )

    async def health(self) -> Response:
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
        answer = attrs.asdict(row)
        answer["timestamp"] = answer.pop("checked_at")
        return json_response(answer)

    async def history(self) -> Response:
        """What was answered before, newest first."""
        hours = clamped("hours", 24, HOURS)
        limit = clamped("limit", 100, ROWS)
        since = self._sources.clock.now() - timedelta(hours=hours)
        try:
            async with self._sources.pool.transaction(COMPONENT, read_only=True) as tx:
                rows = await storage.since(tx, since, limit=limit)
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "the health history cannot be read",
                extra={"event": "health_history_unread", "request_id": request_id(), "error": str(error)},
            )
            return json_response(
                {"detail": UNAVAILABLE, "error": UNAVAILABLE, "code": "db_unavailable"}, status=503
            )
        return json_response({"history": rows, "period_hours": hours, "total_records": len(rows)})

    async def ready(self) -> Response:
        """Whether the service can work."""
        sources = self._sources
        look = await self._probe.look()
        checks = {
            "database": look.is_up,
            "schema": look.schema_current,
            "gateway": sources.gateway_ready(),
            "settings": sources.settings_loaded(),
        }
        is_ready = all(checks.values()) and not sources.stopping()
        return json_response({"ready": is_ready, "checks": checks}, 200 if is_ready else 503)

    def _uptime_seconds(self) -> int:
        passed = self._sources.clock.now() - self._sources.facts.started_at
        return max(0, int(passed.total_seconds()))


def blueprint(sources: Sources, probe: DatabaseProbe) -> Blueprint:
    """The routes."""
    routes = HealthRoutes(sources, probe)
    found = Blueprint("health", __name__)
    found.add_url_rule("/status", view_func=routes.status)
    found.add_url_rule("/api/health", view_func=routes.health)
    found.add_url_rule("/api/health/history", view_func=routes.history)
    found.add_url_rule("/api/ready", view_func=routes.ready)
    return found


def clamped(name: str, default: int, bounds: tuple[int, int]) -> int:
    """An integer of the query within its bounds; raises ApiError for anything else."""
    text = query_text(name)
    if text is None:
        return default
    value = whole_number(text)
    if value is None:
        raise invalid(name, f"{name} must be a whole number", "int_parsing")
    return min(max(value, bounds[0]), bounds[1])
