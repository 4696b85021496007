"""The keeper of the sessions: what the next process needs is stored, and never runs ahead of the mark."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import pytest
import trio

from alphapy.actors import sessions as keeping
from alphapy.actors.kernel.noted import Place
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.sessions import HOLDER, SessionKeeper, StoredProgress
from alphapy.gateway.events import Ready, decode
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.session import GatewaySession
from alphapy.pure.ids import ApplicationId, GuildId
from alphapy.pure.seen import SECOND
from alphapy.storage import sessions as storage
from alphapy.storage.errors import DatabaseUnavailable
from alphapy.storage.pool import Pool, open_pool
from alphapy.storage.sessions import GapRow
from tests.support.outage import outage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.postgres import Databases

APPLICATION = ApplicationId(7)


@attrs.define
class Gaps:
    """What the keeper tells of gaps."""

    opened_since: list[tuple[int, str, tuple[GuildId, ...], int]] = attrs.field(factory=list)
    reopened_since: list[tuple[int, str, GuildId, int]] = attrs.field(factory=list)
    there: list[GuildId] = attrs.field(factory=list)

    def opened(self, shard_id: int, session_id: str, guild_ids: tuple[GuildId, ...], since: int) -> None:
        self.opened_since.append((shard_id, session_id, guild_ids, since))

    def reopened(self, shard_id: int, session_id: str, guild_id: GuildId, since: int) -> None:
        self.reopened_since.append((shard_id, session_id, guild_id, since))

    def appeared(self, guild_id: GuildId) -> None:
        self.there.append(guild_id)

    def is_open(self, guild_id: GuildId) -> bool:
        return any(guild_id in guild_ids for _, _, guild_ids, _ in self.opened_since)


class House:
    """A keeper with what it keeps."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.guilds = GuildCache()
        self.progress = Progress(StoredProgress(pool), random.Random(1))
        self.gaps = Gaps()
        self.keeper = SessionKeeper(pool, self.guilds, self.progress, self.gaps)  # type: ignore[arg-type]

    async def load(self, shards: int = 1, application_id: int = APPLICATION) -> dict[int, GatewaySession]:
        return await self.keeper.load(ApplicationId(application_id), range(shards), shards)

    async def ready(self, *guild_ids: int, session: str = "session", shard: tuple[int, int] = (0, 1)) -> bool:
        """READY arrives, as the router hands it on."""
        stubs = ",".join(f'{{"id":"{guild_id}"}}' for guild_id in guild_ids)
        raw = (
            f'{{"user":{{"id":"8","username":"bot"}},"session_id":"{session}","resume_gateway_url":"ws://x",'
            f'"shard":[{shard[0]},{shard[1]}],"guilds":[{stubs}]}}'
        )
        event = decode("READY", raw.encode())
        assert isinstance(event, Ready)
        place = Place(shard[0], session, 1)
        stored = await self.keeper.began(place, event)
        self.guilds.apply(event)
        self.progress.hand_on(place, () if stored else [HOLDER])
        return stored

    def guild(self, guild_id: int, seq: int, *, name: str = "G", session: str = "session") -> None:
        """A GUILD_CREATE arrives."""
        raw = f'{{"id":"{guild_id}","name":"{name}","owner_id":"1"}}'
        change = self.guilds.apply(decode("GUILD_CREATE", raw.encode()))
        place = Place(0, session, seq)
        self.keeper.changed(place, change.guild_ids)
        self.progress.hand_on(place, [HOLDER])

    @property
    def mark(self) -> int:
        found = self.progress.shard(0)
        assert found is not None
        return found.mark


async def test_the_next_process_resumes_with_all_guilds(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    first = House(pool)
    assert await first.load() == {}
    assert await first.ready(1, 2, 3, 4, 5)
    for seq, guild_id in enumerate((1, 2, 3, 4), 2):
        first.guild(guild_id, seq)
    assert first.mark == 1
    await first.keeper.write()
    assert first.mark == 5
    await first.keeper.write()
    second = House(pool)
    assert await second.load() == {0: GatewaySession("session", "ws://x", 5)}
    assert second.guilds.count == 4
    assert second.guilds.awaited == 1
    assert second.guilds.me == 8
    assert second.mark == 5
    assert second.keeper.includes(Place(0, "session", 4), GuildId(3))
    assert not second.keeper.includes(Place(0, "session", 6), GuildId(3))
    assert not second.keeper.includes(Place(0, "session", 4), GuildId(5))
    second.guild(3, 6, name="renamed")
    second.guilds.apply(decode("GUILD_DELETE", b'{"id":"4"}'))
    second.keeper.changed(Place(0, "session", 7), [GuildId(4)])
    await second.keeper.write()
    third = House(pool)
    await third.load()
    assert {guild.id: guild.name for guild in third.guilds} == {1: "G", 2: "G", 3: "renamed"}


async def test_a_mark_is_not_stored_before_the_guilds_it_covers(pool: Pool) -> None:
    house = House(pool)
    await house.load()
    await house.ready(1)
    house.guild(1, 2)
    async with pool.transaction("test") as tx:
        assert await tx.fetch_all("SELECT mark FROM gateway_sessions") == [(1,)]
        assert await tx.fetch_all("SELECT data FROM gateway_guilds") == [(None,)]


@pytest.mark.parametrize(("shards", "application_id"), [(2, APPLICATION), (1, 99)])
async def test_sessions_of_others_are_not_resumed(pool: Pool, shards: int, application_id: int) -> None:
    house = House(pool)
    await house.load()
    await house.ready(1)
    assert await House(pool).load(shards, application_id) == {}


async def test_a_guild_that_cannot_be_read_begins_a_new_session(pool: Pool) -> None:
    house = House(pool)
    await house.load()
    await house.ready(1)
    house.guild(1, 2)
    await house.keeper.write()
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE gateway_guilds SET data = '{\"id\": []}'")
    assert await House(pool).load() == {}


async def test_a_new_session_forgets_what_was_known_of_the_old_one(pool: Pool) -> None:
    first = House(pool)
    await first.load()
    await first.ready(1, 2)
    first.guild(1, 2)
    await first.keeper.write()
    second = House(pool)
    await second.load()
    second.guild(2, 3)
    await second.ready(2, session="new")
    assert not second.keeper.includes(Place(0, "new", 2), GuildId(1))
    await second.keeper.write()
    async with pool.transaction("test") as tx:
        assert await tx.fetch_all("SELECT guild_id, data FROM gateway_guilds") == [(2, None)]
        assert await tx.fetch_all("SELECT session_id, mark FROM gateway_sessions") == [("new", 1)]
    await second.keeper.forget()
    assert await House(pool).load() == {}


async def test_an_outage_is_waited_for_and_loses_nothing(
    databases: Databases, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "STORE_WITHIN", 0.1)
    monkeypatch.setattr(keeping, "WRITE_EVERY", 0.02)
    async with open_pool(database_url, min_size=1) as pool, trio.open_nursery() as nursery:
        house = House(pool)
        async with outage(databases, database_url):
            with trio.move_on_after(0.3) as patience:
                await house.load()
            assert patience.cancelled_caught
            assert not await house.ready(1)
            house.guild(1, 2)
            assert house.mark == 0
            nursery.start_soon(house.keeper.run)
            await trio.sleep(0.2)
        await wait_until(lambda: house.mark == 2, within=15, what="the mark")
        nursery.cancel_scope.cancel()


def snowflake(second: int) -> int:
    return second * SECOND


async def gaps_in(pool: Pool) -> list[GapRow]:
    async with pool.transaction("test") as tx:
        return await storage.load_gaps(tx)


async def test_a_first_session_has_no_gap(pool: Pool) -> None:
    house = House(pool)
    await house.load()
    await house.ready(1)
    assert house.gaps.opened_since == []
    assert await gaps_in(pool) == []


async def test_a_session_that_is_not_resumed_leaves_a_gap_for_the_next_one(pool: Pool) -> None:
    first = House(pool)
    await first.load()
    await first.ready(1, 2)
    for seq, second in ((2, 10), (3, 20), (4, 30)):
        place = Place(0, "session", seq)
        first.progress.saw(place, snowflake(second))
        first.progress.hand_on(place, ["somebody"] if seq == 4 else [])
    await first.keeper.write()
    second_house = House(pool)
    await second_house.load()
    await second_house.ready(1, 2, 3, session="new")
    since = snowflake(20)
    ids = (GuildId(1), GuildId(2), GuildId(3))
    assert second_house.gaps.opened_since == [(0, "new", ids, since)], "what is not durable was not seen"
    assert await gaps_in(pool) == [GapRow(guild_id, since) for guild_id in ids]
    second_house.guild(1, 2, session="new")
    second_house.keeper.closed(GuildId(2))
    await second_house.keeper.write()
    third = House(pool)
    await third.load()
    assert third.gaps.reopened_since == [(0, "new", GuildId(1), since), (0, "new", GuildId(3), since)]
    assert third.gaps.there == [GuildId(1)], "the others are still awaited"
    third.progress.saw(Place(0, "new", 3), snowflake(50))
    third.progress.hand_on(Place(0, "new", 3), [])
    await third.ready(1, 2, 3, session="newest")
    assert third.gaps.opened_since[-1][3] == snowflake(50)
    assert await gaps_in(pool) == [
        GapRow(GuildId(1), since),
        GapRow(GuildId(2), snowflake(50)),
        GapRow(GuildId(3), since),
    ], "those that are not closed are older"


async def test_a_session_that_ends_while_it_runs_leaves_a_gap_from_its_mark(pool: Pool) -> None:
    house = House(pool)
    await house.load()
    await house.ready(1)
    house.progress.saw(Place(0, "session", 2), snowflake(10))
    house.progress.hand_on(Place(0, "session", 2), [])
    await house.ready(1, session="new")
    assert house.gaps.opened_since == [(0, "new", (GuildId(1),), snowflake(10))]
    assert await gaps_in(pool) == [GapRow(GuildId(1), snowflake(10))]


async def test_another_number_of_shards_reads_back_since_the_oldest_session(pool: Pool) -> None:
    first = House(pool)
    await first.load(shards=2)
    guilds = {0: 4 << 22, 1: 5 << 22}
    for shard_id, guild_id in guilds.items():
        await first.ready(guild_id, session=f"s{shard_id}", shard=(shard_id, 2))
        first.progress.saw(Place(shard_id, f"s{shard_id}", 2), snowflake(10 + shard_id))
        first.progress.hand_on(Place(shard_id, f"s{shard_id}", 2), [])
    await first.keeper.write()
    second = House(pool)
    assert await second.load(shards=1) == {}
    await second.ready(*guilds.values(), session="new")
    assert [since for _, _, _, since in second.gaps.opened_since] == [snowflake(10)]


async def test_a_gap_that_is_open_again_is_not_closed_late(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(pool)
    await house.load()
    await house.ready(1, 2)
    house.keeper.closed(GuildId(1))
    house.keeper.closed(GuildId(2))

    async def fail(tx: object, guild_ids: object) -> None:
        monkeypatch.undo()
        house.gaps.opened_since.append((0, "new", (GuildId(1),), 5))
        raise DatabaseUnavailable("gone", "for the test")

    monkeypatch.setattr(storage, "close_gaps", fail)
    with pytest.raises(DatabaseUnavailable):
        await house.keeper.write()
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE gateway_guilds SET gap_since = 5")
    await house.keeper.write()
    assert await gaps_in(pool) == [GapRow(GuildId(1), 5)]
