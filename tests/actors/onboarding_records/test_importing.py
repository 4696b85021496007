"""`!import_onboarding`: what is read out of a log channel, and for whom (spec/engagement.md 4.9)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import trio
from typing_extensions import override

from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.onboarding_records.importing import ImportOnboarding, may_be_command
from alphapy.actors.onboarding_records.messages import IMPORT
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.snapshot import SettingsReader, SettingsSnapshot, SettingsUnavailable
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.invocation import Outcome
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.message import Message, ReceivedEmbed, ReceivedField
from alphapy.gateway.models.user import User
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId, snowflake_at
from tests.support.actors import running
from tests.support.clock import START, FakeClock
from tests.support.guilds import SPEAK, denied, guild_cache
from tests.support.interactions import GUILD
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from alphapy.gateway.models.outgoing import OutgoingMessage
    from alphapy.storage.pool import Pool

OWNER = 5
LOG, HIDDEN = 210, 211


@attrs.define
class Wishes(SettingsReader):
    """The guild's log channel; ``away`` while nobody can say."""

    log_channel: int = LOG
    away: bool = False

    @override
    def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        found = {("system", "log_channel_id"): self.log_channel}
        return SettingsSnapshot(guild_id, setting_registry(), found, version=1, loaded_at=0.0)

    @override
    async def fresh(self, guild_id: GuildId, *, max_age: float = 2.0) -> SettingsSnapshot:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise SettingsUnavailable("nobody can say")
        return self.snapshot(guild_id)

    @override
    async def enabled(self, guild_id: GuildId, scope: str) -> bool:
        raise NotImplementedError


@attrs.define
class Discord:
    """A log channel with a history, and the channel in which the owner reads."""

    history: list[Message] = attrs.field(factory=list)
    texts: list[str] = attrs.field(factory=list)
    failure: DiscordError | None = None

    async def recent_messages(self, channel_id: ChannelId, *, count: int) -> Sequence[Message]:
        await trio.lowlevel.checkpoint()
        assert (channel_id, count) == (LOG, 1000)
        if self.failure is not None:
            raise self.failure
        return self.history

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        await trio.lowlevel.checkpoint()
        self.texts.append(message.content)
        return MessageId(len(self.texts) - 1)

    async def edit_message(
        self, channel_id: ChannelId, message_id: MessageId, message: OutgoingMessage
    ) -> None:
        await trio.lowlevel.checkpoint()
        self.texts[message_id] = message.content


class Owners:
    application_id = None

    def is_owner(self, user_id: int) -> bool:
        return user_id == OWNER


@attrs.define
class Play:
    registry: Registry
    discord: Discord
    wishes: Wishes
    outcomes: list[Outcome]
    count: int = 0

    async def run(self, *, author: int = OWNER, guild_id: int | None = GUILD) -> str:
        """What the owner reads in the end; empty for nothing."""
        self.count += 1
        said = MessageCreate(
            id=MessageId(snowflake_at(START) + self.count),
            channel_id=ChannelId(7),
            author=User(id=UserId(author), username="somebody"),
            content="!import_onboarding",
            guild_id=None if guild_id is None else GuildId(guild_id),
        )
        assert may_be_command(said)
        before = len(self.outcomes)
        self.registry.tell_event(IMPORT, GatewayEvent("MESSAGE_CREATE", said, 0, "session", 1))
        await wait_until(lambda: len(self.outcomes) > before, what="the audit row")
        await trio.testing.wait_all_tasks_blocked(0.01)
        return self.discord.texts[-1] if self.discord.texts else ""


@asynccontextmanager
async def playing(pool: Pool) -> AsyncIterator[Play]:
    discord, wishes, outcomes = Discord(), Wishes(), []
    cache = guild_cache(channels={LOG: {}, HIDDEN: denied(Permissions.READ_MESSAGE_HISTORY)}, everyone=SPEAK)

    class Tracker(Actor):
        @override
        async def handle(self, message: object) -> object:
            assert isinstance(message, Outcome)
            outcomes.append(message)
            return None

    def actor(context: Any) -> ImportOnboarding:
        return ImportOnboarding(
            context,
            discord=discord,
            owners=Owners(),
            clock=FakeClock(),
            settings=wishes,
            guilds=cache,
            pool=pool,
        )

    async with running(
        process_command_tracker=ChildSpec(factory=Tracker),
        process_import_onboarding=ChildSpec(factory=actor),
    ) as registry:
        yield Play(registry, discord, wishes, outcomes)


def told(user: int, answer: str, *, minutes: float = 1, bot: bool = True, **more: Any) -> Message:
    """A message of the log, written so many minutes ago."""
    at = START - timedelta(minutes=minutes)
    embed = ReceivedEmbed(
        type=more.pop("type", "rich"),
        description=f"Somebody ({user})",
        fields=(ReceivedField(name=" Why? ", value=f" {answer}\n"),),
    )
    return Message(
        id=MessageId(snowflake_at(at)),
        channel_id=ChannelId(LOG),
        author=User(id=UserId(9), username="alphapy", bot=bot),
        timestamp=at,
        embeds=(embed,),
        **more,
    )


async def rows(pool: Pool) -> list[Any]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(
            'SELECT guild_id, user_id, responses, "timestamp"::text, questions FROM onboarding ORDER BY 1, 2'
        )


async def test_the_newest_answers_of_each_member_are_stored(pool: Pool) -> None:
    async with playing(pool) as play:
        play.discord.history = [told(1, "new"), told(2, "two", minutes=2), told(1, "old", minutes=3)]
        expected = [
            (GUILD, 1, {"Why?": "new"}, "2026-01-05 11:59:00", None),
            (GUILD, 2, {"Why?": "two"}, "2026-01-05 11:58:00", None),
        ]
        for _ in range(2):
            assert await play.run() == "Done: the answers of 2 members were imported."
            assert await rows(pool) == expected
        assert [(o.path, o.kind, o.success, o.guild_id) for o in play.outcomes] == [
            ("import_onboarding", "text", True, GUILD)
        ] * 2


async def test_an_old_record_does_not_win_over_what_is_stored(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        for guild, user, at in ((GUILD, 1, START), (GUILD, 2, START - timedelta(hours=1)), (7, 1, START)):
            await tx.execute(
                'INSERT INTO onboarding (guild_id, user_id, responses, "timestamp", questions)'
                " VALUES (%s, %s, '{\"0\": \"stored\"}', %s, '[]')",
                (guild, user, at.replace(tzinfo=None)),
            )
    async with playing(pool) as play:
        play.discord.history = [told(1, "told"), told(2, "told")]
        text = await play.run()
    assert text == "Done: the answers of 1 member were imported. 1 has newer ones, which stay."
    assert [(row[0], row[1], row[2], row[4]) for row in await rows(pool)] == [
        (7, 1, {"0": "stored"}, []),
        (GUILD, 1, {"0": "stored"}, []),
        (GUILD, 2, {"Why?": "told"}, None),
    ]


async def test_only_what_a_bot_has_posted_counts(pool: Pool) -> None:
    async with playing(pool) as play:
        play.discord.history = [
            told(1, "a member's", bot=False),
            told(1, "a webhook's", webhook_id=4),
            told(1, "a link's preview", type="article"),
        ]
        assert await play.run() == "Done: the answers of 0 members were imported."
    assert await rows(pool) == []


async def test_others_get_no_reaction(pool: Pool) -> None:
    async with playing(pool) as play:
        assert await play.run(author=6) == ""
        assert [outcome.error for outcome in play.outcomes] == ["needs owner"]


async def test_the_owner_reads_why_it_did_not_work(pool: Pool) -> None:
    async with playing(pool) as play:
        play.discord.history = [told(1, "x")]
        assert "in a server only" in await play.run(guild_id=None)
        for channel, words in ((0, "/system set_log_channel"), (999, "set_log_channel"), (HIDDEN, "I need")):
            play.wishes.log_channel = channel
            assert words in await play.run()
        play.wishes.log_channel = LOG
        play.discord.failure = DiscordError(kind=DiscordErrorKind.SERVER, route="GET", message="insides")
        assert await play.run() == "Discord did not let me read the log channel. Nothing was imported."
        play.wishes.away = True
        assert "database does not answer" in await play.run()
        assert all(not outcome.success for outcome in play.outcomes)
    assert await rows(pool) == []
