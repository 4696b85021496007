"""Everything that the console shows, gathered at one moment."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import attrs
import psycopg
import trio

from alphapy.actors.backfill.messages import BackfillStatistics
from alphapy.actors.kernel.budget import BudgetStatistics
from alphapy.actors.kernel.deadletters import DeadLetterStatistics
from alphapy.actors.kernel.survey import Survey
from alphapy.gateway.dispatcher import DispatcherStatistics
from alphapy.gateway.identify import IdentifyStatistics
from alphapy.gateway.rest.client import RestStatistics
from alphapy.gateway.shard import ShardStatistics
from alphapy.storage import deadletters
from alphapy.storage.deadletters import Headline
from alphapy.storage.errors import StorageError
from alphapy.storage.pool import PoolStatistics
from alphapy.web.flight import Shared
from alphapy.web.probe import DatabaseLook
from alphapy.web.sources import RouterCounts, ServiceFacts

if TYPE_CHECKING:
    from alphapy.web.census import Census
    from alphapy.web.probe import DatabaseProbe
    from alphapy.web.sources import Sources

COMPONENT: Final = "web"
LETTERS: Final = 20
"""How many dead letters are shown."""

LETTERS_WITHIN: Final = 2.0
"""Seconds that reading them may take."""


@attrs.frozen
class Letters:
    """The newest dead letters in the database, and how many there are."""

    newest: tuple[Headline, ...]
    count: int
    dropped: int = 0
    """How many have made room for newer ones since the start."""
    kept: int = deadletters.KEPT


@attrs.frozen(kw_only=True)
class Moment:
    """What is shown. ``letters`` is None when the database does not tell."""

    facts: ServiceFacts
    taken_at: datetime
    uptime_seconds: float
    is_stopping: bool
    settings_loaded: bool
    gateway_ready: bool
    guilds: int
    database: DatabaseLook
    pool: PoolStatistics
    survey: Survey
    budget: BudgetStatistics
    shards: tuple[ShardStatistics, ...]
    all_shards_ready: bool
    session_starts: IdentifyStatistics
    router: RouterCounts
    backfill: BackfillStatistics
    rest: RestStatistics
    dispatcher: DispatcherStatistics
    letter_statistics: DeadLetterStatistics
    letters: Letters | None

    @property
    def guilds_arriving(self) -> bool:
        """Whether the shards are there and the guilds are not yet."""
        return self.all_shards_ready and not self.gateway_ready

    @property
    def waiting(self) -> int:
        """Messages in all mailboxes."""
        return sum(kind.depth for kind in self.survey.kinds)

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest of them."""
        return max((kind.oldest_seconds for kind in self.survey.kinds), default=0.0)


class Observer:
    """Gathers moments; several who look at once cost one look at the database."""

    def __init__(self, sources: Sources, census: Census, probe: DatabaseProbe) -> None:
        self._sources = sources
        self._census = census
        self._probe = probe
        self._letters = Shared(self._read_letters)

    async def observe(self) -> Moment:
        """The present moment."""
        sources = self._sources
        database = await self._probe.look()
        letters = await self._letters.get() if database.is_up else None
        survey = await self._census.survey()
        now = sources.clock.now()
        return Moment(
            facts=sources.facts,
            taken_at=now,
            uptime_seconds=max(0.0, (now - sources.facts.started_at).total_seconds()),
            is_stopping=sources.stopping(),
            settings_loaded=sources.settings_loaded(),
            gateway_ready=sources.gateway_ready(),
            guilds=sources.guild_count(),
            database=database,
            pool=sources.pool.statistics(),
            survey=survey,
            budget=sources.budget(),
            shards=sources.shards.statistics(),
            all_shards_ready=sources.shards.ready,
            session_starts=sources.shards.session_starts(),
            router=sources.router(),
            backfill=sources.backfill(),
            rest=sources.rest(),
            dispatcher=sources.dispatcher(),
            letter_statistics=sources.actors.dead_letters(),
            letters=letters,
        )

    async def _read_letters(self) -> Letters | None:
        with trio.move_on_after(LETTERS_WITHIN):
            try:
                async with self._sources.pool.transaction(COMPONENT, read_only=True) as tx:
                    newest = tuple(await deadletters.headlines(tx, LETTERS))
                    count = await deadletters.count(tx)
                desk = self._sources.letters
                return Letters(newest, count, desk.dropped, desk.kept)
            except (StorageError, psycopg.Error):
                return None
        return None
