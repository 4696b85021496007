"""The shard against the sandbox: whatever befalls the connection, every message arrives once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from alphapy.environment import Secret
from alphapy.gateway.codec import Compression
from alphapy.gateway.events import GuildMembersChunk, MessageCreate, decode
from alphapy.gateway.guilds import CACHED_EVENTS, ChangeKind, GuildCache
from alphapy.gateway.opcodes import ALPHAPY_INTENTS, Intents
from alphapy.gateway.reconnect import FatalClose
from alphapy.gateway.shard import Dispatch, Shard, ShardState
from alphapy.pure.ids import ChannelId, GuildId, UserId
from alphapy.sandbox.faults import GatewayFault
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import Running
from tests.sandbox.clients import running as sandbox_running
from tests.support.shards import QUICK, HastyQueue
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

BRISK = Tuning(identify_window=0.0, heartbeat_interval=0.2)


class Bot:
    """A shard in the sandbox, with what it was told."""

    def __init__(self, here: Running, **options: Any) -> None:
        self.said: list[str] = []
        self.names: list[str] = []
        self.changes: list[ChangeKind] = []
        self.cache = GuildCache()
        self.chunks: list[GuildMembersChunk] = []
        self.on_bytes: Callable[[Dispatch], None] = lambda _dispatch: None
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
        self.on_bytes(dispatch)
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
    "reorder": (GatewayFault.REORDER, {"times": 2}),
    "omit": (GatewayFault.OMIT, {}),
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
        if fault not in {"duplicate", "reorder"}:
            await wait_until(lambda: bot.shard.statistics().reconnects >= 1)
            await wait_until(lambda: bot.shard.state is ShardState.READY)
        here.person("ada").say(here.channel(), "the last")
        await wait_until(lambda: "the last" in bot.said)
        assert bot.said == [*said, "the last"]
        assert bot.names.count("READY") == 1
        await bot.shard.stop()


async def test_no_guild_is_lost_that_was_told_of_before_ready() -> None:
    async with sandbox_running(BRISK) as here, trio.open_nursery() as nursery:
        here.sandbox.faults.arm_gateway(GatewayFault.REORDER)
        bot = Bot(here)
        nursery.start_soon(bot.shard.run)
        await wait_until(lambda: not here.sandbox.faults.gateway)
        here.person("ada").say(here.channel(), "good morning")
        await wait_until(lambda: bot.said == ["good morning"])
        assert bot.cache.count == 1
        assert bot.names.count("GUILD_CREATE") == 1
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


def crowd(here: Running, count: int) -> list[int]:
    """Further members of the demo guild."""
    world = here.demo.world
    users = [world.users.create(f"guest{number}") for number in range(count)]
    for user in users:
        world.members.join(here.demo.guild_id, user)
    return users


async def test_members_come_in_chunks() -> None:
    async with sandbox_running(BRISK) as here, trio.open_nursery() as nursery:
        guests = crowd(here, 2200)
        guild = here.demo.world.guilds.get(here.demo.guild_id)
        bot = Bot(here)
        nursery.start_soon(bot.shard.run)
        await bot.ready()
        assert await bot.shard.request_members(GuildId(guild.id), nonce="who")
        await wait_until(lambda: len(bot.chunks) == 3)
        assert [(one.chunk_index, one.chunk_count, one.nonce) for one in bot.chunks] == [
            (0, 3, "who"),
            (1, 3, "who"),
            (2, 3, "who"),
        ]
        assert [len(one.members) for one in bot.chunks] == [1000, 1000, 206]
        assert {member.user.id for one in bot.chunks for member in one.members if member.user} == {
            *guild.members
        }

        assert await bot.shard.request_members(GuildId(guild.id), query="gra", limit=5, nonce="prefix")
        await wait_until(lambda: len(bot.chunks) == 4)
        assert [member.user.username for member in bot.chunks[-1].members if member.user] == ["grace"]

        stranger = 42
        wanted = [UserId(user) for user in (*guests[:3], stranger)]
        assert await bot.shard.request_members(GuildId(guild.id), user_ids=wanted, nonce="these")
        await wait_until(lambda: len(bot.chunks) == 5)
        assert {member.user.id for member in bot.chunks[-1].members if member.user} == {*guests[:3]}
        assert list(bot.chunks[-1].not_found) == [stranger]
        await bot.shard.stop()


@pytest.mark.parametrize("compression", Compression)
async def test_a_guild_of_many_megabytes_arrives_whole(compression: Compression) -> None:
    """With every member in it: the largest payload that Discord has for a bot."""
    async with sandbox_running(Tuning(identify_window=0.0)) as here, trio.open_nursery() as nursery:
        crowd(here, 25_000)
        sizes: list[int] = []
        bot = Bot(
            here,
            compression=compression,
            intents=ALPHAPY_INTENTS | Intents.GUILD_MEMBERS | Intents.GUILD_PRESENCES,
        )
        bot.on_bytes = lambda dispatch: sizes.append(len(bytes(dispatch.data)))
        nursery.start_soon(bot.shard.run)
        await bot.ready()
        assert 5 * 2**20 < max(sizes) < 16 * 2**20
        guild = bot.cache.get(GuildId(here.demo.guild_id))
        assert guild is not None
        assert guild.member_count == 25_006
        here.person("ada").say(here.channel(), "and on")
        await wait_until(lambda: bot.said == ["and on"])
        statistics = bot.shard.statistics()
        assert (statistics.reconnects, dict(statistics.malformed)) == (0, {})
        await bot.shard.stop()


async def test_a_bad_token_is_told_to_the_operator() -> None:
    async with sandbox_running(BRISK) as here:
        bot = Bot(here, token=Secret("wrong"))
        with pytest.raises(FatalClose, match="BOT_TOKEN"):
            await bot.shard.run()


async def test_going_back_brings_everything_again_once() -> None:
    async with sandbox_running(BRISK) as here, trio.open_nursery() as nursery:
        bot = Bot(here)
        nursery.start_soon(bot.shard.run)
        await bot.ready()
        await wait_until(lambda: bot.shard.statistics().seq > 0)
        begin = bot.shard.statistics().seq
        for text in ("one", "two"):
            here.person("ada").say(here.channel(), text)
        await wait_until(lambda: bot.said == ["one", "two"])
        bot.shard.rewind(begin + 1)
        bot.shard.rewind(begin)
        bot.shard.rewind(begin + 7)
        await wait_until(lambda: bot.said == ["one", "two", "one", "two"])
        here.person("ada").say(here.channel(), "three")
        await wait_until(lambda: bot.said[4:] == ["three"])
        statistics = bot.shard.statistics()
        assert statistics.last_ending is not None
        assert statistics.last_ending.startswith("rewind")
        assert statistics.reconnects == 1
        assert bot.names.count("READY") == 1
        await bot.shard.stop()
