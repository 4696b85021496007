"""``/api/observability``: how requests went since the start (spec/api.md 7.6); for whoever has the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.web.auth.caller import Access
from alphapy.web.routing.fields import Num2, Num4
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from alphapy.pure.traffic import TrafficStatistics
    from alphapy.web.routing.front import Counters


@attrs.frozen
class Latency:
    """Percentiles over the last 2000 requests, in milliseconds."""

    p50: Num2
    p95: Num2
    p99: Num2


@attrs.frozen
class TrafficAnswer:
    """Requests of one kind. An answer below 500 is a success."""

    requests: int
    success_rate: Num4
    latency_ms: Latency

    @classmethod
    def of(cls, found: TrafficStatistics) -> TrafficAnswer:
        """What was counted."""
        return cls(found.requests, found.success_rate, Latency(found.p50, found.p95, found.p99))


@attrs.frozen(kw_only=True)
class HermitContext:
    """How often the extension's context was asked for; zero in a service without it."""

    hermit_context_attempts: int = 0
    hermit_context_success: int = 0
    hermit_context_failure: int = 0
    hermit_context_cache_hits: int = 0
    hermit_context_cache_misses: int = 0
    hermit_context_stale_hits: int = 0
    hermit_prompt_applied: int = 0
    hermit_prompt_omitted: int = 0


@attrs.frozen
class Observability:
    """Webhooks are what is below ``/webhooks/``; all else is the API."""

    api: TrafficAnswer
    webhooks: TrafficAnswer
    hermit_context: HermitContext


def routes(counters: Counters) -> tuple[Route, ...]:
    """The route."""

    async def observability(_: Call) -> Reply:
        return Reply(
            body=Observability(
                api=TrafficAnswer.of(counters.api.statistics()),
                webhooks=TrafficAnswer.of(counters.hooks.statistics()),
                hermit_context=HermitContext(),
            )
        )

    return (
        Route(
            method="GET",
            path="/api/observability",
            handler=observability,
            access=Access.KEY,
            tag="Operators",
            summary="Counts and latencies of requests",
            description="Counted since the start of the process; requests that were refused count, too.",
            answer=Observability,
        ),
    )
