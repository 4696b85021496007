"""The guild's log channel gets every change in order, and nobody waits for it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.settings.board import SettingsBoard
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.guild_log import GuildLog
from alphapy.actors.settings.messages import ConfigAudit, LogEntry, LogLevel
from alphapy.gateway.events import decode
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId
from tests.actors.settings.test_actor import GUILD_CREATE
from tests.support.actors import running
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.actors.kernel.registry import Registry
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.models.outgoing import OutgoingMessage

GUILD = GuildId(100)
LOG = Address.guild(GUILD, "guild_log")
CHANNEL = ChannelId(300)


@attrs.define
class Board:
    """Where the log's messages end up; fails with what it is given first."""

    failures: list[DiscordErrorKind] = attrs.field(factory=list)
    gate: trio.Event = attrs.field(factory=trio.Event)
    posted: list[list[str]] = attrs.field(factory=list)
    footers: list[str] = attrs.field(factory=list)
    nonces: list[str | int | None] = attrs.field(factory=list)
    attempts: int = 0

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        await self.gate.wait()
        self.attempts += 1
        self.nonces.append(message.nonce)
        if self.failures:
            raise DiscordError(kind=self.failures.pop(0), route="POST", message="no")
        assert channel_id == CHANNEL
        assert sum(embed.size for embed in message.embeds) <= 6000
        self.posted.append([embed.title or "" for embed in message.embeds])
        self.footers += [embed.footer or "" for embed in message.embeds]
        return MessageId(1)

    @property
    def titles(self) -> list[str]:
        return [title for titles in self.posted for title in titles]


@asynccontextmanager
async def house(board: Board, *, channel: int = CHANNEL, level: str = "verbose") -> AsyncIterator[Registry]:
    guilds = GuildCache()
    guilds.apply(decode("GUILD_CREATE", GUILD_CREATE))

    def actor(context: Any) -> GuildLog:
        settings = SettingsBoard(setting_registry(), registry)
        settings.take_rows(GUILD, [("system", "log_channel_id", channel), ("system", "log_level", level)])
        return GuildLog(context, poster=board, settings=settings, guilds=guilds, clock=FakeClock())

    async with running(guild_log=ChildSpec(factory=actor)) as registry:
        yield registry


def audit(number: int, size: int = 10) -> ConfigAudit:
    return ConfigAudit(title=f"change {number}", description="x" * size)


async def test_settings_36_a_burst_is_sent_in_order_bounded_and_counts_what_it_dropped() -> None:
    board = Board()
    async with house(board) as registry:
        for number in range(250):
            registry.tell(LOG, audit(number))
        await trio.testing.wait_all_tasks_blocked()
        board.gate.set()
        await wait_until(lambda: "change 249" in board.titles, what="the last change")
    assert board.titles == ["change 0", *(f"change {number}" for number in range(50, 250))]
    assert max(map(len, board.posted)) == 10
    assert [footer for footer in board.footers if "dropped" in footer] == [
        "config | Guild: 100 | 49 older entries were dropped"
    ]


async def test_large_embeds_share_no_message() -> None:
    board = Board()
    async with house(board) as registry:
        for number in range(8):
            registry.tell(LOG, audit(number, size=4000))
        await trio.testing.wait_all_tasks_blocked()
        board.gate.set()
        await wait_until(lambda: len(board.titles) == 8, what="all changes")
    assert all(len(titles) == 1 for titles in board.posted)


async def test_a_channel_that_refuses_is_left_alone() -> None:
    board = Board(failures=[DiscordErrorKind.FORBIDDEN])
    board.gate.set()
    async with house(board) as registry:
        registry.tell(LOG, audit(1))
        await wait_until(lambda: board.attempts == 1, what="the refusal")
        registry.tell(LOG, audit(2))
        await trio.testing.wait_all_tasks_blocked()
    assert board.attempts == 1
    assert board.titles == []


async def test_a_passing_trouble_is_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    board = Board(failures=[DiscordErrorKind.SERVER, DiscordErrorKind.TRANSPORT])
    board.gate.set()
    async with house(board) as registry:
        registry.tell(LOG, audit(1))
        await trio.sleep(10)
    assert board.titles == ["change 1"]
    assert board.attempts == 3


async def test_a_lasting_trouble_is_given_up_and_the_next_change_comes_through(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = Board(failures=[DiscordErrorKind.SERVER] * 3)
    board.gate.set()
    async with house(board) as registry:
        registry.tell(LOG, audit(1))
        await trio.sleep(10)
        registry.tell(LOG, audit(2))
        await trio.sleep(1)
    assert board.titles == ["change 2"]


async def test_a_channel_that_is_gone_gets_nothing() -> None:
    board = Board()
    board.gate.set()
    async with house(board, channel=999) as registry:
        registry.tell(LOG, audit(1))
        await trio.testing.wait_all_tasks_blocked()
    assert board.attempts == 0


async def test_what_another_program_set_counts(autojump_clock: trio.testing.MockClock) -> None:
    """The snapshot says nothing: the settings were never read, or the bot has come back to the guild."""

    class Stored(SettingsBoard):
        @override
        async def fresh(self, guild_id: GuildId, *, max_age: float = 2.0) -> SettingsSnapshot:
            self.take_rows(GUILD, [("system", "log_channel_id", CHANNEL)])
            return self.snapshot(guild_id)

    board = Board()
    board.gate.set()
    guilds = GuildCache()
    guilds.apply(decode("GUILD_CREATE", GUILD_CREATE))

    def actor(context: Any) -> GuildLog:
        settings = Stored(setting_registry(), registry)
        return GuildLog(context, poster=board, settings=settings, guilds=guilds, clock=FakeClock())

    async with running(guild_log=ChildSpec(factory=actor)) as registry:
        registry.tell(LOG, audit(1))
        await wait_until(lambda: board.titles == ["change 1"], what="the entry")


async def test_a_channel_that_refused_is_tested_again_when_it_is_set_again() -> None:
    board = Board(failures=[DiscordErrorKind.FORBIDDEN])
    board.gate.set()
    async with house(board) as registry:
        registry.tell(LOG, audit(1))
        await wait_until(lambda: board.attempts == 1, what="the refusal")
        registry.tell(LOG, ConfigAudit(title="set again", description="", channels=(CHANNEL,)))
        await wait_until(lambda: board.titles == ["set again"], what="the entry")


async def test_a_rate_limit_is_waited_for_and_the_message_is_the_same_one() -> None:
    board = Board(failures=[DiscordErrorKind.RATE_LIMITED])
    board.gate.set()
    async with house(board) as registry:
        registry.tell(LOG, audit(1))
        await wait_until(lambda: board.titles == ["change 1"], what="the entry")
    assert board.attempts == 2
    assert len(set(board.nonces)) == 1
    assert board.nonces[0]


async def test_a_log_channel_that_is_gone_is_said_in_the_process_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    board = Board()
    async with house(board, channel=999) as registry:
        registry.tell(LOG, audit(1))
        await wait_until(
            lambda: any(getattr(r, "event", "") == "guild_log_missing" for r in caplog.records),
            what="the warning",
        )
    assert board.attempts == 0


@pytest.mark.parametrize(
    ("stored", "heard"),
    [
        ("verbose", ["debug", "info", "success", "warning", "error", "critical"]),
        ("NORMAL", ["info", "success", "warning", "error", "critical"]),
        ("critical", ["error", "critical"]),
        ("nobody knows", ["debug", "info", "success", "warning", "error", "critical"]),
    ],
)
async def test_the_log_level_decides_what_is_posted(stored: str, heard: list[str]) -> None:
    board = Board()
    board.gate.set()
    async with house(board, level=stored) as registry:
        for level in LogLevel:
            registry.tell(LOG, LogEntry(title=level.value, description="", level=level, source="test"))
        registry.tell(LOG, ConfigAudit(title="audit", description=""))
        await wait_until(lambda: "audit" in board.titles, what="the audit, which no level leaves out")
    assert board.titles == [*heard, "audit"]
    assert board.footers[0] == "test | Guild: 100"
