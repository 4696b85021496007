"""What happened to a guild and to the service lately (spec/api.md 7.7.7, spec/operations.md 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs

from alphapy.actors.kernel.address import Lane
from alphapy.actors.operational_events.messages import EVENTS, EventType, OperationalEvent, Recent
from alphapy.web.auth.caller import Access
from alphapy.web.routes.dashboard import ActorDesk
from alphapy.web.routing.fields import Clamped, Snow, SnowNumber, Text, UtcTime
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from alphapy.web.sources import Sources

TAG: Final = "Server"
_KNOWN: Final = frozenset(kind.value for kind in EventType)


@attrs.frozen(kw_only=True)
class LogsQuery:
    """``event_types``: only these, separated by commas; those that nobody knows are ignored."""

    guild_id: Snow
    limit: Annotated[int, Clamped(1, 100)] = 50
    event_types: Annotated[str, Text(0, 1000)] = ""


@attrs.frozen(kw_only=True)
class LogItem:
    """An event; ``guild_id`` is null for one of the whole service."""

    timestamp: UtcTime
    event_type: str
    guild_id: SnowNumber | None
    message: str
    details: dict[str, Any]


@attrs.frozen
class Logs:
    """Newest first."""

    logs: list[LogItem]


@attrs.frozen
class LogRoutes:
    """The handlers."""

    _desk: ActorDesk

    async def read(self, call: Call) -> Reply:
        """The newest events."""
        query: LogsQuery = call.query
        types = _types(query.event_types)
        if types is not None and not types:
            return Reply(body=Logs([]))
        recent = await self._desk.ask(
            EVENTS,
            Recent(guild_id=call.guild, limit=query.limit, types=types),
            lane=Lane.NORMAL,
            needs_database=False,
        )
        return Reply(body=Logs([_item(event) for event in recent.events]))


def _types(text: str) -> frozenset[str] | None:
    """The types that are asked for and known; None for all."""
    asked = {part.strip().upper() for part in text.split(",") if part.strip()}
    return frozenset(asked & _KNOWN) if asked else None


def _item(event: OperationalEvent) -> LogItem:
    return LogItem(
        timestamp=event.timestamp,
        event_type=event.event_type,
        guild_id=event.guild_id,
        message=event.message,
        details=dict(event.details),
    )


def routes(sources: Sources) -> tuple[Route, ...]:
    """The route."""
    return (
        Route(
            method="GET",
            path="/api/dashboard/logs",
            handler=LogRoutes(ActorDesk(sources.bus, sources.pool)).read,
            access=Access.GUILD,
            summary="What happened lately to a server and to the service",
            tag=TAG,
            query=LogsQuery,
            answer=Logs,
        ),
    )
