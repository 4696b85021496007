"""What `!sync` does, whoever says it, and however it comes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.command_sync.messages import SyncByHand, SyncOutcome, SyncResult
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.maintenance.messages import TEXT_COMMANDS
from alphapy.actors.maintenance.reload import feature_name, known_names
from alphapy.actors.maintenance.text_commands import TextCommands, may_be_command
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.invocation import Outcome
from alphapy.gateway.models.user import User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from tests.support.actors import running
from tests.support.clock import START, FakeClock
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EPOCH = 1_420_070_400_000
OWNER = 5


def said(
    content: str, *, number: int = 1, author: int = OWNER, age: float = 0, **fields: Any
) -> MessageCreate:
    sent = int((START - timedelta(seconds=age)).timestamp() * 1000)
    return MessageCreate(
        id=MessageId((sent - EPOCH << 22) + number),
        channel_id=ChannelId(7),
        author=User(id=UserId(author), username="somebody", bot=fields.pop("bot", False)),
        content=content,
        **{"guild_id": GuildId(3), **fields},
    )


@pytest.mark.parametrize(
    ("content", "is_command"),
    [
        ("!sync", True),
        ("  !sync --force", True),
        ("!sync\n-f", True),
        ("!synced", False),
        ("a !sync", False),
        ("", False),
    ],
)
def test_a_text_command_is_a_word_of_its_own(content: str, is_command: bool) -> None:
    assert may_be_command(said(content)) is is_command
    assert not may_be_command(said(content, bot=True))


@attrs.define
class Channel:
    """A channel of Discord, which may refuse."""

    texts: list[str] = attrs.field(factory=list)
    refuses: bool = False

    async def create_message(self, _channel_id: Any, message: Any) -> MessageId:
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise DiscordError(kind=DiscordErrorKind.FORBIDDEN, route="POST", message="no")
        assert message.nonce
        self.texts.append(message.content)
        return MessageId(len(self.texts) - 1)

    async def edit_message(self, _channel_id: Any, message_id: MessageId, message: Any) -> None:
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise DiscordError(kind=DiscordErrorKind.FORBIDDEN, route="PATCH", message="no")
        self.texts[message_id] = message.content


class Owners:
    application_id = None

    def is_owner(self, user_id: int) -> bool:
        return user_id == OWNER


@attrs.define
class Play:
    registry: Registry
    channel: Channel
    clock: FakeClock
    asked: list[SyncByHand]
    outcomes: list[Outcome]

    def tell(self, message: MessageCreate) -> None:
        self.registry.tell_event(TEXT_COMMANDS, GatewayEvent("MESSAGE_CREATE", message, 0, "session", 1))

    async def wait_outcomes(self, count: int) -> list[str | None]:
        await wait_until(lambda: len(self.outcomes) == count, what="the rows")
        return [outcome.error for outcome in self.outcomes]


@asynccontextmanager
async def playing(*results: SyncResult) -> AsyncIterator[Play]:
    asked: list[SyncByHand] = []
    outcomes: list[Outcome] = []
    left = list(results)

    class Sync(Actor):
        @override
        async def handle(self, message: object) -> object:
            assert isinstance(message, SyncByHand)
            asked.append(message)
            return left.pop(0)

    class Tracker(Actor):
        @override
        async def handle(self, message: object) -> object:
            assert isinstance(message, Outcome)
            outcomes.append(message)
            return None

    channel, clock = Channel(), FakeClock()
    spec = ChildSpec(
        factory=lambda context: TextCommands(context, discord=channel, owners=Owners(), clock=clock)
    )
    async with running(
        process_command_sync=ChildSpec(factory=Sync),
        process_command_tracker=ChildSpec(factory=Tracker),
        process_text_commands=spec,
    ) as registry:
        yield Play(registry, channel, clock, asked, outcomes)


DONE = SyncResult(outcome=SyncOutcome.SYNCED, command_count=1)


async def test_the_owner_reads_what_came_of_it() -> None:
    results = {
        "Done: 1 command of its own; the others are global, for this server.": DONE,
        "That was done a short while ago. Try again in 12m 5s, or use `!sync --force`.": SyncResult(
            outcome=SyncOutcome.SKIPPED, remaining=725
        ),
        "Discord asks for patience: please try again in 30s.": SyncResult(
            outcome=SyncOutcome.SKIPPED, remaining=30, limited_by_discord=True
        ),
        "That did not work; the log says why. The commands stay as they were.": SyncResult(
            outcome=SyncOutcome.FAILED, error="50035 of our insides"
        ),
    }
    async with playing(*results.values()) as play:
        for number, text in enumerate(results):
            play.tell(said("!sync", number=number))
            await wait_until(lambda text=text: play.channel.texts[-1:] == [text], what=text)  # type: ignore[misc]
        assert await play.wait_outcomes(4) == [None, "cooldown", "cooldown", "50035 of our insides"]
        assert {(one.path, one.kind, one.guild_id, one.user_id) for one in play.outcomes} == {
            ("sync", "text", 3, 5)
        }


async def test_force_is_a_word_of_its_own_and_a_direct_message_means_everywhere() -> None:
    async with playing(DONE, DONE, DONE) as play:
        for number, (text, guild) in enumerate(
            (("!sync --force", 3), ("!sync x -f", None), ("!sync --forceful", None))
        ):
            play.tell(said(text, number=number, guild_id=None if guild is None else GuildId(guild)))
        await play.wait_outcomes(3)
        assert sorted((one.guild_id or 0, one.force) for one in play.asked) == [
            (0, False),
            (0, True),
            (3, True),
        ]


async def test_others_are_ignored_but_for_a_row() -> None:
    async with playing() as play:
        play.tell(said("!sync", author=6))
        assert await play.wait_outcomes(1) == ["needs owner"]
        assert (play.asked, play.channel.texts) == ([], [])


async def test_a_message_that_comes_again_or_too_late_is_not_obeyed() -> None:
    async with playing(DONE, DONE) as play:
        play.tell(said("!sync"))
        play.tell(said("!sync"))
        play.tell(said("!sync", number=2, age=61))
        play.tell(said("!sync", number=3))
        await play.wait_outcomes(2)
        assert len(play.asked) == 2


async def test_where_the_bot_may_not_speak_it_still_works() -> None:
    async with playing(DONE) as play:
        play.channel.refuses = True
        play.tell(said("!sync"))
        assert await play.wait_outcomes(1) == [None]


async def test_a_message_of_somebody_else_is_not_handled() -> None:
    async with playing() as play:
        play.registry.tell(TEXT_COMMANDS, "what?")
        await wait_until(lambda: play.registry.dead_letters().parked == 1, what="the dead letter")


@pytest.mark.parametrize(
    ("text", "name"),
    [("status", "status"), (" Cogs.Reminders ", "reminders"), ("cogs.", ""), ("cogs.cogs.x", "cogs.x")],
)
def test_a_feature_may_be_named_as_before(text: str, name: str) -> None:
    assert feature_name(text) == name


def test_at_most_eight_features_are_named() -> None:
    assert known_names(["b", "a"]) == "`a`, `b`"
    assert known_names("ihgfedcba") == "`a`, `b`, `c`, `d`, `e`, `f`, `g`, `h` …"
    assert not known_names("hgfedcba").endswith("…")
