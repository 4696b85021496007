"""Every declared route, by area. A new area adds its line here and is served, described and tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.web import docs, health, letters, metrics, observability, tree
from alphapy.web.routes import (
    automod,
    custom_commands,
    discord_meta,
    engagement,
    logs,
    settings,
    top_commands,
    webhooks,
)
from alphapy.web.routes import metrics as dashboard_metrics

if TYPE_CHECKING:
    from alphapy.pure.http_limits import SlidingWindows
    from alphapy.web.auth.authenticator import Authenticator
    from alphapy.web.census import Census
    from alphapy.web.probe import DatabaseProbe
    from alphapy.web.routing.front import Counters
    from alphapy.web.routing.route import Route
    from alphapy.web.sources import Sources


def declared_routes(
    sources: Sources,
    census: Census,
    probe: DatabaseProbe,
    counters: Counters,
    doorkeeper: Authenticator,
    windows: SlidingWindows,
) -> tuple[Route, ...]:
    """The routes of this service."""
    found: list[Route] = [
        *health.routes(sources, probe),
        *observability.routes(counters),
        *letters.routes(sources),
        *tree.routes(sources, census),
        *metrics.routes(sources, census, probe),
        *settings.routes(sources),
        *automod.routes(sources),
        *custom_commands.routes(sources),
        *engagement.routes(sources),
        *discord_meta.routes(sources),
        *logs.routes(sources),
        *top_commands.routes(sources, doorkeeper),
        *dashboard_metrics.routes(sources, doorkeeper, windows.__len__),
        *webhooks.routes(sources, doorkeeper.identity),
    ]
    found += docs.routes(sources.facts, lambda: found)
    return tuple(found)
