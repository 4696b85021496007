"""Several shards in one process (SHARDS): every guild is served once, by its shard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import httpx
import pytest

from alphapy.gateway.shard import ShardState
from alphapy.sandbox.tuning import Tuning
from tests.support.bot import Stage, stage, title_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.sandbox.person import Person
    from alphapy.service import Service
    from alphapy.storage.pool import Pool

SHARDS = 3
STARTS = 7
"""Sessions that the bot may start in a day."""


@attrs.frozen
class Place:
    """A guild with one channel, and its shard."""

    guild_id: int
    channel: int

    @property
    def shard(self) -> int:
        return (self.guild_id >> 22) % SHARDS


@pytest.fixture
async def three(database_url: str) -> AsyncIterator[Stage]:
    tuning = Tuning(identify_window=0.0, max_concurrency=SHARDS, session_starts=STARTS)
    async with stage(database_url, tuning=tuning, environment={"SHARDS": str(SHARDS)}) as found:
        yield found


def found_guilds(stage: Stage) -> list[Place]:
    """Two further guilds of ada's for every shard, with margaret and the bot in them."""
    world, ada = stage.demo.world, stage.demo.owner_id
    places: list[Place] = []
    while any(sum(place.shard == shard for place in places) < 2 for shard in range(SHARDS)):
        guild = world.guilds.create(f"Branch {len(places) + 1}", ada)
        channel = int(world.channels.create(ada, guild.id, {"name": "general"})["id"])
        for user in (stage.demo.users["margaret"], stage.demo.application_id):
            world.members.join(guild.id, user)
        places.append(Place(guild.id, channel))
    return places


async def uses(pool: Pool) -> dict[int, int]:
    async with pool.transaction("test") as tx:
        return {
            int(row[0]): int(row[1])
            for row in await tx.fetch_all("SELECT guild_id, uses FROM custom_commands")
        }


async def test_each_guild_is_served_once_by_its_shard(three: Stage, pool: Pool) -> None:
    places = found_guilds(three)
    ada, margaret = three.person("ada"), three.person("margaret")
    async with three.bot() as service:
        await wait_until(lambda: service.shards.ready and service.guilds.count == len(places) + 1)
        hello = {"name": "hello", "trigger_type": "exact", "trigger": "!hello", "response": "Hi, use {uses}"}
        for place in places:
            added = await ada.slash(place.channel, "/cc add", **hello).wait_reply()
            assert title_of(added) == "Custom command added"
        before = {one.shard_id: one.received for one in service.shards.statistics()}
        for number in (1, 2):
            for place in places:
                margaret.say(place.channel, "!hello")
            for place in places:
                await answered(margaret, place, f"Hi, use {number}")
        expected = {place.guild_id: 2 for place in places}
        await wait_until(lambda: same(pool, expected), what="two uses in each guild")
        for place in places:
            said = [m["content"] for m in margaret.visible_messages(place.channel)]
            assert said == ["!hello", "Hi, use 1", "!hello", "Hi, use 2"]
        statistics = {one.shard_id: one for one in service.shards.statistics()}
        assert set(statistics) == set(range(SHARDS))
        for shard_id, one in statistics.items():
            guilds = sum(place.shard == shard_id for place in places)
            # At least a message and its answer, twice in each guild.
            assert one.received - before[shard_id] >= 4 * guilds
            assert (one.state, one.reconnects, dict(one.malformed)) == (ShardState.READY, 0, {})
        assert len({one.session_id for one in statistics.values()}) == SHARDS


async def same(pool: Pool, expected: dict[int, int]) -> bool:
    return await uses(pool) == expected


async def answered(person: Person, place: Place, text: str) -> None:
    await person.wait_message(place.channel, lambda message: message["content"] == text)


async def test_session_starts_are_counted_and_shown(three: Stage) -> None:
    async with three.bot() as service:
        await wait_until(lambda: service.shards.ready)
        starts = service.shards.session_starts()
        assert (starts.total, starts.identified) == (STARTS, SHARDS)
        assert starts.max_concurrency == SHARDS
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", trust_env=False) as http:
            metrics = (await http.get("/metrics")).text
            console = (await http.get("/console")).text
        for shard_id in range(SHARDS):
            assert f'alphapy_shard_state{{shard="{shard_id}",state="ready"}} 1.0' in metrics
        assert f"alphapy_session_starts_remaining {float(starts.remaining or 0)}" in metrics
        assert "alphapy_identified_total 3.0" in metrics
        assert f"{starts.remaining} of {STARTS}" in console


async def test_no_more_sessions_are_started_than_discord_allows(database_url: str) -> None:
    tuning = Tuning(identify_window=0.0, max_concurrency=SHARDS, session_starts=SHARDS - 1)
    environment = {"SHARDS": str(SHARDS)}
    async with (
        stage(database_url, tuning=tuning, environment=environment) as short,
        short.bot() as service,
    ):
        await wait_until(lambda: sorted(ready(service)) == [False, True, True], what="two shards")
        await wait_until(lambda: service.shards.session_starts().waiting == 1, what="the third to wait")
        starts = service.shards.session_starts()
        assert (starts.remaining, starts.identified) == (0, SHARDS - 1)


def ready(service: Service) -> list[bool]:
    return [one.state is ShardState.READY for one in service.shards.statistics()]
