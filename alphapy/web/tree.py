"""``/api/actors``: the tree of actors, page by page, and single actors; for operators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
from typing_extensions import TypedDict

from alphapy.actors.kernel.address import Address, InvalidAddress
from alphapy.web.auth.caller import Access
from alphapy.web.errors import not_found
from alphapy.web.routing.fields import Clamped
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.kernel.health import ActorHealth, HistogramSnapshot, KindStatistics
    from alphapy.web.census import Census
    from alphapy.web.sources import Sources

PAGE: Final = 200
QUANTILES: Final = (("p50_seconds", 0.5), ("p95_seconds", 0.95), ("p99_seconds", 0.99))
TAG: Final = "Operators"


class TimesJson(TypedDict):
    """How long handling a message took. Quantiles are upper bounds, null above the last bucket."""

    count: int
    sum_seconds: float
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None


class BucketJson(TypedDict):
    """How many took at most so long; null: longer than all."""

    le_seconds: float | None
    count: int


class HistogramJson(TimesJson):
    """The times with their whole distribution."""

    buckets: list[BucketJson]


class MailboxJson(TypedDict):
    """What waits for an actor."""

    urgent: int
    normal: int
    events: int
    oldest_seconds: float


class _CountsJson(TypedDict):
    processed: int
    failed: int
    refused: int
    restarts: int
    parked: int
    postponed: int
    expired: int
    late_replies: int


class ActorJson(_CountsJson):
    """One actor; times in seconds."""

    address: str
    state: str
    mailbox: MailboxJson
    busy_seconds: float
    outage_seconds: float
    children: int
    last_error: str | None
    handling: TimesJson


class ActorInFullJson(ActorJson):
    """One actor, with the whole histogram of its handling times."""

    handling: HistogramJson  # type: ignore[misc] # it has more than the base's


class KindJson(_CountsJson):
    """The actors of one pattern, summed."""

    pattern: str
    running: int
    failed_actors: int
    depth: int
    oldest_seconds: float
    started: int
    ended: int
    handling: TimesJson


class PageJson(TypedDict):
    """Totals by pattern, and one page of the tree. ``next`` is the ``after`` of the next page."""

    total: int
    kinds: list[KindJson]
    tree: dict[str, Any]
    returned: int
    next: str | None


@attrs.frozen(kw_only=True)
class PageQuery:
    """Which part of the tree: behind ``after``, below ``under`` (such as ``guild/123/``)."""

    limit: Annotated[int, Clamped(1, 1000)] = PAGE
    after: str = ""
    under: str = ""


class TreeRoutes:
    """The handlers."""

    def __init__(self, sources: Sources, census: Census) -> None:
        self._actors = sources.actors
        self._census = census

    async def page(self, call: Call) -> Reply:
        """Totals by pattern, and one page of the tree."""
        query: PageQuery = call.query
        found = self._actors.page(limit=query.limit + 1, after=query.after, under=query.under)
        shown = found[: query.limit]
        survey = await self._census.survey()
        page: PageJson = {
            "total": survey.running,
            "kinds": [kind_json(kind) for kind in survey.kinds],
            "tree": tree_json(shown),
            "returned": len(shown),
            "next": shown[-1].address.path if len(found) > query.limit else None,
        }
        return Reply(body=page)

    async def one(self, call: Call) -> Reply:
        """One actor, with the whole histogram of its handling times."""
        try:
            health = self._actors.find(Address(call.params["address"]))
        except InvalidAddress as error:
            raise not_found("An address is guild/<id>/<feature> or process/<name>.") from error
        if health is None:
            raise not_found(
                "There is no such actor now: one starts on its first message and rests when idle."
            )
        handling = health.handling
        buckets: list[BucketJson] = [
            {"le_seconds": bound, "count": count}
            for bound, count in zip((*handling.bounds, None), handling.counts, strict=True)
        ]
        return Reply(
            body=actor_json(health) | {"handling": times_json(handling) | {"buckets": buckets}},
        )


def routes(sources: Sources, census: Census) -> tuple[Route, ...]:
    """The routes."""
    handlers = TreeRoutes(sources, census)
    return (
        Route(
            method="GET",
            path="/api/actors",
            handler=handlers.page,
            access=Access.OPERATOR,
            tag=TAG,
            summary="The tree of actors, page by page",
            description=(
                "`limit` is moved to the nearest value that is accepted. `after` is the last address of the "
                "page before, `under` what addresses begin with, such as `guild/123/`. `tree` is nested by "
                "the segments of the addresses."
            ),
            query=PageQuery,
            answer=PageJson,
        ),
        Route(
            method="GET",
            path="/api/actors/{address:path}",
            handler=handlers.one,
            access=Access.OPERATOR,
            tag=TAG,
            summary="One actor",
            answer=ActorInFullJson,
            errors=("not_found",),
        ),
    )


def tree_json(actors: Iterable[ActorHealth]) -> dict[str, Any]:
    """Nested by the segments of the addresses: ``{"guild": {id: {feature: actor}}, "process": {...}}``."""
    tree: dict[str, Any] = {}
    for health in actors:
        *branches, leaf = health.address.path.split("/")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = actor_json(health)
    return tree


def actor_json(health: ActorHealth) -> ActorJson:
    """One actor; times in seconds."""
    return {
        "address": health.address.path,
        "state": health.state.value,
        "mailbox": {
            "urgent": health.urgent_depth,
            "normal": health.normal_depth,
            "events": health.events,
            "oldest_seconds": round(health.oldest_seconds, 3),
        },
        "busy_seconds": round(health.busy_seconds, 3),
        "outage_seconds": round(health.outage_seconds, 3),
        "children": health.children,
        "processed": health.processed,
        "failed": health.failed,
        "refused": health.refused,
        "restarts": health.restarts,
        "parked": health.parked,
        "postponed": health.postponed,
        "expired": health.expired,
        "late_replies": health.late_replies,
        "last_error": health.last_error,
        "handling": times_json(health.handling),
    }


def kind_json(kind: KindStatistics) -> KindJson:
    """The actors of one pattern, summed."""
    return {
        "pattern": kind.pattern,
        "running": kind.running,
        "failed_actors": kind.failed_actors,
        "depth": kind.depth,
        "oldest_seconds": round(kind.oldest_seconds, 3),
        "started": kind.started,
        "ended": kind.ended,
        "processed": kind.processed,
        "failed": kind.failed,
        "refused": kind.refused,
        "restarts": kind.restarts,
        "parked": kind.parked,
        "postponed": kind.postponed,
        "expired": kind.expired,
        "late_replies": kind.late_replies,
        "handling": times_json(kind.handling),
    }


def times_json(handling: HistogramSnapshot) -> TimesJson:
    """Handling times: how many, their sum, and upper bounds of quantiles (null above the last bucket)."""
    bounds = {name: handling.quantile(share) for name, share in QUANTILES}
    known = {
        name: bound if handling.count and math.isfinite(bound) else None for name, bound in bounds.items()
    }
    return {
        "count": handling.count,
        "sum_seconds": round(handling.sum, 6),
        "p50_seconds": known["p50_seconds"],
        "p95_seconds": known["p95_seconds"],
        "p99_seconds": known["p99_seconds"],
    }
