"""The back-fill without a database or a socket: gaps that begin anew, actors without room, guilds that go."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio

from alphapy.actors.backfill import backfill, reading
from alphapy.actors.backfill.backfill import Backfill
from alphapy.actors.feature import Category, Feature, GatewayEvent, Subscription, guild_actor
from alphapy.actors.kernel.actor_progress import ActorProgress
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Delivery
from alphapy.actors.kernel.noted import Standing
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.gateway.events import MessageCreate, decode
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.rest.calls import HistoryPage
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import GuildId, UserId, snowflake_at
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from alphapy.actors.kernel.address import Address
    from alphapy.pure.ids import ChannelId

GUILD = GuildId(100)
ROOM, HALL = 7, 8
CUSTOM, COUNTS = "custom_commands", "counts"


@attrs.define(eq=False)
class Town:
    """Discord's history, the mailboxes, and the database, as the back-fill sees them."""

    history: dict[int, list[MessageCreate]] = attrs.field(factory=dict)
    errors: list[DiscordErrorKind] = attrs.field(factory=list)
    asked: list[tuple[int, int]] = attrs.field(factory=list)
    may_answer: trio.Event = attrs.field(factory=trio.Event)
    told: list[tuple[str, GatewayEvent]] = attrs.field(factory=list)
    entries: list[Any] = attrs.field(factory=list)
    room: int = 1_000
    delivery: Delivery = Delivery.FULL
    over: list[GuildId] = attrs.field(factory=list)
    written: list[Standing] = attrs.field(factory=list)

    async def missed_messages(
        self, guild_id: GuildId, channel_id: ChannelId, after: int, *, limit: int, within: float
    ) -> HistoryPage:
        self.asked.append((channel_id, after))
        await self.may_answer.wait()
        if self.errors:
            kind = self.errors.pop(0)
            raise DiscordError(kind=kind, route="x", message="no", retry_after=0.01)
        found = [message for message in self.history.get(channel_id, []) if message.id > after]
        page = found[:limit]
        return HistoryPage(
            messages=tuple(page), last=page[-1].id if page else after, is_full=len(found) >= limit
        )

    def tell_event(self, address: Address, message: Any) -> Delivery:
        if len(self.told) >= self.room:
            return self.delivery
        self.told.append((address.name, message))
        return Delivery.ACCEPTED

    def tell(self, address: Address, message: object) -> Delivery:
        self.entries.append(message)
        return Delivery.ACCEPTED

    async def advance(self, standings: Sequence[Standing]) -> Collection[Standing]:
        self.written += standings
        return []

    def closed(self, guild_id: GuildId) -> None:
        self.over.append(guild_id)


class Play:
    """A back-fill for two features, one of which wants short messages only, and newer ones."""

    def __init__(self) -> None:
        self.town = Town()
        self.town.may_answer.set()
        self.clock = FakeClock()
        self.budget = Budget(100)
        self.guilds = GuildCache(UserId(1))
        self.settings = SettingsBoard(setting_registry(), self.town)  # type: ignore[arg-type]  # never asked
        self.progress = Progress(self.town, random.Random(1))
        self.backfill = Backfill(
            history=self.town,
            bus=self.town,  # type: ignore[arg-type]  # it tells, and never asks
            budget=self.budget,
            settings=self.settings,
            guilds=self.guilds,
            progress=self.progress,
            clock=self.clock,
            rng=random.Random(1),
        )
        short = Subscription("MESSAGE_CREATE", is_short, durable=True, backfill=timedelta(minutes=1))
        all_of_them = Subscription("MESSAGE_CREATE", durable=True, backfill=timedelta(hours=1))
        self.backfill.serve(
            [
                feature(CUSTOM, short, scope="custom_commands"),
                feature(COUNTS, all_of_them, Subscription("MESSAGE_DELETE")),
            ],
            self.town,
        )

        self._outcome: Delivery | None = None

    def ago(self, seconds: float) -> int:
        """The id of a message that is so old."""
        return snowflake_at(self.clock.now() - timedelta(seconds=seconds))

    def write(self, age: float, content: str = "hi", channel: int = ROOM) -> MessageCreate:
        message = self.message(age, content, channel)
        self.town.history.setdefault(channel, []).append(message)
        return message

    def message(self, age: float, content: str = "hi", channel: int = ROOM) -> MessageCreate:
        raw = (
            f'{{"id":"{self.ago(age)}","channel_id":"{channel}","guild_id":"{GUILD}","content":"{content}",'
            '"author":{"id":"5","username":"ada"}}'
        )
        found = decode("MESSAGE_CREATE", raw.encode())
        assert isinstance(found, MessageCreate)
        return found

    def arrive(self, guild_id: GuildId = GUILD, *, newest: float = 0.0, owner: int = 1) -> None:
        """GUILD_CREATE, with two channels in which something was written so many seconds ago."""
        channels = ",".join(
            f'{{"id":"{channel}","type":0,"last_message_id":"{self.ago(newest)}"}}'
            for channel in (ROOM, HALL)
        )
        raw = (
            f'{{"id":"{guild_id}","name":"G","owner_id":"{owner}","channels":[{channels}],'
            '"roles":[{"id":"100","permissions":"1024"}],"members":[{"user":{"id":"1","username":"me"}}]}'
        )
        self.guilds.apply(decode("GUILD_CREATE", raw.encode()))
        self.backfill.appeared(guild_id)

    def live(self, seq: int, age: float = 0.0, session: str = "new", name: str = CUSTOM) -> GatewayEvent:
        event = GatewayEvent("MESSAGE_CREATE", self.message(age), 0, session, seq)
        self._outcome = self.backfill.hold(GUILD, name, event)
        return event

    def outcome(self) -> Delivery | None:
        """What became of the last live one; None where it was told at once."""
        return self._outcome

    def told(self, name: str) -> list[int]:
        """The ids of what a feature was told."""
        return [event.key for told, event in self.town.told if told == name]

    def finish(self) -> None:
        """The actors have dealt with everything."""
        for name, event in self.town.told:
            if event.closes:
                self.progress.filled(event, guild_actor(GUILD, name))


def is_short(event: object) -> bool:
    return isinstance(event, MessageCreate) and len(event.content) < 10


def feature(name: str, *subscriptions: Subscription, scope: str | None = None) -> Feature:
    return Feature(name=name, category=Category("x", "y"), scope=scope, subscriptions=subscriptions)


@pytest.fixture
async def play() -> Play:
    return Play()


async def run(play: Play, nursery: trio.Nursery) -> None:
    nursery.start_soon(play.backfill.run)
    await wait_until(
        lambda: play.backfill.statistics().telling > 0 or bool(play.town.over), what="the telling"
    )


async def test_each_feature_is_told_what_it_wants_in_order(play: Play) -> None:
    old = play.write(600, channel=HALL)
    first, second = play.write(50), play.write(30, channel=HALL)
    long = play.write(20, "much too long for custom commands")
    assert not play.backfill.is_filling(GUILD, CUSTOM)
    play.backfill.opened(0, "new", [GUILD], play.ago(3600))
    assert play.backfill.is_filling(GUILD, CUSTOM)
    play.arrive()
    live = play.live(5)
    assert play.outcome() is Delivery.ACCEPTED
    async with trio.open_nursery() as nursery:
        await run(play, nursery)
        assert play.backfill.is_filling(GUILD, CUSTOM), "it was told, and has not dealt with it"
        assert not play.backfill.is_filling(GUILD, "reads_nothing_back")
        assert play.told(CUSTOM) == [first.id, second.id, live.key]
        assert play.told(COUNTS) == [old.id, first.id, second.id, long.id]
        closing = [(name, event.key) for name, event in play.town.told if event.closes]
        assert closing == [(CUSTOM, second.id), (COUNTS, long.id)]
        assert all(event.seq == 0 for _, event in play.town.told if event.key != live.key)
        assert play.town.over == []
        assert play.budget.statistics().used == 0
        play.live(6)
        assert play.outcome() is None, "it goes live"
        play.finish()
        assert not play.backfill.is_filling(GUILD, CUSTOM)
        assert play.town.over == [GUILD]
        nursery.cancel_scope.cancel()
    counts = play.backfill.statistics()
    assert (counts.opened, counts.closed, counts.messages, counts.pages) == (1, 1, 6, 2)


async def test_what_comes_live_anyway_is_not_read_back(play: Play) -> None:
    missed = play.write(30)
    play.backfill.opened(0, "new", [GUILD], 0)
    play.arrive(newest=30)
    live = play.live(5, age=20)
    both, later = play.write(18), play.write(10)
    async with trio.open_nursery() as nursery:
        await run(play, nursery)
        assert play.told(CUSTOM) == [missed.id, both.id, live.key]
        assert later.id not in play.told(COUNTS)
        nursery.cancel_scope.cancel()


async def test_a_module_that_is_off_reads_nothing(play: Play) -> None:
    play.settings.take_rows(GUILD, [("custom_commands", "enabled", False)])
    play.write(30)
    play.backfill.opened(0, "new", [GUILD], 0)
    play.arrive()
    async with trio.open_nursery() as nursery:
        await run(play, nursery)
        assert play.told(CUSTOM) == []
        assert len(play.told(COUNTS)) == 1
        nursery.cancel_scope.cancel()


async def test_a_session_that_ends_while_it_reads_begins_the_gap_anew(play: Play) -> None:
    play.town.may_answer = trio.Event()
    play.write(50)
    play.backfill.opened(0, "new", [GUILD], play.ago(55))
    play.arrive()
    first = play.live(5, age=45)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play.backfill.run)
        await wait_until(lambda: len(play.town.asked) == 2, what="the reading")
        assert play.backfill.statistics().reading == 1
        play.backfill.opened(0, "newer", [GUILD], play.ago(40))
        play.write(20)
        await wait_until(lambda: play.backfill.statistics().reading == 0, what="the end of the reading")
        assert play.backfill.statistics().awaited == 1
        play.town.may_answer.set()
        second = play.live(2, age=5, session="newer")
        play.arrive()
        await wait_until(lambda: bool(play.town.told), what="the telling")
        assert play.told(CUSTOM) == [play.ago(50), play.ago(20), first.key, second.key]
        assert play.backfill.statistics().opened == 1
        assert play.town.asked[0] == play.town.asked[2], "from the older of the two"
        play.finish()
        assert play.town.over == [GUILD]
        nursery.cancel_scope.cancel()


async def test_a_gap_that_is_told_begins_anew_and_an_old_end_does_not_close_it(play: Play) -> None:
    play.write(30)
    play.backfill.opened(0, "new", [GUILD], 0)
    play.arrive()
    async with trio.open_nursery() as nursery:
        await run(play, nursery)
        play.backfill.opened(0, "newer", [GUILD], play.ago(5))
        play.finish()
        assert play.town.over == []
        play.arrive()
        await wait_until(lambda: play.backfill.statistics().telling == 1, what="the telling")
        assert play.told(CUSTOM) == [play.ago(30)] * 2, "the actor knows that it has dealt with it"
        play.finish()
        assert play.town.over == [GUILD]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("delivery", [Delivery.FULL, Delivery.STOPPED])
async def test_an_actor_without_room_is_told_when_it_has_some(play: Play, delivery: Delivery) -> None:
    play.town.room, play.town.delivery = 1, delivery
    play.write(30)
    play.write(20)
    play.backfill.opened(0, "new", [GUILD], 0)
    play.arrive()
    live = play.live(5)
    async with trio.open_nursery() as nursery:
        await run(play, nursery)
        assert play.told(CUSTOM) == [play.ago(30)]
        play.live(6)
        assert play.outcome() is Delivery.ACCEPTED, "still behind what was missed"
        play.town.room = 100
        await wait_until(lambda: len(play.told(CUSTOM)) == 4, what="the rest")
        assert play.told(CUSTOM) == [play.ago(30), play.ago(20), live.key, live.key]
        assert play.backfill.statistics().held == 0
        nursery.cancel_scope.cancel()


async def test_a_session_that_ends_while_there_is_no_room_stops_the_telling(play: Play) -> None:
    play.town.room = 0
    play.write(30)
    play.backfill.opened(0, "new", [GUILD], 0)
    play.arrive()
    async with trio.open_nursery() as nursery:
        await run(play, nursery)
        play.backfill.opened(0, "newer", [GUILD], 0)
        play.town.room = 100
        play.arrive()
        await wait_until(lambda: len(play.told(CUSTOM)) == 1, what="the telling")
        await wait_until(lambda: len(play.told(COUNTS)) == 1, what="the other telling")
        await trio.testing.wait_all_tasks_blocked(0.2)
        assert len(play.town.told) == 2
        nursery.cancel_scope.cancel()


async def test_only_so_much_is_held_and_nothing_twice(play: Play) -> None:
    play.backfill.opened(0, "new", [GUILD], 0)
    for seq in (1, 2, 3, 2, 3):
        play.live(seq)
        assert play.outcome() is Delivery.ACCEPTED
    assert play.backfill.statistics().held == play.budget.statistics().used == 3
    for seq in range(4, play.budget.share + 1):
        play.live(seq)
    assert play.outcome() is Delivery.ACCEPTED
    play.live(1_000)
    assert play.outcome() is Delivery.FULL
    play.live(1, name="somebody else")
    assert play.outcome() is None


async def test_a_guild_that_is_gone_reads_nothing_and_gives_back_what_is_held(play: Play) -> None:
    other = GuildId(200)
    play.backfill.opened(0, "new", [GUILD, other], 0)
    play.live(1)
    play.backfill.gone(other)
    assert play.town.over == [other]
    play.backfill.opened(0, "newer", [], 0)
    assert play.town.over == [other, GUILD]
    assert len(play.told(CUSTOM)) == 1
    assert play.budget.statistics().used == 0
    play.backfill.gone(GUILD)
    assert play.town.asked == []


async def test_whoever_waits_too_long_for_a_turn_goes_live(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "WITHIN", 0.3)
    monkeypatch.setattr(backfill, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(backfill, "GUILDS_AT_ONCE", 1)
    play.town.may_answer = trio.Event()
    first, second = GuildId(200), GUILD
    play.backfill.opened(0, "new", [first, second], 0)
    play.write(30)
    play.arrive(first)
    play.arrive(second)
    play.live(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(play.backfill.run)
        await wait_until(lambda: len(play.town.over) == 2, what="going live")
        nursery.cancel_scope.cancel()
    assert play.backfill.statistics().overdue == 2
    assert len(play.told(CUSTOM)) == 1
    assert {channel for channel, _ in play.town.asked} == {ROOM, HALL}


async def test_trouble_is_repeated_so_often_and_then_noted(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PATIENCE", attrs.evolve(reading.PATIENCE, initial=0.01, ceiling=0.02))
    monkeypatch.setattr(reading, "CHANNELS_AT_ONCE", 1)
    play.town.errors = [DiscordErrorKind.SERVER] * 5
    play.write(30)
    play.write(20, channel=HALL)
    play.backfill.opened(0, "new", [GUILD], 0)
    play.arrive()
    async with trio.open_nursery() as nursery:
        await run(play, nursery)
        nursery.cancel_scope.cancel()
    assert play.backfill.statistics().failed == 1
    assert len(play.told(CUSTOM)) == 1


async def test_more_than_the_bounds_is_cut_off(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 2)
    monkeypatch.setattr(reading, "PAGES_PER_CHANNEL", 2)
    for age in range(50, 40, -1):
        play.write(age)
    play.backfill.opened(0, "new", [GUILD], 0)
    play.arrive()
    async with trio.open_nursery() as nursery:
        await run(play, nursery)
        nursery.cancel_scope.cancel()
    assert play.told(CUSTOM) == [play.ago(age) for age in (50, 49, 48, 47)]
    assert play.backfill.statistics().cut == 1


async def test_admins_are_told_once_a_day_where_nothing_may_be_read(play: Play) -> None:
    for day in (0, 0, 1):
        play.clock.advance(timedelta(days=day))
        play.backfill.opened(0, "new", [GUILD], play.ago(30))
        play.arrive(owner=2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(play.backfill.run)
            await wait_until(lambda: not play.backfill.is_open(GUILD), what="the end")
            nursery.cancel_scope.cancel()
    assert len(play.town.entries) == 2
    assert f"<#{ROOM}> and <#{HALL}>" in play.town.entries[0].description
    assert play.town.asked == []


async def test_a_feature_that_reads_nothing_back_has_no_gaps(play: Play) -> None:
    play.backfill = Backfill(
        history=play.town,
        bus=play.town,  # type: ignore[arg-type]
        budget=play.budget,
        settings=play.settings,
        guilds=play.guilds,
        progress=play.progress,
        clock=play.clock,
        rng=random.Random(1),
    )
    play.backfill.serve([feature("plain", Subscription("MESSAGE_CREATE", durable=True))], play.town)
    play.backfill.opened(0, "new", [GUILD], 0)
    assert play.town.over == [GUILD]
    assert play.backfill.statistics().opened == 0


async def test_the_actor_skips_what_it_knows_whichever_way_it_comes(play: Play) -> None:
    await play.progress.begin(0, "new")
    mine = ActorProgress(play.progress, guild_actor(GUILD, CUSTOM))
    mine.restore(None)
    missed = [GatewayEvent("MESSAGE_CREATE", play.message(age), 0, "", 0) for age in (30, 20)]
    missed[-1] = attrs.evolve(missed[-1], closes="label")
    closed: list[str] = []
    play.progress.when_filled(lambda _address, label: closed.append(label))
    live = GatewayEvent("MESSAGE_CREATE", play.message(20), 0, "new", 3)
    play.progress.hand_on(live, [guild_actor(GUILD, CUSTOM)])
    assert mine.fresh([*missed, live]) == missed
    assert play.progress.shard(0).open == 0  # type: ignore[union-attr]
    assert closed == []
    mine.committed(missed)
    assert closed == ["label"]
    assert mine.fresh([missed[1]]) == [], "told again: only its end is noted"
    assert await play.progress.write()
    assert closed == ["label", "label"]
    (standing,) = play.town.written
    assert (standing.seq, standing.seen.filled) == (0, missed[1].key)
    newer = GatewayEvent("MESSAGE_CREATE", play.message(5), 0, "", 0)
    end = attrs.evolve(missed[0], closes="again")
    assert mine.fresh([newer, end]) == [newer]
    assert await play.progress.write()
    assert closed == ["label", "label"], "not before what lies in front of it is dealt with"
    mine.passed([newer])
    assert await play.progress.write()
    assert closed == ["label", "label", "again"]


async def test_a_dead_letter_is_not_brought_again(play: Play) -> None:
    mine = ActorProgress(play.progress, guild_actor(GUILD, CUSTOM))
    poison = GatewayEvent("MESSAGE_CREATE", play.message(30), 0, "", 0, closes="label")
    assert mine.fresh([poison]) == [poison]
    play.progress.note(guild_actor(GUILD, CUSTOM), [poison])
    assert mine.fresh([poison]) == []
    assert mine.fresh([attrs.evolve(poison, letter=5)]) != [], "an operator has it told again"
    assert await play.progress.write()
    assert play.town.written[0].seen.has(poison.key)
    assert not play.town.written[0].seen.has(poison.key - 1)


def test_only_durable_messages_can_be_read_back() -> None:
    for event, durable in (("MESSAGE_CREATE", False), ("MESSAGE_DELETE", True)):
        with pytest.raises(ValueError, match="durable subscription"):
            Subscription(event, durable=durable, backfill=timedelta(minutes=1))
