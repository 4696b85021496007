"""Which commands are used most (spec/api.md 7.7.1)."""

from __future__ import annotations

from typing import Annotated, Final

import attrs

from alphapy.actors.kernel.address import Lane
from alphapy.actors.status.messages import TRACKER, FlushTracker
from alphapy.storage import audit
from alphapy.web.auth.caller import Access
from alphapy.web.routes.dashboard import COMPONENT, Admins
from alphapy.web.routes.scope import scope_of
from alphapy.web.routing.fields import Clamped, Snow, SnowNumber
from alphapy.web.routing.route import Call, Reply, Route
from alphapy.web.sources import Sources

TAG: Final = "Statistics"

FLUSH_WITHIN: Final = 2.0
"""Seconds that are waited for what is not stored yet."""


@attrs.frozen(kw_only=True)
class TopQuery:
    """Of which server (the service's own where it has one, else of all), of how many days, and how many."""

    guild_id: Snow | None = None
    days: Annotated[int, Clamped(1, 365)] = 7
    limit: Annotated[int, Clamped(1, 100)] = 10


@attrs.frozen(kw_only=True)
class TopCommands:
    """How often each command was used, the most used first. ``total_commands`` counts all, not only these."""

    commands: dict[str, int]
    period_days: int
    guild_id: SnowNumber | None
    total_commands: int


@attrs.frozen
class TopRoutes:
    """The handlers."""

    _sources: Sources
    _admins: Admins

    async def read(self, call: Call) -> Reply:
        """The most used commands."""
        query: TopQuery = call.query
        guild_id = (await scope_of(call.caller, call.guild_id, self._sources, self._admins)).guild_id
        await self._sources.bus.ask(TRACKER, FlushTracker(), timeout=FLUSH_WITHIN, lane=Lane.NORMAL)
        async with self._sources.pool.transaction(COMPONENT, read_only=True) as tx:
            uses = await audit.top(tx, guild_id, days=query.days, limit=query.limit)
            total = await audit.total(tx, guild_id, days=query.days)
        return Reply(
            body=TopCommands(
                commands={use.command_name: use.uses for use in uses},
                period_days=query.days,
                guild_id=guild_id,
                total_commands=total,
            )
        )


def routes(sources: Sources, admins: Admins) -> tuple[Route, ...]:
    """The route."""
    return (
        Route(
            method="GET",
            path="/top-commands",
            handler=TopRoutes(sources, admins).read,
            access=Access.OPEN if sources.dashboard.public_stats else Access.BASE,
            summary="The most used commands",
            description=(
                "A caller with a token must be an admin of the server in question; without a server, a bot "
                "owner."
            ),
            tag=TAG,
            query=TopQuery,
            answer=TopCommands,
            errors=("not_linked", "not_guild_admin", "forbidden", "bot_unavailable", "db_unavailable"),
        ),
    )
