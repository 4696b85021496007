"""The metrics of each wing, made from its statistics. Pure but for the clock that statistics were read by."""

from __future__ import annotations

import platform
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from alphapy.gateway.shard import ShardState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from alphapy.actors.backfill.messages import BackfillStatistics
    from alphapy.actors.kernel.budget import BudgetStatistics
    from alphapy.actors.kernel.deadletters import DeadLetterStatistics
    from alphapy.actors.kernel.health import HistogramSnapshot
    from alphapy.actors.kernel.progress import ShardProgress
    from alphapy.actors.kernel.survey import Survey
    from alphapy.gateway.dispatcher import DispatcherStatistics
    from alphapy.gateway.rest.client import RestStatistics
    from alphapy.storage.pool import PoolStatistics
    from alphapy.web.sources import RouterCounts, Shards, Sources

_KIND_COUNTERS: Final = (
    ("started", "Actors started."),
    ("ended", "Actors ended, passivated ones included."),
    ("processed", "Messages handled without an error."),
    ("failed", "Calls of actors that ended with an error."),
    ("refused", "Messages that found a mailbox full or closed."),
    ("restarts", "Restarts of actors."),
    ("parked", "Messages parked as dead letters."),
    ("postponed", "Waits for an outage to end."),
    ("expired", "Asks dropped since nobody waited for them any more."),
    ("late_replies", "Replies to askers who had left."),
)


def service_families(sources: Sources) -> Iterator[Metric]:
    """What the service is, and whether it works."""
    facts = sources.facts
    labels = {"version": facts.version, "codename": facts.codename, "python": platform.python_version()}
    info = GaugeMetricFamily("alphapy_build_info", "What is running; always 1.", labels=list(labels))
    info.add_metric(list(labels.values()), 1)
    yield info
    yield _gauge(
        "alphapy_start_time_seconds", "When the service was built, Unix time.", facts.started_at.timestamp()
    )
    yield _gauge("alphapy_settings_loaded", "Whether the settings are loaded.", sources.settings_loaded())
    yield _gauge("alphapy_gateway_ready", "Whether the gateway is ready.", sources.gateway_ready())
    yield _gauge("alphapy_stopping", "Whether the service is stopping.", sources.stopping())
    yield _gauge("alphapy_guilds", "Guilds that the bot is in.", sources.guild_count())


def actor_families(
    survey: Survey, letters: DeadLetterStatistics, budget: BudgetStatistics
) -> Iterator[Metric]:
    """Actors by pattern, their mailboxes, the dead letters, the budget of queued events."""
    kinds = {kind.pattern: kind for kind in survey.kinds}
    for name, text, values in (
        ("alphapy_actors", "Actors running.", {p: k.running for p, k in kinds.items()}),
        (
            "alphapy_actors_failed",
            "Actors in the state failed.",
            {p: k.failed_actors for p, k in kinds.items()},
        ),
        ("alphapy_mailbox_messages", "Messages that wait.", {p: k.depth for p, k in kinds.items()}),
        (
            "alphapy_mailbox_oldest_seconds",
            "Age of the oldest message that waits.",
            {p: k.oldest_seconds for p, k in kinds.items()},
        ),
    ):
        yield _gauges(name, text, "pattern", values)
    for field, text in _KIND_COUNTERS:
        values = {pattern: getattr(kind, field) for pattern, kind in kinds.items()}
        yield _counters(f"alphapy_actor_{field}", text, "pattern", values)
    handling = HistogramMetricFamily(
        "alphapy_actor_handling_seconds", "Durations of handling a message or a batch.", labels=["pattern"]
    )
    for pattern, kind in kinds.items():
        handling.add_metric([pattern], buckets(kind.handling), kind.handling.sum)
    yield handling
    yield _gauge("alphapy_dead_letters_waiting", "Dead letters that wait to be stored.", letters.waiting)
    yield _counter("alphapy_dead_letters_parked", "Dead letters stored.", letters.parked)
    yield _counter("alphapy_dead_letter_failures", "Failures to store a dead letter.", letters.failures)
    yield _counter("alphapy_dead_letters_lost", "Dead letters given up.", letters.lost)
    yield _gauge("alphapy_event_budget_limit", "Gateway events that may be queued.", budget.limit)
    yield _gauge("alphapy_event_budget_used", "Gateway events that are queued.", budget.used)
    yield _gauge("alphapy_event_budget_peak", "Most gateway events that were queued.", budget.peak)
    yield _gauge("alphapy_event_budget_waiting", "Shards that wait for room.", budget.waiting)
    yield _counter("alphapy_event_budget_waits", "Waits of shards for room.", budget.waits)


def letter_families(stored: int | None, dropped: int) -> Iterator[Metric]:
    """The dead letters in the database: what an operator should look at."""
    if stored is not None:
        yield _gauge("alphapy_dead_letters_stored", "Dead letters for an operator to decide upon.", stored)
    yield _counter("alphapy_dead_letters_dropped", "Dead letters that made room for newer ones.", dropped)


def gateway_families(shards: Shards, router: RouterCounts) -> Iterator[Metric]:
    """Shards, session starts, events."""
    state = GaugeMetricFamily("alphapy_shard_state", "1 for the state it is in.", labels=["shard", "state"])
    latency = GaugeMetricFamily(
        "alphapy_shard_heartbeat_latency_seconds", "The last heartbeat's round trip.", labels=["shard"]
    )
    quantiles = GaugeMetricFamily(
        "alphapy_shard_heartbeat_latency_quantile_seconds",
        "Quantiles of the last hour's round trips.",
        labels=["shard", "quantile"],
    )
    malformed = CounterMetricFamily(
        "alphapy_shard_malformed", "Payloads that were skipped.", labels=["shard", "kind"]
    )
    found = shards.statistics()
    for shard in found:
        name = str(shard.shard_id)
        for possible in ShardState:
            state.add_metric([name, possible.value], float(shard.state is possible))
        if shard.latency.last is not None:
            latency.add_metric([name], shard.latency.last)
        for quantile, value in (("0.5", shard.latency.p50), ("0.95", shard.latency.p95)):
            if value is not None:
                quantiles.add_metric([name, quantile], value)
        for kind, count in shard.malformed.items():
            malformed.add_metric([name, kind], count)
    yield from (state, latency, quantiles, malformed)
    for field, text in (
        ("received", "Dispatches handed on."),
        ("duplicates", "Dispatches dropped as duplicates."),
        ("reconnects", "Reconnections."),
    ):
        values = {str(shard.shard_id): getattr(shard, field) for shard in found}
        yield _counters(f"alphapy_shard_{field}", text, "shard", values)
    starts = shards.session_starts()
    if starts.remaining is not None:
        yield _gauge("alphapy_session_starts_remaining", "Sessions that may be started.", starts.remaining)
    yield _gauge("alphapy_identify_waiting", "Shards that wait to identify.", starts.waiting)
    yield _counter("alphapy_identified", "Sessions started.", starts.identified)
    yield _counters("alphapy_router_events", "Events routed.", "event", router.routed)
    yield _counters(
        "alphapy_router_malformed_events", "Events that make no sense.", "event", router.malformed
    )
    yield _counter("alphapy_router_undelivered", "Events that an actor did not take.", router.undelivered)
    yield _counters(
        "alphapy_router_misjudged",
        "Events that a feature's own test failed on.",
        "feature",
        router.misjudged,
    )


def log_families(shards: Sequence[ShardProgress]) -> Iterator[Metric]:
    """How far behind the newest event everything is durable: what a restart would read again."""
    yield _gauges(
        "alphapy_log_behind",
        "Events since the mark, from which a restart resumes.",
        "shard",
        {str(shard.shard_id): float(shard.top - shard.mark) for shard in shards},
    )
    yield _gauges(
        "alphapy_log_open",
        "Events that somebody has not dealt with for good.",
        "shard",
        {str(shard.shard_id): float(shard.open) for shard in shards},
    )


def backfill_families(backfill: BackfillStatistics) -> Iterator[Metric]:
    """What was missed between two gateway sessions, and is read back."""
    phases = {
        phase: float(getattr(backfill, phase)) for phase in ("awaited", "waiting", "reading", "telling")
    }
    yield _gauges(
        "alphapy_backfill_guilds", "Guilds that do not have everything they missed.", "phase", phases
    )
    yield _gauge("alphapy_backfill_held", "Events that wait behind what was missed.", backfill.held)
    yield _counter("alphapy_backfill_opened", "Gaps of guilds between two sessions.", backfill.opened)
    yield _counter("alphapy_backfill_closed", "Gaps that were closed.", backfill.closed)
    yield _counter(
        "alphapy_backfill_unchanged", "Gaps of guilds in which nothing was written.", backfill.unchanged
    )
    yield _counter("alphapy_backfill_pages", "Pages of channels' history that were read.", backfill.pages)
    yield _counter("alphapy_backfill_messages", "Messages that were read back and told.", backfill.messages)
    yield _counter("alphapy_backfill_overdue", "Guilds that went live before all was read.", backfill.overdue)
    channels = {
        "forbidden": float(backfill.forbidden),
        "failed": float(backfill.failed),
        "cut": float(backfill.cut),
    }
    yield _counters(
        "alphapy_backfill_incomplete_channels", "Channels that were not read to the end.", "reason", channels
    )


def rest_families(rest: RestStatistics) -> Iterator[Metric]:
    """Calls to Discord."""
    for field, text in (
        ("calls", "Calls begun."),
        ("requests", "Requests sent."),
        ("repeats", "Requests repeated."),
        ("refused", "Calls refused by the limiter."),
        ("timed_out", "Calls without an answer in time."),
        ("transport_failures", "Requests that the network failed."),
        ("waits", "Calls that waited for their turn."),
        ("waited_seconds", "Time spent waiting for a turn."),
    ):
        yield _counter(f"alphapy_rest_{field}", text, getattr(rest, field))
    yield _counters("alphapy_rest_answers", "Answers by class of status.", "class", rest.answers)
    yield _counters("alphapy_rest_rate_limited", "Answers 429 by scope.", "scope", rest.rate_limited)
    limiter = rest.limiter
    waiting = {priority.name.lower(): count for priority, count in limiter.waiting.items()}
    yield _gauges("alphapy_rest_waiting", "Calls that wait for their turn.", "priority", waiting)
    yield _gauge("alphapy_rest_in_flight", "Requests on their way.", limiter.in_flight)
    yield _gauge("alphapy_rest_lanes", "Buckets that are kept in mind.", limiter.lanes)
    yield _gauge(
        "alphapy_rest_invalid_requests", "Answers 401, 403 and 429 in the last ten minutes.", limiter.invalid
    )
    yield _gauge(
        "alphapy_rest_global_block_seconds",
        "How long the global limit still blocks.",
        limiter.globally_blocked_for,
    )


def interaction_families(dispatcher: DispatcherStatistics) -> Iterator[Metric]:
    """Interactions."""
    yield _gauge("alphapy_interactions_running", "Interactions being answered.", dispatcher.running)
    for field, text in (
        ("received", "Interactions received."),
        ("duplicates", "Interactions that came a second time."),
        ("busy", "Interactions told that too much is going on."),
        ("dropped", "Interactions not even told."),
        ("refused", "Interactions refused."),
        ("crashed", "Interactions whose handler crashed."),
        ("lost", "Interactions of which Discord took no answer any more."),
    ):
        yield _counter(f"alphapy_interactions_{field}", text, getattr(dispatcher, field))


def pool_families(pool: PoolStatistics) -> Iterator[Metric]:
    """Connections to the database."""
    connections = {"idle": pool.idle, "in_use": pool.in_use, "connecting": pool.connecting}
    yield _gauges("alphapy_pool_connections", "Connections by state.", "state", connections)
    yield _gauge("alphapy_pool_max_connections", "Connections at the most.", pool.max_size)
    yield _gauge("alphapy_pool_waiting", "Who waits for a connection.", pool.waiting)
    yield _gauge("alphapy_pool_available", "Whether the database can be reached.", pool.available)
    in_use = {component.component: component.in_use for component in pool.components}
    waiting = {component.component: component.waiting for component in pool.components}
    yield _gauges("alphapy_pool_component_in_use", "Connections in use.", "component", in_use)
    yield _gauges("alphapy_pool_component_waiting", "Who waits for their share.", "component", waiting)
    for field, text in (
        ("opened", "Connections opened."),
        ("discarded", "Connections discarded."),
        ("acquired", "Connections handed out."),
        ("busy", "Callers told that the database is busy."),
        ("unavailable", "Callers told that the database is away."),
        ("committed", "Transactions committed."),
        ("rolled_back", "Transactions rolled back."),
        ("retried", "Transactions repeated."),
    ):
        yield _counter(f"alphapy_pool_{field}", text, getattr(pool, field))


def buckets(handling: HistogramSnapshot) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    bounds = [*(str(bound) for bound in handling.bounds), "+Inf"]
    return list(zip(bounds, accumulate(map(float, handling.counts)), strict=True))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=float(value))


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    return _labelled(GaugeMetricFamily(name, text, labels=[label]), values.items())


def _counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    return _labelled(CounterMetricFamily(name, text, labels=[label]), values.items())


def _labelled(family: GaugeMetricFamily | CounterMetricFamily, values: Iterable[tuple[str, float]]) -> Metric:
    for label, value in values:
        family.add_metric([label], float(value))
    return family
