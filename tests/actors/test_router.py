"""The router hands events to whoever wants them, and to nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import pytest

from alphapy.actors.feature import Category, Feature, GatewayEvent, Subscription
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Delivery
from alphapy.actors.router import Router
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.interaction import Interaction
from alphapy.gateway.shard import Dispatch
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from alphapy.actors.kernel.address import Address

GUILD = GuildId(100)


@attrs.define
class House:
    """Everything around the router."""

    told: list[tuple[str, Any]] = attrs.field(factory=list)
    interactions: list[Interaction] = attrs.field(factory=list)
    left: list[GuildId] = attrs.field(factory=list)
    delivery: Delivery = Delivery.ACCEPTED

    def tell_event(self, address: Address, message: Any) -> Delivery:
        self.told.append((str(address), message))
        return self.delivery

    def submit(self, interaction: Interaction, received_at: float) -> None:
        assert received_at > 0
        self.interactions.append(interaction)

    def removed(self, guild_id: GuildId) -> None:
        self.left.append(guild_id)


def feature(name: str, *subscriptions: Subscription, scope: str | None = None) -> Feature:
    return Feature(name=name, category=Category("x", "y"), scope=scope, subscriptions=subscriptions)


class Play:
    """A router with two features."""

    def __init__(self) -> None:
        self.house = House()
        self.settings = SettingsBoard(setting_registry(), self.house)  # type: ignore[arg-type]  # never asked
        short = Subscription(
            "MESSAGE_CREATE", lambda event: isinstance(event, MessageCreate) and len(event.content) < 5
        )
        self.budget = Budget(10)
        self.router = Router(
            [
                feature("custom_commands", Subscription("MESSAGE_CREATE"), scope="custom_commands"),
                feature("short", short),
            ],
            bus=self.house,  # type: ignore[arg-type]  # it tells events only
            budget=self.budget,
            settings=self.settings,
            guilds=GuildCache(),
            interactions=self.house,
            guild_events=self.house,
        )
        self._seq = 0

    async def event(self, name: str, data: Any) -> None:
        self._seq += 1
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        await self.router.route(Dispatch(name, msgspec.Raw(raw), self._seq, "session", 3))

    async def message(self, content: str) -> None:
        author = {"id": "5", "username": "ada"}
        await self.event(
            "MESSAGE_CREATE",
            {"id": "1", "channel_id": "2", "guild_id": str(GUILD), "author": author, "content": content},
        )


@pytest.fixture
async def play() -> Play:
    return Play()


async def test_an_event_reaches_the_actors_that_want_it_with_its_place_in_the_log(play: Play) -> None:
    await play.message("hello there")
    await play.message("hi")
    assert [address for address, _ in play.house.told] == [
        "guild/100/custom_commands",
        "guild/100/custom_commands",
        "guild/100/short",
    ]
    told: GatewayEvent = play.house.told[1][1]
    assert (told.name, told.shard_id, told.session_id, told.seq) == ("MESSAGE_CREATE", 3, "session", 2)


async def test_a_module_that_is_off_is_not_told(play: Play) -> None:
    play.settings.take_rows(GUILD, [("custom_commands", "enabled", False)])
    await play.message("hi")
    assert [address for address, _ in play.house.told] == ["guild/100/short"]


async def test_unwanted_events_are_not_even_decoded(play: Play) -> None:
    await play.event("TYPING_START", b"not json at all")
    assert play.router.statistics().malformed == {}


async def test_a_malformed_event_is_counted_and_the_next_one_goes_through(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await play.event("MESSAGE_CREATE", {"id": "1", "content": 5})
    await play.message("hi")
    assert play.router.statistics().malformed == {"MESSAGE_CREATE": 3}
    assert sum(getattr(record, "event", "") == "malformed_event" for record in caplog.records) == 1
    assert len(play.house.told) == 2


async def test_an_event_that_nobody_could_take_is_counted(play: Play) -> None:
    play.house.delivery = Delivery.FULL
    await play.message("hi")
    assert play.router.statistics().undelivered == 2


async def test_interactions_take_their_own_way(play: Play) -> None:
    await play.event(
        "INTERACTION_CREATE",
        {
            "id": "1",
            "application_id": "2",
            "type": 2,
            "token": "t",
            "guild_id": "100",
            "channel_id": "3",
            "member": {"user": {"id": "5", "username": "ada"}, "permissions": "0"},
            "data": {"id": "9", "name": "version", "type": 1},
        },
    )
    assert [interaction.invoker.id for interaction in play.house.interactions] == [5]
    assert play.house.told == []


async def test_a_guild_that_is_left_is_told_and_an_outage_is_not(play: Play) -> None:
    await play.event("GUILD_CREATE", {"id": "100", "name": "x", "owner_id": "1"})
    await play.event("GUILD_DELETE", {"id": "100", "unavailable": True})
    assert play.house.left == []
    await play.event("GUILD_DELETE", {"id": "100"})
    assert play.house.left == [GUILD]


async def test_events_outside_guilds_reach_no_guild_actor(play: Play) -> None:
    author = {"id": "5", "username": "ada"}
    await play.event("MESSAGE_CREATE", {"id": "1", "channel_id": "2", "author": author, "content": "hi"})
    assert play.house.told == []
