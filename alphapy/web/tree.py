"""``/api/actors``: the tree of actors, page by page, and single actors; for operators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from quart import Blueprint, Response

from alphapy.actors.kernel.address import Address, InvalidAddress
from alphapy.web.auth.operators import admit
from alphapy.web.encoding import json_response, query_text
from alphapy.web.errors import not_found
from alphapy.web.health import clamped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.kernel.health import ActorHealth, HistogramSnapshot, KindStatistics
    from alphapy.web.auth.operators import OperatorDoor
    from alphapy.web.census import Census
    from alphapy.web.sources import Sources

PAGE: Final = 200
PAGES: Final = (1, 1000)
QUANTILES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


class TreeRoutes:
    """The handlers."""

    def __init__(self, sources: Sources, census: Census) -> None:
        self._actors = sources.actors
        self._census = census

    async def page(self) -> Response:
        """Totals by pattern, and one page of the tree.

        ``limit`` (1 to 1000, default 200), ``after`` (the last address of the page before) and ``under``
        (what addresses begin with, such as ``guild/123/``).
        """
        limit = clamped("limit", PAGE, PAGES)
        found = self._actors.page(
            limit=limit + 1, after=query_text("after") or "", under=query_text("under") or ""
        )
        shown = found[:limit]
        survey = await self._census.survey()
        return json_response(
            {
                "total": survey.running,
                "kinds": [kind_json(kind) for kind in survey.kinds],
                "tree": tree_json(shown),
                "returned": len(shown),
                "next": shown[-1].address.path if len(found) > limit else None,
            }
        )

    async def one(self, address: str) -> Response:
        """One actor, with the whole histogram of its handling times."""
        try:
            health = self._actors.find(Address(address))
        except InvalidAddress as error:
            raise not_found("An address is guild/<id>/<feature> or process/<name>.") from error
        if health is None:
            raise not_found(
                "There is no such actor now: one starts on its first message and rests when idle."
            )
        handling = health.handling
        buckets: list[dict[str, Any]] = [
            {"le_seconds": bound, "count": count}
            for bound, count in zip((*handling.bounds, None), handling.counts, strict=True)
        ]
        return json_response(actor_json(health) | {"handling": times_json(handling) | {"buckets": buckets}})


def blueprint(sources: Sources, census: Census, door: OperatorDoor) -> Blueprint:
    """The routes."""
    routes = TreeRoutes(sources, census)
    found = Blueprint("tree", __name__)

    async def operators_only() -> None:
        admit(door)

    found.before_request(operators_only)
    found.add_url_rule("/api/actors", view_func=routes.page)
    found.add_url_rule("/api/actors/<path:address>", view_func=routes.one)
    return found


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


def actor_json(health: ActorHealth) -> dict[str, Any]:
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


def kind_json(kind: KindStatistics) -> dict[str, Any]:
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


def times_json(handling: HistogramSnapshot) -> dict[str, Any]:
    """Handling times: how many, their sum, and upper bounds of quantiles (null above the last bucket)."""
    times: dict[str, Any] = {"count": handling.count, "sum_seconds": round(handling.sum, 6)}
    for name, share in QUANTILES:
        bound = handling.quantile(share)
        times[f"{name}_seconds"] = bound if handling.count and math.isfinite(bound) else None
    return times
