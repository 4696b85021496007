"""The router hands events to whoever wants them, and to nobody else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import pytest

from alphapy.actors.aside import READ_AGAIN_EVERY, SetAside
from alphapy.actors.feature import Category, Feature, GatewayEvent, Subscription
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Delivery
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.router import Router
from alphapy.actors.sessions import HOLDER
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.interaction import Interaction
from alphapy.gateway.shard import Dispatch
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import trio

    from alphapy.actors.kernel.noted import Standing
    from alphapy.gateway.events import Event, Ready

GUILD = GuildId(100)


@attrs.define
class House:
    """Everything around the router."""

    told: list[tuple[str, Any]] = attrs.field(factory=list)
    interactions: list[Interaction] = attrs.field(factory=list)
    answered: list[Callable[[], None]] = attrs.field(factory=list)
    left: list[GuildId] = attrs.field(factory=list)
    arrivals: list[GuildId] = attrs.field(factory=list)
    sessions: list[tuple[int, tuple[GuildId, ...] | None]] = attrs.field(factory=list)
    changed_guilds: list[tuple[int, tuple[GuildId, ...]]] = attrs.field(factory=list)
    began_sessions: list[str] = attrs.field(factory=list)
    included: set[tuple[GuildId, int]] = attrs.field(factory=set)
    sessions_are_stored: bool = False
    events_waiting: int = 0
    rewound: list[tuple[int, int]] = attrs.field(factory=list)
    delivery: Delivery = Delivery.ACCEPTED
    held: list[tuple[GuildId, str, int]] = attrs.field(factory=list)
    holding: Delivery | None = None
    there: list[GuildId] = attrs.field(factory=list)
    over: list[GuildId] = attrs.field(factory=list)

    def gone(self, guild_id: GuildId) -> None:
        self.over.append(guild_id)

    def hold(self, guild_id: GuildId, feature: str, event: GatewayEvent) -> Delivery | None:
        if self.holding is not None:
            self.held.append((guild_id, feature, event.seq))
        return self.holding

    def appeared(self, guild_id: GuildId) -> None:
        self.there.append(guild_id)

    def tell_event(self, address: Address, message: Any) -> Delivery:
        self.told.append((str(address), message))
        return self.delivery

    def submit(self, interaction: Interaction, received_at: float, on_end: Callable[[], None]) -> None:
        assert received_at > 0
        self.interactions.append(interaction)
        self.answered.append(on_end)

    def session_began(self, shard_id: int, guild_ids: tuple[GuildId, ...]) -> None:
        self.sessions.append((shard_id, guild_ids))

    def session_resumed(self, shard_id: int) -> None:
        self.sessions.append((shard_id, None))

    def joined(self, guild_id: GuildId) -> None:
        self.arrivals.append(guild_id)

    def removed(self, guild_id: GuildId) -> None:
        self.left.append(guild_id)

    async def began(self, event: Dispatch, ready: Ready) -> bool:
        self.began_sessions.append(ready.session_id)
        return self.sessions_are_stored

    def includes(self, event: Dispatch, guild_id: GuildId) -> bool:
        return (guild_id, event.seq) in self.included

    def changed(self, event: Dispatch, guild_ids: Iterable[GuildId]) -> None:
        self.changed_guilds.append((event.seq, tuple(guild_ids)))

    async def advance(self, standings: Sequence[Standing]) -> Collection[Standing]:
        raise AssertionError("the router writes nothing")

    def find(self, address: Address) -> Any:
        return Health(self.events_waiting)

    def rewind(self, shard_id: int, seq: int) -> None:
        self.rewound.append((shard_id, seq))


@attrs.frozen
class Health:
    """As much of an actor's health as matters here."""

    events: int


def feature(name: str, *subscriptions: Subscription, scope: str | None = None) -> Feature:
    return Feature(name=name, category=Category("x", "y"), scope=scope, subscriptions=subscriptions)


class Play:
    """A router with two features, or with others."""

    def __init__(self, *more: Feature) -> None:
        self.house = House()
        self.settings = SettingsBoard(setting_registry(), self.house)  # type: ignore[arg-type]  # never asked
        short = Subscription(
            "MESSAGE_CREATE", lambda event: isinstance(event, MessageCreate) and len(event.content) < 5
        )
        self.budget = Budget(10)
        self.guilds = GuildCache()
        self.progress = Progress(self.house, random.Random(1))
        self.aside = SetAside(self.progress, self.house, room_below=3)
        self.router = Router(
            [
                feature(
                    "custom_commands",
                    Subscription("MESSAGE_CREATE", durable=True),
                    scope="custom_commands",
                ),
                feature("short", short),
                *more,
            ],
            bus=self.house,  # type: ignore[arg-type]  # it tells events only
            budget=self.budget,
            settings=self.settings,
            guilds=self.guilds,
            interactions=self.house,
            guild_events=self.house,
            progress=self.progress,
            sessions=self.house,  # type: ignore[arg-type]  # what the router tells it
            aside=self.aside,
            backfill=self.house,  # type: ignore[arg-type]  # what the router tells it
        )
        self._seq = 0

    @property
    def mark(self) -> int:
        """Everything up to here is durable."""
        shard = self.progress.shard(3)
        assert shard is not None
        return shard.mark

    async def event(self, name: str, data: Any, seq: int | None = None) -> None:
        self._seq = self._seq + 1 if seq is None else seq
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        await self.router.route(Dispatch(name, msgspec.Raw(raw), self._seq, "session", 3))

    async def message(self, content: str, seq: int | None = None) -> None:
        author = {"id": "5", "username": "ada"}
        await self.event(
            "MESSAGE_CREATE",
            {"id": "1", "channel_id": "2", "guild_id": str(GUILD), "author": author, "content": content},
            seq,
        )

    def acknowledge(self, number: int) -> None:
        """The actor that was told this message first says that it is done with it."""
        address, message = self.house.told[number]
        self.progress.acknowledge(message, Address(address))


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


async def test_a_process_actors_test_that_fails_ends_nothing_either(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_event: Event) -> bool:
        raise KeyError("no such thing")

    recorder = Address.process("recorder")
    play = Play(feature("broken", Subscription("MESSAGE_CREATE", fails, process=recorder)))
    await play.message("hi")
    assert [address for address, _ in play.house.told] == [
        "process/recorder",
        "guild/100/custom_commands",
        "guild/100/short",
    ]
    assert play.router.statistics().misjudged == {"broken": 1}
    assert [vars(record).get("event") for record in caplog.records] == ["event_misjudged"]


async def test_a_test_that_fails_costs_nobody_an_event(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_event: Event) -> bool:
        raise KeyError("no such thing")

    play = Play(feature("broken", Subscription("MESSAGE_CREATE", fails, durable=True)), feature("last"))
    for _ in range(3):
        await play.message("hi")
    assert [address for address, _ in play.house.told[:3]] == [
        "guild/100/custom_commands",
        "guild/100/short",
        "guild/100/broken",
    ]
    assert len(play.house.told) == 9
    assert play.router.statistics().misjudged == {"broken": 3}
    assert [vars(record).get("event") for record in caplog.records] == ["event_misjudged"]
    for number in (0, 3, 6):
        play.acknowledge(number)
    assert play.mark == 0, "its actor has not dealt with them"
    for number in (2, 5, 8):
        play.acknowledge(number)
    assert play.mark == 3


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


INTERACTION = {
    "id": "1",
    "application_id": "2",
    "type": 2,
    "token": "t",
    "guild_id": "100",
    "channel_id": "3",
    "member": {"user": {"id": "5", "username": "ada"}, "permissions": "0"},
    "data": {"id": "9", "name": "version", "type": 1},
}


async def test_interactions_take_their_own_way(play: Play) -> None:
    await play.event("INTERACTION_CREATE", INTERACTION)
    assert [interaction.invoker.id for interaction in play.house.interactions] == [5]
    assert play.house.told == []


async def test_an_interaction_holds_the_mark_until_it_is_answered(play: Play) -> None:
    await play.event("INTERACTION_CREATE", INTERACTION)
    await play.event("TYPING_START", {})
    assert play.mark == 0
    await play.event("INTERACTION_CREATE", INTERACTION, seq=1)  # the log is read again meanwhile
    play.house.answered[1]()
    assert play.mark == 0, "the first one is still being answered"
    play.house.answered[0]()
    assert play.mark == 2
    play.house.answered[0]()
    await play.event("INTERACTION_CREATE", INTERACTION, seq=3)
    play.house.answered[2]()
    assert play.mark == 3


async def test_one_that_takes_very_long_does_not_hold_it_for_ever(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphapy.actors.unanswered.HELD_AT_MOST", 0.0)
    await play.event("INTERACTION_CREATE", INTERACTION)
    assert play.mark == 0
    await play.event("TYPING_START", {})
    assert play.mark == 2
    play.house.answered[0]()


async def test_a_guild_that_is_left_is_told_and_an_outage_is_not(play: Play) -> None:
    await play.event("GUILD_CREATE", {"id": "100", "name": "x", "owner_id": "1"})
    await play.event("GUILD_DELETE", {"id": "100", "unavailable": True})
    assert play.house.left == []
    await play.event("GUILD_DELETE", {"id": "100"})
    assert play.house.left == [GUILD]
    assert play.house.over == [GUILD]


async def test_what_is_held_back_is_told_later_and_open_until_then(play: Play) -> None:
    play.house.holding = Delivery.ACCEPTED
    await play.message("hello there")
    assert play.house.held == [(GUILD, "custom_commands", 1)]
    assert play.house.told == []
    assert play.mark == 0
    play.house.holding = Delivery.FULL
    await play.message("hello again")
    assert play.aside.count == 1, "too many are held already: the rest is for later"


async def test_the_newest_message_at_the_mark_is_known(play: Play) -> None:
    await play.event("TYPING_START", {})
    channels = [{"id": "7", "type": 0, "last_message_id": str(5 << 32)}, {"id": "8", "type": 0}]
    await play.event("GUILD_CREATE", {"id": "100", "name": "x", "owner_id": "1", "channels": channels})
    assert play.house.there == [GUILD]
    await play.event("GUILD_CREATE", {"id": "101", "unavailable": True})
    assert play.house.there == [GUILD]
    shard = play.progress.shard(3)
    assert shard is not None
    assert shard.seen == 0
    for seq in (2, 3):
        play.progress.acknowledge(Dispatch("x", msgspec.Raw(b""), seq, "session", 3), HOLDER)
    shard = play.progress.shard(3)
    assert shard is not None
    assert (shard.mark, shard.seen) == (3, 5 << 32)


async def test_events_outside_guilds_reach_no_guild_actor(play: Play) -> None:
    author = {"id": "5", "username": "ada"}
    await play.event("MESSAGE_CREATE", {"id": "1", "channel_id": "2", "author": author, "content": "hi"})
    assert play.house.told == []


async def test_the_mark_waits_for_durable_features_and_for_nobody_else(play: Play) -> None:
    await play.message("hello there")  # 1: durable
    await play.event("TYPING_START", {})  # 2: wanted by nobody
    await play.message("hi")  # 3: durable, and one that is not
    assert play.mark == 0
    play.acknowledge(1)
    assert play.mark == 0
    play.acknowledge(0)
    assert play.mark == 3


async def test_the_mark_waits_for_what_changes_the_cache(play: Play) -> None:
    await play.event("GUILD_CREATE", {"id": "100", "name": "x", "owner_id": "1"})
    await play.event("GUILD_MEMBER_ADD", {"guild_id": "100", "user": {"id": "7", "username": "x"}})
    await play.event("GUILD_ROLE_DELETE", {"guild_id": "100", "role_id": "5"})
    assert play.house.changed_guilds == [(1, (GUILD,)), (2, (GUILD,))]
    assert play.mark == 0
    for seq in (1, 2):
        play.progress.acknowledge(Dispatch("x", msgspec.Raw(b""), seq, "session", 3), HOLDER)
    assert play.mark == 3


async def test_a_restored_guild_takes_no_event_in_twice(play: Play) -> None:
    await play.event("GUILD_CREATE", {"id": "100", "name": "x", "owner_id": "1", "member_count": 5})
    play.house.included.add((GUILD, 2))
    await play.event("GUILD_MEMBER_ADD", {"guild_id": "100", "user": {"id": "7", "username": "x"}})
    guild = play.guilds.get(GUILD)
    assert guild is not None
    assert guild.member_count == 5
    assert len(play.house.changed_guilds) == 1


async def test_a_new_session_is_told_before_anything_of_it(play: Play) -> None:
    await play.event(
        "READY",
        {"user": {"id": "1", "username": "bot"}, "session_id": "session", "resume_gateway_url": "ws://x"},
    )
    assert play.house.began_sessions == ["session"]
    assert play.mark == 0
    play.progress.acknowledge(Dispatch("x", msgspec.Raw(b""), 1, "session", 3), HOLDER)
    assert play.mark == 1


async def test_who_refuses_is_told_nothing_until_the_log_is_read_again(
    play: Play, autojump_clock: trio.testing.MockClock
) -> None:
    await play.message("first one")
    play.acknowledge(0)
    play.house.delivery = Delivery.FULL
    await play.message("second one")
    play.house.delivery = Delivery.ACCEPTED
    await play.message("third one")
    assert len(play.house.told) == 2, "the third is not offered: its progress would pass the second"
    assert play.mark == 1
    play.house.events_waiting = 3
    play.aside.look(play.house)
    assert play.house.rewound == []
    play.house.events_waiting = 2
    play.aside.look(play.house)
    play.aside.look(play.house)
    assert play.house.rewound == [(3, 1)]
    autojump_clock.jump(READ_AGAIN_EVERY)
    play.aside.look(play.house)
    assert play.house.rewound == [(3, 1), (3, 1)]
    await play.message("second one", seq=2)
    await play.message("third one", seq=3)
    assert [message.seq for _, message in play.house.told] == [1, 2, 2, 3]
    assert play.mark == 1
    play.acknowledge(2)
    play.acknowledge(3)
    assert play.mark == 3
    assert play.aside.count == 0


async def test_a_new_session_ends_waiting_for_the_old_one(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    play.house.delivery = Delivery.FULL
    await play.message("first one")
    play.house.delivery = Delivery.ACCEPTED
    await play.router.route(Dispatch("TYPING_START", msgspec.Raw(b"{}"), 1, "another", 3))
    assert play.aside.count == 0
    assert any(getattr(record, "event", "") == "events_missed" for record in caplog.records)


async def test_what_is_refused_at_the_stop_is_not_done_and_what_nobody_knows_is(play: Play) -> None:
    await play.message("first one")
    play.acknowledge(0)
    play.house.delivery = Delivery.UNKNOWN
    await play.message("second one")
    assert play.mark == 2
    play.house.delivery = Delivery.STOPPED
    await play.message("third one")
    assert play.mark == 2
    assert play.aside.count == 0


async def test_who_follows_the_connection_is_told_of_sessions_and_of_joins(play: Play) -> None:
    user = {"id": "7", "username": "alphapy"}
    ready = {
        "v": 10,
        "user": user,
        "session_id": "session",
        "resume_gateway_url": "wss://resume",
        "guilds": [{"id": str(GUILD), "unavailable": True}],
        "shard": [0, 1],
        "application": {"id": "9"},
    }
    await play.event("READY", ready)
    await play.event("GUILD_CREATE", {"id": str(GUILD), "name": "old"})
    await play.event("GUILD_CREATE", {"id": "77", "name": "new"})
    await play.event("RESUMED", {})
    assert play.house.sessions == [(3, (GUILD,)), (3, None)]
    assert play.house.arrivals == [GuildId(77)]
