"""A guild's engagement without a gateway: the actor, its progress and a real database."""

from __future__ import annotations

import json
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
import trio
from typing_extensions import override

from alphapy.actors.engagement.actor import Collaborators, GuildEngagement
from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.journal import JournalKit
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.kernel.waypoints import Unwatched
from alphapy.actors.sessions import StoredProgress
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.snapshot import SettingsReader, SettingsSnapshot, SettingsUnavailable
from alphapy.gateway.events import MessageCreate, decode
from alphapy.gateway.guilds import GuildCache
from alphapy.pure.backoff import Backoff
from alphapy.pure.ids import GuildId, UserId, snowflake_at
from tests.support.actors import running
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from alphapy.actors.effects.verbs import Verb
    from alphapy.actors.engagement.part import Host, Part
    from alphapy.actors.kernel.registry import Registry
    from alphapy.gateway.events import Event
    from alphapy.storage.pool import Pool

GUILD, ME, CHANNEL = GuildId(7), UserId(2), 20
ADDRESS = Address.guild(GUILD, FEATURE)
EVERYTHING = {f"{part}_enabled": True for part in ("challenges", "weekly", "badges", "streaks", "og")}
_REGISTRY = setting_registry()


@attrs.define
class GivenSettings(SettingsReader):
    """The same settings for every guild, which can be changed, or be unreadable."""

    values: dict[str, Any]
    are_away: bool = False

    @override
    def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        overrides = {(FEATURE, key): value for key, value in self.values.items()}
        return SettingsSnapshot(guild_id, _REGISTRY, overrides, version=1, loaded_at=0.0)

    @override
    async def fresh(self, guild_id: GuildId, *, max_age: float = 2.0) -> SettingsSnapshot:
        if self.are_away:
            raise SettingsUnavailable("they are away")
        return self.snapshot(guild_id)

    @override
    async def enabled(self, guild_id: GuildId, scope: str) -> bool:
        return self.snapshot(guild_id).enabled(scope)


class Listener(Actor):
    """Keeps what it is told."""

    def __init__(self, context: Any, kept: list[object]) -> None:
        super().__init__(context)
        self._kept = kept

    @override
    async def handle(self, message: object) -> object:
        self._kept.append(message)
        return None


def message(
    number: int, author: int = 30, *, at: datetime | None = None, bot: bool = False, **more: Any
) -> MessageCreate:
    """The ``number``-th message of the guild, by default of the instant in its id."""
    instant = at or datetime(2026, 7, 20, 12, tzinfo=UTC)
    payload = {
        "id": str(snowflake_at(instant) + number),
        "channel_id": str(CHANNEL),
        "guild_id": str(GUILD),
        "author": {"id": str(author), "username": f"user_{author}", "bot": bot},
        "content": "",
        "timestamp": instant.isoformat(),
        "type": 0,
    }
    event = decode("MESSAGE_CREATE", json.dumps(payload | more).encode())
    assert isinstance(event, MessageCreate)
    return event


class EngagementHouse:
    """What the actor of one guild is made of; ``parts`` are those that it has.

    ``through``: a pool that fails, to be used by the actor and the progress.
    """

    def __init__(
        self,
        pool: Pool,
        parts: Sequence[Callable[[Host], Part]],
        *,
        verbs: Mapping[str, Verb] | None = None,
        through: Any = None,
        **settings: Any,
    ) -> None:
        self.pool = pool
        self.clock = FakeClock(datetime(2026, 7, 20, 12, 30, tzinfo=UTC))
        self.settings = GivenSettings(EVERYTHING | settings)
        self.guilds = GuildCache(ME)
        self.progress = Progress(StoredProgress(through or pool), random.Random(1))
        self.told: list[object] = []
        """What operators are told."""
        self.kit = JournalKit(
            pool=through or pool,
            progress=self.progress,
            verbs=verbs or {},
            clock=self.clock,
            rng=random.Random(1),
            waypoints=Unwatched(),
        )
        self.parts = parts
        self.is_caught_up = True

    @asynccontextmanager
    async def running(
        self, session: str = "session", *, mark: int = 0, writes: bool = True
    ) -> AsyncIterator[Registry]:
        """The actors, and the writer of what is noted unless the test writes itself."""
        await self.progress.begin(0, session, mark=mark)
        with_these = Collaborators(
            kit=self.kit,
            settings=self.settings,
            guilds=self.guilds,
            caught_up=lambda guild_id, feature: (guild_id, feature) == (GUILD, FEATURE) and self.is_caught_up,
            parts=self.parts,
        )
        engagement = ChildSpec(
            factory=lambda context: GuildEngagement(context, with_these),
            restarts=1000,
            backoff=Backoff(initial=0.01, ceiling=0.01),
            outage=Backoff(initial=0.01, ceiling=0.05),
        )
        events = ChildSpec(factory=lambda context: Listener(context, self.told))
        async with trio.open_nursery() as nursery:
            if writes:
                await nursery.start(self.progress.run)
            async with running(engagement=engagement, process_operational_events=events) as registry:
                yield registry
            await self.progress.write()
            nursery.cancel_scope.cancel()

    def tell(
        self,
        registry: Registry,
        event: Event,
        seq: int,
        *,
        name: str = "MESSAGE_CREATE",
        session: str = "session",
        **more: Any,
    ) -> GatewayEvent:
        """Tell the actor of an event of the log; ``seq`` 0 for one that was read back."""
        told = GatewayEvent(name, event, 0, session if seq else "", seq, **more)
        if seq:
            self.progress.hand_on(told, [ADDRESS])
        registry.tell(ADDRESS, told)
        return told

    @property
    def mark(self) -> int:
        """Up to where the log is durable."""
        found = self.progress.shard(0)
        assert found is not None
        return found.mark

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        async with self.pool.transaction("test") as tx:
            return await tx.fetch_all(query)
