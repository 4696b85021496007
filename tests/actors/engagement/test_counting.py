"""Counting once: whatever happens on the way, the tables are those of a run in which nothing happened.

A plan is a list of steps: messages, repetitions, replays, messages that were missed and are read back,
reactions, deletions; and between them crashes of the actor, kills of the process, outages of the database,
and new gateway sessions. It is played on the real actor, with its real parts, over a real database.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import trio
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from alphapy.actors.effects.reactions import ReactionCounts
from alphapy.actors.engagement.challenges import Challenges
from alphapy.actors.engagement.nickname_book import NicknameBook
from alphapy.actors.engagement.nicknames import Nicknames
from alphapy.actors.engagement.streaks import Streaks
from alphapy.actors.engagement.weekly import Weekly
from alphapy.gateway.events import Emoji, Event, MessageCreate, MessageDelete, MessageReactionAdd
from alphapy.pure.ids import ChannelId, UserId, snowflake_at
from alphapy.storage.pool import Pool, open_pool
from tests.support.engagement import ADDRESS, CHANNEL, GUILD, EngagementHouse, message
from tests.support.faulty_pool import FaultyPool, gone
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.actors.kernel.registry import Registry

MONDAY = datetime(2026, 7, 20, 9, tzinfo=UTC)
AUTHORS = (30, 31, 32)


@attrs.frozen
class Say:
    """A new message, dated so many days after the Monday."""

    author: int
    day: int
    image: bool = False


@attrs.frozen
class Missed:
    """A message that was never told, and is read back."""

    author: int
    day: int


@attrs.frozen
class Again:
    """An earlier message once more, as a new event."""

    back: int


@attrs.frozen
class ReadBack:
    """An earlier message is read back, although it was told."""

    back: int


@attrs.frozen
class React:
    """Somebody reacts to an earlier message."""

    back: int


@attrs.frozen
class Delete:
    """An earlier message is deleted."""

    back: int


@attrs.frozen
class Resume:
    """The session is resumed, and events are told that were told before."""

    replayed: int


@attrs.frozen
class Kill:
    """The process ends as it stands, ``into`` ms after it began to write what is noted; None: it does not.

    The next one is told everything behind the mark, and ``more``.
    """

    more: int
    into: float | None = None


@attrs.frozen
class Crash:
    """A message crashes the actor."""


@attrs.frozen
class Outage:
    """The next uses of the database fail; some of them after they were committed."""

    in_doubt: tuple[bool, ...]


@attrs.frozen
class Work:
    """The actor is done with what it was told."""


@attrs.frozen
class Write:
    """What is noted begins to be written, while everything else goes on."""


@attrs.frozen
class NewSession:
    """Once everything is durable, a new gateway session begins."""


@attrs.frozen
class Rest:
    """Everything is written."""


Step: TypeAlias = (
    Say
    | Missed
    | Again
    | ReadBack
    | React
    | Delete
    | Resume
    | Kill
    | Crash
    | Outage
    | Work
    | Write
    | NewSession
    | Rest
)

_authors, _days, _back = st.sampled_from(AUTHORS), st.integers(0, 3), st.integers(0, 7)
_steps = st.one_of(
    st.builds(Say, _authors, _days, st.booleans()),
    st.builds(Say, _authors, _days),
    st.builds(Missed, _authors, _days),
    st.builds(Again, _back),
    st.builds(ReadBack, _back),
    st.builds(React, _back),
    st.builds(Delete, _back),
    st.builds(Resume, st.integers(0, 9)),
    st.builds(Kill, st.integers(0, 9), st.none() | st.floats(0, 8)),
    st.just(Crash()),
    st.just(Work()),
    st.just(Write()),
    st.builds(Outage, st.lists(st.booleans(), min_size=1, max_size=4).map(tuple)),
    st.just(NewSession()),
    st.just(Rest()),
)


@attrs.define
class Model:
    """What the tables must say: the table of the specification, applied to each message once."""

    counted: set[int] = attrs.field(factory=set)
    weekly: dict[int, list[Any]] = attrs.field(factory=dict)
    challenge: Counter[int] = attrs.field(factory=Counter)
    streaks: dict[int, tuple[date, int]] = attrs.field(factory=dict)

    def take(self, event: Event) -> None:
        match event:
            case MessageCreate() if event.id not in self.counted:
                self.counted.add(event.id)
                self.weekly[event.id] = [event.author.id, bool(event.attachments), 0]
                self.challenge[event.author.id] += 1
                self._streak(event.author.id, event.sent_at.date())
            case MessageDelete():
                self.weekly.pop(event.id, None)
            case MessageReactionAdd() if event.message_id in self.weekly:
                self.weekly[event.message_id][2] += 1

    def _streak(self, author: int, day: date) -> None:
        last, days = self.streaks.get(author, (None, 0))
        if last is None or day > last:
            follows = last is not None and day == last + timedelta(days=1)
            self.streaks[author] = (day, days + 1 if follows else 1)


@attrs.define
class Town:
    """The log of the gateway, and what is true whichever process lives."""

    pool: Pool
    challenge_id: int = 0
    draw_id: int = 0
    model: Model = attrs.field(factory=Model)
    session: int = 1
    log: list[tuple[str, Event]] = attrs.field(factory=list)
    """The events of the session; the first one has number 1."""
    messages: list[MessageCreate] = attrs.field(factory=list)
    mark: int = 0
    faults: list[Exception] = attrs.field(factory=list)

    async def prepare(self) -> None:
        async with self.pool.transaction("test") as tx:
            await tx.execute(
                "TRUNCATE engagement_challenges, engagement_participants, engagement_streaks,"
                " engagement_weekly_messages, event_progress, effects CASCADE"
            )
            self.challenge_id, self.draw_id = [
                await tx.fetch_value(
                    "INSERT INTO engagement_challenges (guild_id, channel_id, mode, started_at, ends_at)"
                    " VALUES (%s, %s, %s, %s, %s) RETURNING id",
                    (GUILD, CHANNEL, mode, MONDAY - timedelta(days=1), MONDAY + timedelta(days=90)),
                )
                for mode in ("leaderboard", "random")
            ]

    def house(self) -> EngagementHouse:
        pool: Any = FaultyPool(self.pool, self.faults)
        house = EngagementHouse(self.pool, [], through=pool)
        book = NicknameBook(house.settings)
        house.parts = (
            lambda host: Challenges(host, house.kit.rng),
            lambda host: Weekly(host, ReactionCounts()),
            lambda host: Streaks(host, Nicknames(host, NoMembers(), book)),
        )
        return house

    # -- what happens

    def say(self, step: Say | Missed) -> MessageCreate:
        number = len(self.messages) + 1
        has_image = isinstance(step, Say) and step.image
        said = message(
            number,
            step.author,
            at=MONDAY + timedelta(days=step.day),
            id=str(snowflake_at(MONDAY) + number),  # ids come in order, whatever the dates
            attachments=[{"id": "1", "content_type": "image/png"}] if has_image else [],
        )
        self.messages.append(said)
        return said

    def earlier(self, back: int) -> MessageCreate | None:
        return self.messages[-1 - back % len(self.messages)] if self.messages else None

    def event_of(self, step: Step) -> tuple[str, Event] | None:
        """The event of the log that a step leads to."""
        if isinstance(step, Say):
            return "MESSAGE_CREATE", self.say(step)
        if not isinstance(step, Again | React | Delete) or (old := self.earlier(step.back)) is None:
            return None
        match step:
            case Again():
                return "MESSAGE_CREATE", old
            case React():
                return "MESSAGE_REACTION_ADD", MessageReactionAdd(
                    user_id=UserId(99),
                    channel_id=ChannelId(CHANNEL),
                    message_id=old.id,
                    emoji=Emoji(name="⭐"),
                    guild_id=GUILD,
                )
            case Delete():
                return "MESSAGE_DELETE", MessageDelete(
                    id=old.id, channel_id=ChannelId(CHANNEL), guild_id=GUILD
                )


class NoMembers:
    """Nobody is asked."""

    async def members(self, guild_id: Any, *, after: int) -> tuple[Any, ...]:
        return ()

    async def member(self, guild_id: Any, user_id: Any, *, within: float) -> Any:
        raise NotImplementedError


class Life:
    """One process."""

    def __init__(self, town: Town, registry: Registry, house: EngagementHouse, nursery: trio.Nursery) -> None:
        self._town = town
        self._nursery = nursery
        self._registry = registry
        self._house = house

    def tell(self, seq: int, name: str, event: Event) -> None:
        session = f"session {self._town.session}"
        self._house.tell(self._registry, event, seq, name=name, session=session)

    def replay(self, after: int) -> None:
        for seq, (name, event) in enumerate(self._town.log[after:], start=after + 1):
            self.tell(seq, name, event)

    def is_idle(self) -> bool:
        health = self._registry.find(ADDRESS)
        return health is None or (health.normal_depth == 0 and health.busy_seconds == 0)

    async def settle(self) -> None:
        top = len(self._town.log)
        progress = self._house.progress

        async def is_settled() -> bool:
            await progress.write()
            return self.is_idle() and self._house.mark == top and progress.noted(ADDRESS) is None

        await wait_until(is_settled, within=60, what=f"mark {top}")

    async def play(self, step: Step) -> None:
        town = self._town
        told = town.event_of(step)
        if told is not None:
            town.log.append(told)
            town.model.take(told[1])
            self.tell(len(town.log), *told)
        match step:
            case Missed():
                missed = town.say(step)
                town.model.take(missed)
                self.tell(0, "MESSAGE_CREATE", missed)
                # It is in no log: until it is durable, a back-fill would read it again after a kill.
                await self.settle()
            case ReadBack() if (old := town.earlier(step.back)) is not None:
                self.tell(0, "MESSAGE_CREATE", old)
            case Resume():
                self.replay(max(len(town.log) - step.replayed, 0))
            case Crash():
                self._registry.tell(ADDRESS, "this crashes it")
            case Outage():
                town.faults += [gone(in_doubt=in_doubt) for in_doubt in step.in_doubt]
            case Work():
                await wait_until(self.is_idle, what="the actor")
            case Write():
                self._nursery.start_soon(self._house.progress.write)
            case Kill(into=float() as into):
                self._nursery.start_soon(self._house.progress.write)
                await trio.sleep(into / 1000)
            case NewSession():
                await self.settle()
                town.session += 1
                town.log.clear()
                await self._house.progress.begin(0, f"session {town.session}")
            case Rest():
                await self.settle()
        await trio.lowlevel.checkpoint()


async def play(url: str, steps: list[Step]) -> tuple[Model, Model]:
    """What the tables must say, and what they say."""
    async with open_pool(url, min_size=1) as pool:
        town = Town(pool)
        await town.prepare()
        lives: list[list[Step]] = [[]]
        for step in steps:
            if isinstance(step, Kill):
                lives[-1].append(step)
                lives.append([])
            else:
                lives[-1].append(step)
        for life in lives:
            await live(town, life)
        return town.model, await read(town)


async def live(town: Town, steps: list[Step]) -> None:
    house = town.house()
    async with (
        trio.open_nursery() as nursery,
        house.running(f"session {town.session}", mark=town.mark) as registry,
    ):
        life = Life(town, registry, house, nursery)
        life.replay(town.mark)
        for step in steps:
            await life.play(step)
            if isinstance(step, Kill):
                town.mark = max(house.mark - step.more, 0)
                nursery.cancel_scope.cancel()
                await trio.lowlevel.checkpoint()
            if isinstance(step, NewSession):
                town.mark = 0
        await life.settle()
        town.mark = house.mark


async def read(town: Town) -> Model:
    async with town.pool.transaction("test") as tx:
        weekly = await tx.fetch_all(
            "SELECT message_id, user_id, has_image, reactions_count FROM engagement_weekly_messages"
        )
        counts = await tx.fetch_all(
            "SELECT user_id, message_count FROM engagement_participants WHERE challenge_id = %s",
            (town.challenge_id,),
        )
        drawn = await tx.fetch_all(
            "SELECT user_id, message_count FROM engagement_participants WHERE challenge_id = %s",
            (town.draw_id,),
        )
        streaks = await tx.fetch_all("SELECT user_id, last_day, current_days FROM engagement_streaks")
    assert dict(drawn) == dict.fromkeys(town.model.challenge, 0)
    return Model(
        counted=town.model.counted,
        weekly={row[0]: list(row[1:]) for row in weekly},
        challenge=Counter(dict(counts)),
        streaks={row[0]: (row[1], row[2]) for row in streaks},
    )


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink a plan would take too long
)
@given(st.lists(_steps, min_size=3, max_size=25))
@example([Say(30, 0), Say(30, 1), Kill(9), Resume(9), Say(31, 0), Crash(), Say(30, 2), Kill(0), ReadBack(2)])
@example([Say(30, 0), Outage((True, False, True)), Say(30, 1), React(0), Kill(3), React(0), Again(1)])
@example([Say(30, 0), Work(), Resume(9), Work(), Kill(0), Say(30, 1)])
@example([Say(30, 0), Rest(), Say(31, 0), Work(), Kill(0, 1.5), Say(31, 1), Work(), Kill(0, 2.5)])
@example([Say(30, 0), Outage((True,)), Work(), Write(), Say(30, 1), Work(), Say(30, 2), Work()])
@example([Say(30, 0, image=True), Delete(0), Rest(), Again(0), Missed(31, 2), NewSession(), Say(31, 3)])
def test_whatever_happens_every_message_counts_once(database_url: str, steps: list[Step]) -> None:
    expected, found = trio.run(play, database_url, steps)
    assert found == expected
