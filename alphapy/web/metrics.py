"""``/metrics``: the statistics of every wing for Prometheus, read when it scrapes; for operators.

Names begin with ``alphapy_`` and end in their unit; ``process_*`` are the usual ones of every process. No
label has as many values as there are guilds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.registry import Collector
from typing_extensions import override

from alphapy.web.auth.caller import Access
from alphapy.web.metric_families import (
    actor_families,
    backfill_families,
    gateway_families,
    interaction_families,
    letter_families,
    log_families,
    pool_families,
    rest_families,
    service_families,
)
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from alphapy.actors.kernel.survey import Survey
    from alphapy.web.census import Census
    from alphapy.web.probe import DatabaseProbe
    from alphapy.web.sources import Sources

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Scrape(Collector):
    """Everything at one moment."""

    def __init__(self, sources: Sources, survey: Survey, letters: int | None) -> None:
        self._sources = sources
        self._survey = survey
        self._letters = letters

    @override
    def collect(self) -> Iterable[Metric]:
        sources = self._sources
        yield from service_families(sources)
        yield from actor_families(self._survey, sources.actors.dead_letters(), sources.budget())
        yield from letter_families(self._letters, sources.letters.dropped)
        yield from gateway_families(sources.shards, sources.router())
        yield from log_families(sources.progress())
        yield from backfill_families(sources.backfill())
        yield from rest_families(sources.rest())
        yield from interaction_families(sources.dispatcher())
        yield from pool_families(sources.pool.statistics())


def routes(sources: Sources, census: Census, probe: DatabaseProbe) -> tuple[Route, ...]:
    """The route."""

    async def metrics(_: Call) -> Reply:
        letters = await probe.dead_letters()
        return Reply(body=exposition(sources, await census.survey(), letters))

    return (
        Route(
            method="GET",
            path="/metrics",
            handler=metrics,
            access=Access.OPERATOR,
            tag="Operators",
            summary="The statistics of every wing, for Prometheus",
            media=CONTENT_TYPE,
        ),
    )


def exposition(sources: Sources, survey: Survey, letters: int | None) -> bytes:
    """The text that Prometheus reads. ``letters`` are the stored dead letters, None where nobody knows."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Scrape(sources, survey, letters))
    ProcessCollector(registry=registry)
    return generate_latest(registry)
