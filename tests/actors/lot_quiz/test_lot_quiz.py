"""How a quiz is played: whose messages answer what, and what is stored (spec/engagement.md 4.10)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import trio

from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.lot_quiz.actor import LotQuizActor, Places
from alphapy.actors.lot_quiz.commands import LotQuizCommand
from alphapy.actors.lot_quiz.messages import LOT_QUIZ
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.models.user import User
from alphapy.gateway.rest.errors import UNKNOWN_INTERACTION
from alphapy.pure.ids import ChannelId, MessageId, UserId
from tests.gateway.interactions.house import House, house
from tests.support.actors import running
from tests.support.interactions import CHANNEL, USER, FakeCalls, command, refused
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.storage.pool import Pool

SOON = 0.2
"""Seconds for an answer where none is to come."""
LONG = 30.0


@attrs.define
class Discord:
    """Takes follow-ups; each is a message whose id is higher than any before."""

    newest: int = 1 << 62
    shown: list[OutgoingMessage] = attrs.field(factory=list)
    deaf: bool = False
    hold: trio.Event | None = None

    async def follow_up(self, application_id: int, token: str, message: OutgoingMessage) -> MessageId:
        assert token == "a-secret-token"
        assert message.ephemeral
        if self.deaf:
            raise refused(UNKNOWN_INTERACTION)
        self.newest += 1
        posted = MessageId(self.newest)
        self.shown.append(message)
        if self.hold is not None:
            await self.hold.wait()
        await trio.lowlevel.checkpoint()
        return posted

    @property
    def titles(self) -> list[str | None]:
        return [message.embeds[0].title for message in self.shown]


@attrs.define
class Table:
    """Where a quiz is played."""

    discord: Discord
    places: Places
    registry: Registry
    house: House

    async def begin(self, **more: Any) -> str:
        """What the member reads of the command."""
        before = len(self.house.calls.said)
        self.house.dispatcher.submit(command("lotquiz", **more), trio.current_time())
        await wait_until(lambda: len(self.house.calls.said) > before, what="an answer")
        said = self.house.calls.said[-1]
        assert said.ephemeral
        data = said.body["data"]
        return str(data["embeds"][0]["title"] if "embeds" in data else data["content"])

    def say(self, text: str, *, user: int = USER, channel: int = CHANNEL, number: int | None = None) -> None:
        self.discord.newest += 1
        said = MessageCreate(
            id=MessageId(number or self.discord.newest),
            channel_id=ChannelId(channel),
            author=User(id=UserId(user), username="someone"),
            content=text,
        )
        if self.places.wants(said):
            self.registry.tell_event(LOT_QUIZ, GatewayEvent("MESSAGE_CREATE", said, 0, "session", 1))

    async def wait_steps(self, count: int) -> None:
        await wait_until(lambda: len(self.discord.shown) == count, what=f"{count} steps")
        await trio.testing.wait_all_tasks_blocked(0.01)


@asynccontextmanager
async def playing(pool: Pool, *, within: float = LONG, children: int = 10) -> AsyncIterator[Table]:
    discord, places = Discord(), Places()
    spec = ChildSpec(
        factory=lambda context: LotQuizActor(
            context, discord=discord, pool=pool, places=places, answer_within=within
        ),
        children=children,
        stop_within=0.5,
    )
    async with running(process_lot_quiz=spec) as registry:
        quiz = LotQuizCommand(registry)
        async with house(FakeCalls(), commands=[quiz.command()]) as found:
            yield Table(discord, places, registry, found)
        assert not found.crashes


async def rows(pool: Pool) -> tuple[list[Any], list[Any]]:
    async with pool.transaction("test") as tx:
        sessions = await tx.fetch_all("SELECT user_id, score, total_questions FROM quiz_sessions ORDER BY id")
        answers = await tx.fetch_all(
            "SELECT user_answer, correct_answer, is_correct, pip_type FROM quiz_answers ORDER BY id"
        )
    return sessions, answers


async def has_ended(pool: Pool, count: int = 1) -> bool:
    return len((await rows(pool))[0]) == count


async def test_engagement_39_two_of_three_and_the_last_without_an_answer(pool: Pool) -> None:
    async with playing(pool, within=3.0) as table:
        assert await table.begin() == "🎲 Lot size quiz"
        table.say("0.38")
        await table.wait_steps(1)
        table.say("0,18")
        await wait_until(lambda: has_ended(pool), what="the rows")
        assert table.discord.titles == ["✅ Correct, well done!"] * 2 + ["⏰ Time is up"]
        assert table.discord.shown[-1].embeds[0].fields[0].value == "2 of 3"
        sessions, answers = await rows(pool)
        assert sessions == [(USER, 2, 3)]
        assert answers == [
            ("0.38", "0.4", True, "major"),
            ("0,18", "0.18", True, "jpy"),
            (None, "0.3", False, "xau"),
        ]
        assert await table.begin() == "🎲 Lot size quiz"


async def test_one_message_of_the_player_is_taken_for_each_question(pool: Pool) -> None:
    async with playing(pool) as table:
        await table.begin()
        table.say("0.4", user=USER + 1)
        table.say("0.4", channel=CHANNEL + 1)
        table.say("0.4", number=1)  # written before the command
        table.discord.hold = trio.Event()
        table.say("around 0.4")
        await table.wait_steps(1)
        table.say("0.18", number=table.discord.newest - 1)  # while the second question is on its way
        early = table.discord.newest
        table.discord.hold.set()
        table.discord.hold = None
        await trio.testing.wait_all_tasks_blocked(0.01)
        table.say("0.18", number=early + 100)
        await table.wait_steps(2)
        table.discord.newest = early + 200
        table.say("0.5")
        await wait_until(lambda: has_ended(pool), what="the rows")
        assert table.discord.titles == ["❌ That is not a number", "✅ Correct, well done!", "❌ Not quite"]
        assert [row[0] for row in (await rows(pool))[1]] == ["around 0.4", "0.18", "0.5"]


async def test_one_run_of_a_member_in_a_guild_and_one_in_a_direct_message(pool: Pool) -> None:
    async with playing(pool, children=2) as table:
        assert await table.begin() == "🎲 Lot size quiz"
        assert (await table.begin()).startswith("You are in the middle of a quiz here.")
        assert await table.begin(guild_id=0, channel_id="777") == "🎲 Lot size quiz"
        assert (await table.begin(guild_id=101)).startswith("Too much is going on")
        assert [outcome.error for outcome in table.house.outcomes] == [None, "running", None, "busy"]


async def test_a_run_ends_where_its_player_cannot_be_reached(pool: Pool) -> None:
    async with playing(pool) as table:
        await table.begin()
        table.discord.deaf = True
        table.say("0.4")
        await wait_until(lambda: not table.places.wants(message()), what="the end of the run")
        assert await rows(pool) == ([], [])


async def test_a_first_question_that_is_not_seen_ends_the_run(pool: Pool) -> None:
    async with playing(pool) as table:
        table.house.calls.failures["respond"] = [refused(UNKNOWN_INTERACTION)]
        table.house.dispatcher.submit(command("lotquiz"), trio.current_time())
        await wait_until(lambda: bool(table.house.outcomes), what="the outcome")
        await wait_until(lambda: not table.places.wants(message()), what="the end of the run")
        assert await table.begin() == "🎲 Lot size quiz"


async def test_the_score_is_shown_even_where_it_cannot_be_saved(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute("ALTER TABLE quiz_answers RENAME TO gone")
    async with playing(pool, within=SOON) as table:
        await table.begin()
        await table.wait_steps(3)
        assert table.discord.shown[-1].embeds[0].fields[0].value == "0 of 3"
        await wait_until(lambda: not table.places.wants(message()), what="the end of the run")
        assert await table.begin() == "🎲 Lot size quiz"
    async with pool.transaction("test") as tx:
        assert await tx.fetch_value("SELECT count(*) FROM quiz_sessions") == 0


def message(*, bot: bool = False, kind: int = 0) -> MessageCreate:
    return MessageCreate(
        id=MessageId(1),
        channel_id=ChannelId(CHANNEL),
        author=User(id=UserId(USER), username="someone", bot=bot),
        type=kind,
    )


def test_only_messages_that_people_write_are_wanted() -> None:
    places = Places()
    assert not places.wants(message())
    places.enter(ChannelId(CHANNEL), UserId(USER))
    assert places.wants(message())
    assert places.wants(message(kind=19))
    assert not places.wants(message(kind=6))
    assert not places.wants(message(bot=True))
    places.leave(ChannelId(CHANNEL), UserId(USER))
    assert not places.wants(message())


async def test_a_message_of_somebody_else_is_a_dead_letter(pool: Pool) -> None:
    async with playing(pool) as table:
        table.registry.tell(LOT_QUIZ, "what?")
        await wait_until(lambda: table.registry.dead_letters().parked == 1, what="the dead letter")
