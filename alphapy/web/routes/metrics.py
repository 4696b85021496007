"""The dashboard's metrics (spec/api.md 7.7.2): one answer out of many parts, with no side effects.

When it fails: a part that cannot be read, or not in time, is empty; the answer comes all the same.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
import psycopg
import trio

from alphapy.actors.automod.messages import CLOCK, CountRules, RuleFigures
from alphapy.actors.command_sync.messages import COMMAND_SYNC, CountRecords
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.status.messages import TRACKER, CountQueued
from alphapy.storage import audit, overview
from alphapy.storage.errors import StorageError
from alphapy.web.auth.caller import Access
from alphapy.web.auth.memory import Memory
from alphapy.web.errors import request_id
from alphapy.web.routes.dashboard import COMPONENT, Admins
from alphapy.web.routes.metrics_answer import (
    BotFigures,
    CacheFigures,
    CommandEntry,
    CommandUse,
    DashboardMetrics,
    GptFigures,
    GuildItem,
    IdentityFigures,
    Infrastructure,
    OverrideItem,
    PremiumFigures,
    ReminderFigures,
    TicketFigures,
    TicketItem,
    UpcomingItem,
    UsageFigures,
)
from alphapy.web.routes.scope import Scope, scope_of
from alphapy.web.routing.fields import Snow
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from alphapy.actors.kernel.address import Address, Request
    from alphapy.gateway.guilds import CachedGuild
    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction
    from alphapy.web.sources import Sources

T = TypeVar("T")

log = logging.getLogger("alphapy.web")

TAG: Final = "Statistics"
PATHS: Final = ("/api/dashboard/metrics", "/api/metrics")

PART_WITHIN: Final = 1.5
"""Seconds that one part may take, so that all of them fit the handler's deadline."""

COUNT_WITHIN: Final = 0.5
"""Seconds that an actor may take to count."""

USAGE_GOOD_FOR: Final = 30.0
"""Seconds for which the counts of commands are used again."""

USAGE_KEYS: Final = 50
USAGE_DAYS: Final = 7
TOP: Final = 10
MOST_COMMANDS: Final = 50


@attrs.frozen(kw_only=True)
class MetricsQuery:
    """Of which server; the service's own where it has one, else of all."""

    guild_id: Snow | None = None


class MetricsRoutes:
    """The handlers."""

    def __init__(self, sources: Sources, admins: Admins, limited_clients: Callable[[], int]) -> None:
        self._sources = sources
        self._admins = admins
        self._limited_clients = limited_clients
        self._usage: Memory[int, UsageFigures] = Memory(USAGE_KEYS)

    async def read(self, call: Call) -> Reply:
        """Every part."""
        scope = await scope_of(call.caller, call.guild_id, self._sources, self._admins)
        guild_id = scope.guild_id
        reminders = await self._part("reminders", lambda tx: self._reminders(tx, guild_id))
        tickets = await self._part("tickets", lambda tx: _tickets(tx, guild_id))
        overrides = await self._part("settings_overrides", lambda tx: _overrides(tx, guild_id))
        usage = await self._command_usage(guild_id)
        pool = self._sources.pool.statistics()
        return Reply(
            body=DashboardMetrics(
                bot=self._bot(self._guilds(scope)),
                gpt=GptFigures(),
                reminders=reminders or ReminderFigures(),
                tickets=tickets or TicketFigures(),
                settings_overrides=overrides or [],
                infrastructure=Infrastructure(
                    database_up=pool.available, pool_size=pool.size, checked_at=self._sources.clock.now()
                ),
                command_usage=usage,
                cache_metrics=await self._caches(),
                premium_metrics=PremiumFigures(),
                identity_metrics=self._identity(),
            )
        )

    async def _part(self, name: str, read: Callable[[Transaction], Awaitable[T]]) -> T | None:
        """A part out of the database; None where it cannot be read."""
        with trio.move_on_after(PART_WITHIN):
            try:
                async with self._sources.pool.transaction(COMPONENT, read_only=True) as tx:
                    return await read(tx)
            except (StorageError, psycopg.Error) as error:
                log.warning(
                    "a part of the metrics cannot be read",
                    extra={
                        "event": "metrics_part_unread",
                        "part": name,
                        "request_id": request_id(),
                        "error": str(error),
                    },
                )
                return None
        log.warning(
            "a part of the metrics takes too long",
            extra={"event": "metrics_part_slow", "part": name, "request_id": request_id()},
        )
        return None

    def _guilds(self, scope: Scope) -> list[CachedGuild]:
        """The guilds that the caller may know of.

        The service and bot owners: all. Others: the one that they were found to administer, and those that
        they own. What they administer by a role besides would take a question to Discord for each guild.
        """
        everything = list(self._sources.dashboard.guilds)
        user_id = scope.caller.discord_id
        if scope.caller.service or user_id is None or self._sources.is_owner(user_id):
            return everything
        return [guild for guild in everything if scope.guild_id == guild.id or guild.owner_id == user_id]

    def _bot(self, guilds: list[CachedGuild]) -> BotFigures:
        sources = self._sources
        facts = sources.facts
        if not sources.shards.ready:
            return BotFigures(online=False, version=facts.version, codename=facts.codename)
        latency = sources.shards.latency()
        uptime = max(0, int((sources.clock.now() - facts.started_at).total_seconds()))
        commands = sorted(sources.dashboard.commands(), key=lambda command: command.path)
        return BotFigures(
            online=True,
            version=facts.version,
            codename=facts.codename,
            latency_ms=None if latency is None else latency * 1000,
            uptime_seconds=uptime,
            uptime_human=span(uptime),
            commands_loaded=len(commands),
            guilds=[
                GuildItem(
                    id=guild.id,
                    name=guild.name,
                    member_count=guild.member_count,
                    owner_id=guild.owner_id,
                )
                for guild in sorted(guilds, key=lambda guild: guild.id)
            ],
            commands=[
                CommandEntry(qualified_name=command.path, description=command.description)
                for command in commands[:MOST_COMMANDS]
            ],
        )

    async def _reminders(self, tx: Transaction, guild_id: GuildId | None) -> ReminderFigures:
        found = await overview.reminders(tx, guild_id, now=self._sources.clock.now())
        return ReminderFigures(
            total=found.recurring + found.one_off,
            recurring=found.recurring,
            one_off=found.one_off,
            next_event_time=found.upcoming[0].event_time if found.upcoming else None,
            per_channel={str(channel_id): count for channel_id, count in found.per_channel.items()},
            upcoming=[
                UpcomingItem(
                    id=reminder.id,
                    name=reminder.name,
                    channel_id=reminder.channel_id,
                    scheduled_time=reminder.event_time,
                )
                for reminder in found.upcoming
            ],
        )

    async def _command_usage(self, guild_id: GuildId | None) -> UsageFigures | None:
        key = guild_id or 0
        now = trio.current_time()
        known = self._usage.get(key, now)
        if known is None:
            known = await self._part("command_usage", lambda tx: _command_usage(tx, guild_id))
            if known is not None:
                self._usage.put(key, known, now + USAGE_GOOD_FOR)
        return known

    async def _caches(self) -> CacheFigures:
        rules = await self._count(CLOCK, CountRules()) or RuleFigures(guilds=0, hits=0, misses=0)
        return CacheFigures(
            command_tracker_queue_size=await self._count(TRACKER, CountQueued()) or 0,
            command_stats_cache_size=len(self._usage),
            ip_rate_limits_size=self._limited_clients(),
            sync_cooldowns_size=await self._count(COMMAND_SYNC, CountRecords()) or 0,
            automod_rules_cache_size=rules.guilds,
            automod_rules_list_cache_size=rules.guilds,
            automod_rules_cache_hits=rules.hits,
            automod_rules_cache_misses=rules.misses,
        )

    async def _count(self, address: Address, request: Request[T]) -> T | None:
        """What an actor has counted; None while it does not answer."""
        answer = await self._sources.bus.ask(address, request, timeout=COUNT_WITHIN)
        return answer.value if isinstance(answer, Answered) else None

    def _identity(self) -> IdentityFigures:
        counts = self._admins.identity
        return IdentityFigures(
            identity_resolve_total=counts.total,
            identity_resolve_hit_links=counts.linked,
            identity_resolve_miss=counts.unlinked,
            identity_resolve_db_error=counts.unread,
            identity_jwt_unlinked_403=counts.unlinked,
            identity_link_webhook_ok=counts.deliveries,
            identity_link_webhook_conflict=counts.conflicts,
            identity_link_webhook_503=counts.undelivered,
        )


async def _tickets(tx: Transaction, guild_id: GuildId | None) -> TicketFigures:
    found = await overview.tickets(tx, guild_id)
    average = found.average_close_seconds
    closed = sum(found.per_status.get(status, 0) for status in ("closed", "archived"))
    total = sum(found.per_status.values())
    return TicketFigures(
        total=total,
        per_status=dict(found.per_status),
        open_count=total - closed,
        last_ticket_created_at=found.last_created_at,
        average_close_seconds=None if average is None else round(average),
        average_close_human=None if average is None else span(round(average)),
        open_items=[
            TicketItem(
                id=ticket.id,
                username=ticket.username,
                status=ticket.status,
                channel_id=ticket.channel_id,
                created_at=ticket.created_at,
            )
            for ticket in found.open_items
        ],
        open_ticket_ids=list(found.open_ids),
    )


async def _overrides(tx: Transaction, guild_id: GuildId | None) -> list[OverrideItem]:
    return [
        OverrideItem(scope=found.scope, key=found.key, value=found.value, guild_id=found.guild_id)
        for found in await overview.overrides(tx, guild_id)
    ]


async def _command_usage(tx: Transaction, guild_id: GuildId | None) -> UsageFigures:
    top = await audit.top(tx, guild_id, days=USAGE_DAYS, limit=TOP)
    return UsageFigures(
        top_commands=[CommandUse(command_name=use.command_name, usage_count=use.uses) for use in top],
        total_commands_24h=await audit.total(tx, guild_id, days=1),
        period_days=USAGE_DAYS,
    )


def span(seconds: int) -> str:
    """``1d 2h 3m 4s``; what would be zero in front is left out."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return " ".join(f"{count}{unit}" for count, unit in parts)


def routes(sources: Sources, admins: Admins, limited_clients: Callable[[], int]) -> tuple[Route, ...]:
    """The route, under both of its addresses. ``limited_clients`` counts whose requests are counted."""
    handler = MetricsRoutes(sources, admins, limited_clients).read
    return tuple(
        Route(
            method="GET",
            path=path,
            handler=handler,
            access=Access.KEY_OR_USER,
            summary="How the bot is doing",
            description=(
                "The service key sees everything. A caller with a token must be an admin of the server in "
                "question, and sees the servers that they own besides; without a server, only bot owners "
                "are let in. A part that cannot be read is empty."
            ),
            tag=TAG,
            query=MetricsQuery,
            answer=DashboardMetrics,
            errors=("not_linked", "not_guild_admin", "forbidden", "bot_unavailable", "db_unavailable"),
        )
        for path in PATHS
    )
