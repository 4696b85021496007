"""The dashboard's routes over HTTP: real actors, a real database, and a Discord that the test plays."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from typing_extensions import override

from alphapy.actors.automod.actor import AutomodActor, Parts
from alphapy.actors.automod.rulebook import RuleMemory
from alphapy.actors.custom_commands.actor import CustomCommandsActor
from alphapy.actors.journal import JournalKit
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.kernel.waypoints import Unwatched
from alphapy.actors.operational_events.actor import OperationalEvents
from alphapy.actors.operational_events.messages import EVENTS
from alphapy.actors.premium import PremiumBook
from alphapy.actors.sessions import StoredProgress
from alphapy.actors.settings.actor import GuildSettings
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.listeners import Listeners
from alphapy.actors.settings.messages import ConfigAudit
from alphapy.actors.status.messages import TRACKER
from alphapy.actors.status.tracker import CommandTracker
from alphapy.features import BuiltFeatures
from alphapy.gateway.models.guild import Channel, ChannelType
from alphapy.pure.ids import ChannelId, GuildId
from alphapy.pure.masking import Mask
from tests.web.house import House, open_house
from tests.web.neighbours import ADMIN, HOME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from alphapy.storage.pool import Pool

KEY = "the-service-key"
TEXT = ChannelId(1439387968321228800)
CATEGORY = ChannelId(301)
ELSEWHERE_TEXT = ChannelId(302)


class Ear(Actor):
    """Hears what is told to a guild's log."""

    def __init__(self, context: Context, heard: list[ConfigAudit]) -> None:
        super().__init__(context)
        self._heard = heard

    @override
    async def handle(self, message: object) -> object:
        assert isinstance(message, ConfigAudit)
        self._heard.append(message)
        return None


@attrs.define
class Desk:
    """A client that speaks for an admin of a guild, and what the test may look at."""

    house: House
    board: SettingsBoard
    audits: list[ConfigAudit]
    guild_id: int = HOME
    user_id: int = ADMIN

    def path(self, tail: str, guild_id: int | None = None) -> str:
        return f"/api/dashboard/{guild_id or self.guild_id}/{tail}"

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"X-Api-Key": KEY, "X-Discord-User-Id": str(self.user_id)} | more.pop("headers", {})
        return await self.house.http.request(method, path, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> Any:
        """The JSON of an answer that is a 200."""
        answer = await self.send("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """The status and the code of a refusal."""
        answer = await self.send(method, path, **more)
        return answer.status_code, answer.json()["code"]

    async def query(self, statement: Any, *params: Any) -> list[tuple[Any, ...]]:
        async with self.house.pool.transaction("test") as tx:
            return await tx.fetch_all(statement, params)

    async def execute(self, statement: Any, *params: Any) -> None:
        async with self.house.pool.transaction("test") as tx:
            await tx.execute(statement, params)


def furnish(house: House, board: SettingsBoard, audits: list[ConfigAudit]) -> None:
    """Have the actors that the routes speak to."""
    pool, registry, neighbours = house.pool, house.registry, house.neighbours
    guilds: Any = neighbours  # it has of the guild cache what these actors look at
    kit = JournalKit(
        pool=pool,
        progress=Progress(StoredProgress(pool), random.Random(1)),
        verbs={},
        clock=house.clock,
        rng=random.Random(1),
        waypoints=Unwatched(),
    )

    def settings(context: Context) -> GuildSettings:
        listeners = Listeners(registry, registry, BuiltFeatures())
        return GuildSettings(context, pool=pool, board=board, guilds=guilds, listeners=listeners)

    def commands(context: Context) -> CustomCommandsActor:
        return CustomCommandsActor(
            context, pool=pool, kit=kit, settings=board, guilds=guilds, rng=random.Random(1)
        )

    premium = PremiumBook(pool, house.clock, keep=0.0)
    parts = Parts(
        pool=pool,
        kit=kit,
        settings=board,
        premium=premium,
        memory=RuleMemory(),
        guilds=guilds,
        members=guilds,
    )

    def events(context: Context) -> OperationalEvents:
        return OperationalEvents(context, pool=pool, clock=house.clock, mask=Mask(()))

    for pattern, factory in (
        ("guild/*/settings", settings),
        ("guild/*/automod", lambda context: AutomodActor(context, parts)),
        ("guild/*/custom_commands", commands),
        ("guild/*/guild_log", lambda context: Ear(context, audits)),
        (EVENTS.pattern, events),
        (TRACKER.pattern, lambda context: CommandTracker(context, pool=pool)),
    ):
        registry.register(pattern, ChildSpec(factory=factory))
    for guild_id, channel_id, kind in (
        (HOME, TEXT, ChannelType.TEXT),
        (HOME, CATEGORY, ChannelType.CATEGORY),
        (GuildId(200), ELSEWHERE_TEXT, ChannelType.TEXT),
    ):
        neighbours.guilds[guild_id].channels[channel_id] = Channel(
            id=channel_id, type=kind, guild_id=guild_id, name=f"c{channel_id}"
        )


@asynccontextmanager
async def open_desk(pool: Pool, **more: Any) -> AsyncIterator[Desk]:
    """The house with the actors that these routes speak to; ``more`` is as of :func:`open_house`."""
    async with open_house(pool, api_key=KEY, **more) as house:
        audits: list[ConfigAudit] = []
        board = SettingsBoard(setting_registry(), house.registry)
        furnish(house, board, audits)
        yield Desk(house, board, audits)


@pytest.fixture
async def desk(pool: Pool) -> AsyncIterator[Desk]:
    async with open_desk(pool) as opened:
        yield opened
