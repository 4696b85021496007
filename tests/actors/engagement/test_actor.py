"""The actor of a guild: counting once, parts that fail, the gate of the settings, events and effects."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.effects.verbs import Verb
from alphapy.actors.engagement import actor
from alphapy.actors.engagement.actor import RECENT, qualifies
from alphapy.actors.engagement.messages import Forget, Wake
from alphapy.actors.engagement.part import NOT_MINE, Part, Post, Work
from alphapy.actors.operational_events.messages import RecordEvent
from alphapy.actors.settings.messages import SettingsChanged
from alphapy.gateway.events import ChannelDelete, GuildCreate, MessageDelete
from alphapy.gateway.models.guild import Channel, ChannelType
from alphapy.pure.ids import ChannelId, MessageId, UserId
from alphapy.storage import deadletters
from alphapy.storage.effects import Draft, Effect
from alphapy.storage.engagement_rows import StreakRow
from tests.support.actors import ask
from tests.support.engagement import ADDRESS, CHANNEL, GUILD, EngagementHouse, message
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from alphapy.actors.engagement.part import Host, Row
    from alphapy.actors.feature import GatewayEvent
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

ALL = "SELECT user_id, current_days FROM engagement_streaks ORDER BY user_id"


@attrs.define
class Plan:
    """What the parts of a test do, and what they were told; it outlives them."""

    fails_on: set[int] = attrs.field(factory=set)
    """Authors whose posts make the part fail, after it has changed its memory."""
    fails_to_prepare: set[int] = attrs.field(factory=set)
    posts: list[Post] = attrs.field(factory=list)
    batches: list[int] = attrs.field(factory=list)
    loads: int = 0
    woken: int = 0
    wake_fails: bool = False
    forgotten: list[UserId] = attrs.field(factory=list)
    undone: list[str] = attrs.field(factory=list)
    events: list[str] = attrs.field(factory=list)
    event_fails: bool = False


@attrs.frozen
class Question:
    """A message of the part."""


class Tally(Part):
    """Counts the posts of each author, in rows of the users from ``base`` on."""

    def __init__(self, host: Host, plan: Plan, base: int, name: str) -> None:
        self._host = host
        self._plan = plan
        self._base = base
        self._name = name
        self._counts: Counter[int] = Counter()

    @property
    @override
    def name(self) -> str:
        return self._name

    @override
    async def read(self, tx: Transaction) -> object:
        self._plan.loads += 1
        rows = await tx.fetch_all(
            "SELECT user_id, current_days FROM engagement_streaks WHERE user_id BETWEEN %s AND %s",
            (self._base, self._base + 999),
        )
        return Counter(dict(rows))

    @override
    def adopt(self, state: object) -> None:
        assert isinstance(state, Counter)
        self._counts = state

    @override
    async def prepare(self, posts: Sequence[Post]) -> None:
        if any(post.author_id in self._plan.fails_to_prepare for post in posts):
            raise ValueError("this part cannot prepare")

    @override
    def count(self, posts: Sequence[Post]) -> Sequence[Row]:
        self._plan.batches.append(len(posts))
        rows: list[Row] = []
        for post in posts:
            user_id = UserId(self._base + post.author_id)
            self._counts[user_id] += 1
            if post.author_id in self._plan.fails_on:
                raise ValueError("this part cannot count")
            rows.append(
                StreakRow(guild_id=GUILD, user_id=user_id, last_day=None, current_days=self._counts[user_id])
            )
        self._plan.posts += posts
        return rows

    @override
    async def on_event(self, event: GatewayEvent) -> Work | None:
        self._plan.events.append(event.name)
        if self._plan.event_fails:
            raise ValueError("this part cannot bear events")
        if not isinstance(event.event, MessageDelete):
            return None
        user_id = self._base + 999

        async def write(tx: Transaction) -> Sequence[Draft]:
            await tx.execute(
                "INSERT INTO engagement_streaks (guild_id, user_id, current_days) VALUES (%s, %s, 1)"
                " ON CONFLICT (guild_id, user_id)"
                " DO UPDATE SET current_days = engagement_streaks.current_days + 1",
                (GUILD, user_id),
            )
            return [self.draft("written")]

        def done() -> None:
            self._counts[user_id] += 1

        return Work(drafts=[self.draft("drafted")], write=write, done=done)

    def draft(self, key: str) -> Draft:
        return Draft(
            kind="ring",
            event_key=f"{self._name} {key}",
            payload={"about": {"part": self._name}},
            deadline_at=self._host.clock.now() + timedelta(hours=1),
        )

    @override
    async def handle(self, message: object) -> object:
        if not isinstance(message, Question):
            return NOT_MINE
        await self._host.flushed()
        return await self._host.read(lambda tx: tx.fetch_all(ALL))

    @override
    async def wake(self) -> None:
        self._plan.woken += 1
        if self._plan.wake_fails:
            raise ValueError("this part cannot wake")

    @override
    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        return () if effect.event_key.endswith("!") else [self.draft(f"{effect.id}!")]

    @override
    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        self._plan.undone.append(effect.event_key)
        return ()

    @override
    def forget(self, user_id: UserId) -> None:
        self._plan.forgotten.append(user_id)
        self._counts.pop(self._base + user_id, None)


class Ring(Verb):
    """An effect that always succeeds, unless it is told not to."""

    idempotent = True

    def __init__(self) -> None:
        self.done: list[str] = []
        self.is_broken = False

    @override
    async def perform(self, effect: Effect, *, within: float) -> MessageId | None:
        if self.is_broken:
            raise ValueError("broken")
        self.done.append(effect.event_key)
        return MessageId(effect.id)

    @override
    async def find(self, effect: Effect) -> tuple[MessageId, ...]:
        return ()

    @override
    def explain(self, effect: Effect, error: object) -> str:
        return ""


FIRST, SECOND = 1000, 2000


def tally(plan: Plan, base: int, name: str) -> Callable[[Host], Part]:
    return lambda host: Tally(host, plan, base, name)


def house(pool: Pool, plan: Plan, other: Plan | None = None, **more: Any) -> EngagementHouse:
    parts = [tally(plan, FIRST, "streaks"), tally(other or Plan(), SECOND, "weekly")]
    return EngagementHouse(pool, parts if other is not None else parts[:1], **more)


async def settled(where: EngagementHouse, mark: int) -> None:
    await wait_until(lambda: where.mark == mark, what=f"mark {mark}")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"type": 19}, True),
        ({"type": 7}, False),
        ({"type": 20}, False),
        ({"webhook_id": "5"}, False),
        ({"bot": True}, False),
        ({"guild_id": None}, False),
    ],
)
def test_which_messages_count(more: dict[str, Any], expected: bool) -> None:
    assert qualifies(message(1, **more)) is expected


async def test_every_message_counts_once_however_it_comes(pool: Pool) -> None:
    plan = Plan()
    where = house(pool, plan)
    where.guilds.apply(
        GuildCreate(
            id=GUILD,
            channels=(Channel(id=ChannelId(CHANNEL), type=ChannelType.TEXT, parent_id=ChannelId(1)),),
            threads=(Channel(id=ChannelId(21), type=ChannelType.PUBLIC_THREAD, parent_id=ChannelId(20)),),
        )
    )
    async with where.running() as registry:
        one, two = message(1, 30), message(2, 31, channel_id="21")
        where.tell(registry, one, 1)
        where.tell(registry, two, 2)
        where.tell(registry, message(3, 30, type=7), 3)
        await settled(where, 3)
        where.tell(registry, one, 1)  # a replay
        where.tell(registry, one, 4)  # the same once more
        where.tell(registry, two, 0)  # read back
        where.tell(registry, message(4, 30), 5)
        await settled(where, 5)
    assert await where.rows(ALL) == [(1030, 2), (1031, 1)]
    assert [post.parent_id for post in plan.posts] == [None, 20, None]
    async with where.running() as registry:  # the next life, in the same session
        where.tell(registry, one, 1)
        where.tell(registry, message(5, 30), 6)
        await settled(where, 6)
    assert await where.rows(ALL) == [(1030, 3), (1031, 1)]
    assert plan.loads == 2
    assert plan.woken == 2


async def test_what_is_due_waits_for_a_guild_that_is_not_heard_but_not_for_ever(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts: list[Host] = []

    def part(host: Host) -> Part:
        hosts.append(host)
        return tally(Plan(), FIRST, "streaks")(host)

    where = EngagementHouse(pool, [part])
    async with where.running() as registry:
        where.tell(registry, message(1), 1)
        await settled(where, 1)
        (host,) = hosts
        assert not host.is_caught_up(), "Discord has not named the guild"
        where.guilds.apply(GuildCreate(id=GUILD))
        assert host.is_caught_up()
        where.is_caught_up = False
        assert not host.is_caught_up()
        monkeypatch.setattr(actor, "BEHIND_FOR", 0.0)
        assert host.is_caught_up()


async def test_a_part_that_fails_leaves_out_what_it_fails_on_and_stops_no_other(pool: Pool) -> None:
    plan, other = Plan(fails_on={31}), Plan()
    where = house(pool, plan, other)
    async with where.running() as registry:
        for number, author in enumerate((30, 31, 30, 31, 32), start=1):
            where.tell(registry, message(number, author), number)
        await settled(where, 5)
        plan.fails_on.clear()
        other.fails_to_prepare = {33}
        where.tell(registry, message(6, 31), 6)
        where.tell(registry, message(7, 33), 7)
        await settled(where, 7)
        (told,) = [one for one in where.told if isinstance(one, RecordEvent) and "streaks" in one.message]
        assert told.details["part"] == "streaks"
    assert await where.rows(ALL) == [
        (1030, 2),
        (1031, 1),
        (1032, 1),
        (1033, 1),
        (2030, 2),
        (2031, 3),
        (2032, 1),
    ]
    assert not where.pool.statistics().in_use


async def test_nothing_counts_while_it_is_off_and_waits_while_nobody_knows(pool: Pool) -> None:
    plan, other = Plan(), Plan()
    where = house(pool, plan, other, streaks_enabled=False)
    async with where.running() as registry:
        where.tell(registry, message(1), 1)
        await settled(where, 1)
        assert await where.rows(ALL) == [(2030, 1)]
        where.settings.values |= {"streaks_enabled": True, "enabled": False}
        where.tell(registry, message(2), 2)
        await settled(where, 2)
        where.settings.are_away = True
        where.tell(registry, message(3), 3)
        await wait_until(lambda: (found := registry.find(ADDRESS)) is not None and bool(found.postponed))
        where.settings.values["enabled"] = True
        where.settings.are_away = False
        await settled(where, 3)
    assert await where.rows(ALL) == [(1030, 1), (2030, 2)]


async def test_events_are_written_behind_the_posts_before_them(pool: Pool) -> None:
    plan = Plan()
    ring = Ring()
    where = house(pool, plan, verbs={"ring": ring})
    gone = MessageDelete(id=MessageId(1), channel_id=ChannelId(CHANNEL), guild_id=GUILD)
    async with where.running() as registry:
        where.tell(registry, message(1), 1)
        where.tell(registry, gone, 2, name="MESSAGE_DELETE")
        where.tell(registry, message(2), 3)
        where.tell(
            registry,
            ChannelDelete(id=ChannelId(CHANNEL), type=0, guild_id=GUILD),
            4,
            name="CHANNEL_DELETE",
        )
        await settled(where, 4)
        await wait_until(lambda: len(ring.done) == 4, what="the effects")
        assert plan.events == ["MESSAGE_DELETE", "CHANNEL_DELETE"]
        plan.event_fails = True
        where.tell(registry, gone, 5, name="MESSAGE_DELETE")
        await settled(where, 5)
        ring.is_broken, plan.event_fails = True, False
        await where.rows("DELETE FROM effects RETURNING id")
        where.tell(registry, gone, 6, name="MESSAGE_DELETE")
        await settled(where, 6)
        await wait_until(lambda: len(plan.undone) == 2, what="what was refused")
    assert await where.rows(ALL) == [(1030, 2), (1999, 2)]
    assert {"streaks drafted", "streaks written"} <= set(ring.done)


async def test_questions_find_in_the_database_what_was_counted(pool: Pool) -> None:
    plan = Plan()
    where = house(pool, plan)
    async with where.running() as registry:
        where.tell(registry, message(1), 1)
        await wait_until(lambda: bool(plan.posts))
        reply = await registry.ask(ADDRESS, Question(), timeout=10)  # type: ignore[var-annotated, arg-type]
        assert reply.value == [(1030, 1)]  # type: ignore[union-attr]
        where.tell(registry, message(2), 2)
        await wait_until(lambda: len(plan.posts) == 2)
        assert await ask(registry, ADDRESS, Forget(UserId(30)))
        assert plan.forgotten == [30]
        assert await where.rows(ALL) == [(1030, 2)], "nothing of the person is on its way"


async def test_parts_are_woken_by_the_start_the_clock_and_settings(pool: Pool) -> None:
    plan, other = Plan(wake_fails=True), Plan()
    where = house(pool, plan, other)
    changed = SettingsChanged(
        guild_id=GUILD, scope="engagement", key="enabled", old=1, new=1, version=2, source=None, actor_id=None
    )
    async with where.running() as registry:
        registry.tell(ADDRESS, Wake())
        registry.tell(ADDRESS, changed)
        await wait_until(lambda: other.woken == 3, what="the other one")
        assert plan.woken == 3


async def test_a_crash_of_the_actor_loses_nothing_and_doubles_nothing(pool: Pool) -> None:
    plan = Plan()
    where = house(pool, plan)
    async with where.running(writes=False) as registry:
        where.tell(registry, message(1), 1)
        where.tell(registry, message(2), 2)
        await wait_until(lambda: len(plan.posts) == 2, what="the posts")
        registry.tell(ADDRESS, "this crashes it")
        async with trio.open_nursery() as nursery:
            await nursery.start(where.progress.run)
            where.tell(registry, message(3), 3)
            await settled(where, 3)
            nursery.cancel_scope.cancel()
        assert plan.loads == 3, "the message is tried twice, and each new life reads what was counted"
    assert await where.rows(ALL) == [(1030, 3)]


async def test_a_dead_letter_counts_with_its_deletion(pool: Pool) -> None:
    plan = Plan()
    where = house(pool, plan)
    letter = deadletters.Letter(
        address=str(ADDRESS),
        guild_id=GUILD,
        message_type="GatewayEvent",
        message={},
        error="",
        traceback="",
        attempts=2,
    )
    async with pool.transaction("test") as tx:
        number = await deadletters.park(tx, letter)
    async with where.running() as registry:
        where.tell(registry, message(1), 0, letter=number)
        await wait_until(lambda: bool(plan.posts))
        where.tell(registry, message(2), 1)
        await settled(where, 1)
    assert await where.rows(ALL) == [(1030, 2)]
    assert await where.rows("SELECT FROM dead_letters") == []


async def test_no_more_ids_are_remembered_than_needed(pool: Pool) -> None:
    plan = Plan()
    where = house(pool, plan)
    async with where.running() as registry:
        for number in range(1, RECENT + 102):
            where.tell(registry, message(number), number)
            if number % 700 == 0:
                await settled(where, number)
        await settled(where, RECENT + 101)
    assert await where.rows(ALL) == [(1030, RECENT + 101)]
    assert max(plan.batches) > 1, "they are counted together"
