"""The shard against the sandbox: whatever befalls the connection, every message arrives once."""

from __future__ import annotations

import random
from typing import Any

import pytest
import trio
import trio.testing

from alphapy.environment import Secret
from alphapy.gateway.codec import Compression
from alphapy.gateway.events import GuildMembersChunk, MessageCreate, decode
from alphapy.gateway.guilds import CACHED_EVENTS, ChangeKind, GuildCache
from alphapy.gateway.opcodes import ALPHAPY_INTENTS
from alphapy.gateway.reconnect import FatalClose
from alphapy.gateway.shard import Dispatch, Shard, ShardState
from alphapy.pure.ids import ChannelId, GuildId
from alphapy.sandbox.faults import GatewayFault
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import Running
from tests.sandbox.clients import running as sandbox_running
from tests.support.shards import QUICK, HastyQueue
from tests.support.waiting import wait_until

BRISK = Tuning(identify_window=0.0, heartbeat_interval=0.2)


class Bot:
    """A shard in the sandbox, with what it was told."""

    def __init__(self, here: Running, **options: Any) -> None:
        self.said: list[str] = []
        self.names: list[str] = []
        self.changes: list[ChangeKind] = []
        self.cache = GuildCache()
        self.chunks: list[GuildMembersChunk] = []
        self._here = here
        chosen: dict[str, Any] = {"token": Secret(here.demo.token), "intents": ALPHAPY_INTENTS} | options
        self.shard = Shard(
            find_gateway=self._find,
            on_dispatch=self._note,
            identify=HastyQueue(),
            rng=random.Random(9),
            patience=QUICK,
            **chosen,
        )

    async def _find(self) -> str:
        await trio.lowlevel.checkpoint()
        return self._here.sandbox.gateway_url

    async def _note(self, dispatch: Dispatch) -> None:
        await trio.lowlevel.checkpoint()
        self.names.append(dispatch.name)
        if dispatch.name in CACHED_EVENTS:
            self.changes.append(self.cache.apply(decode(dispatch.name, dispatch.data)).kind)
        elif dispatch.name == "MESSAGE_CREATE":
            event = decode(dispatch.name, dispatch.data)
            assert isinstance(event, MessageCreate)
            self.said.append(event.content)
        elif dispatch.name == "GUILD_MEMBERS_CHUNK":
            chunk = decode(dispatch.name, dispatch.data)
            assert isinstance(chunk, GuildMembersChunk)
            self.chunks.append(chunk)

    async def ready(self) -> None:
        await wait_until(lambda: self.shard.state is ShardState.READY and self.cache.count > 0)


FAULTS: dict[str, tuple[GatewayFault, dict[str, Any]]] = {
    "drop": (GatewayFault.DROP, {}),
    "reconnect": (GatewayFault.RECONNECT, {}),
    "invalid": (GatewayFault.INVALID_SESSION, {"resumable": True}),
    "truncate": (GatewayFault.TRUNCATE, {}),
    "duplicate": (GatewayFault.DUPLICATE, {}),
    "zombie": (GatewayFault.WITHHOLD_ACKS, {"times": 2}),
    **{f"close_{code}": (GatewayFault.CLOSE, {"close_code": code}) for code in (4000, 4001, 4002, 4008)},
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
@pytest.mark.parametrize("compression", [Compression.ZSTD, Compression.ZLIB])
async def test_every_message_arrives_once_whatever_befalls_the_connection(
    fault: str, compression: Compression
) -> None:
    async with sandbox_running(BRISK) as here, trio.open_nursery() as nursery:
        bot = Bot(here, compression=compression)
        nursery.start_soon(bot.shard.run)
        await bot.ready()
        kind, options = FAULTS[fault]
        here.sandbox.faults.arm_gateway(kind, after=1, **options)
        said = [f"message {number}" for number in range(12)]
        for text in said:
            here.person("ada").say(here.channel(), text)
            await trio.testing.wait_all_tasks_blocked()
        await wait_until(lambda: len(bot.said) >= len(said))
        if fault != "duplicate":
            await wait_until(lambda: bot.shard.statistics().reconnects >= 1)
            await wait_until(lambda: bot.shard.state is ShardState.READY)
        here.person("ada").say(here.channel(), "the last")
        await wait_until(lambda: "the last" in bot.said)
        assert bot.said == [*said, "the last"]
        assert bot.names.count("READY") == 1
        await bot.shard.stop()


async def test_a_stopped_bot_resumes_where_it_was() -> None:
    async with sandbox_running(BRISK) as here, trio.open_nursery() as nursery:
        first = Bot(here)
        nursery.start_soon(first.shard.run)
        await first.ready()
        here.person("ada").say(here.channel(), "before")
        await wait_until(lambda: first.said == ["before"])
        await first.shard.stop()
        here.person("ada").say(here.channel(), "while away")
        second = Bot(here, session=first.shard.session)
        nursery.start_soon(second.shard.run)
        await wait_until(lambda: second.said == ["while away"])
        await wait_until(lambda: second.shard.state is ShardState.READY)
        assert "READY" not in second.names
        await second.shard.stop()


async def test_signing_off_leaves_nothing_to_resume() -> None:
    async with sandbox_running(BRISK) as here, trio.open_nursery() as nursery:
        first = Bot(here)
        nursery.start_soon(first.shard.run)
        await first.ready()
        session = first.shard.session
        await first.shard.stop(sign_off=True)
        second = Bot(here, session=session)
        nursery.start_soon(second.shard.run)
        await second.ready()
        assert "READY" in second.names
        await second.shard.stop()


async def test_the_cache_knows_the_demo_guild() -> None:
    async with sandbox_running(BRISK) as here, trio.open_nursery() as nursery:
        bot = Bot(here)
        nursery.start_soon(bot.shard.run)
        await bot.ready()
        guild = bot.cache.get(GuildId(here.demo.guild_id))
        assert guild is not None
        assert guild.name == "Lighthouse"
        assert guild.owner_id == here.demo.owner_id
        assert {channel.name for channel in guild.channels.values()} == set(here.demo.channels)
        assert bot.changes[:2] == [ChangeKind.NONE, ChangeKind.APPEARED]
        assert bot.shard.statistics().malformed == {}
        for channel_id in here.demo.channels.values():
            assert guild.channel(ChannelId(channel_id)) is not None
        await bot.shard.stop()


async def test_members_come_in_chunks() -> None:
    async with sandbox_running(BRISK) as here, trio.open_nursery() as nursery:
        bot = Bot(here)
        nursery.start_soon(bot.shard.run)
        await bot.ready()
        assert await bot.shard.request_members(GuildId(here.demo.guild_id), nonce="who")
        await wait_until(lambda: bool(bot.chunks))
        assert bot.chunks[0].nonce == "who"
        assert len(bot.chunks[0].members) == 6
        await bot.shard.stop()


async def test_a_bad_token_is_told_to_the_operator() -> None:
    async with sandbox_running(BRISK) as here:
        bot = Bot(here, token=Secret("wrong"))
        with pytest.raises(FatalClose, match="BOT_TOKEN"):
            await bot.shard.run()
