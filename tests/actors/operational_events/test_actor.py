"""Events are at hand at once, stored in a moment, and there again after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.operational_events import actor as module
from alphapy.actors.operational_events.actor import OperationalEvents
from alphapy.actors.operational_events.messages import EVENTS, RING, Recent, RecentEvents, RecordEvent
from alphapy.pure.ids import GuildId
from alphapy.pure.masking import Mask
from tests.support.actors import ask, running
from tests.support.clock import FakeClock
from tests.support.faulty_pool import FaultyPool, gone
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from alphapy.actors.kernel.registry import Registry
    from alphapy.storage.pool import Pool

A, B = GuildId(11), GuildId(22)


def spec(pool: Any, clock: FakeClock | None = None, *, persist_after: float = 0.01) -> ChildSpec:
    clock = clock or FakeClock()
    return ChildSpec(
        factory=lambda context: OperationalEvents(
            context, pool=pool, clock=clock, mask=Mask(["hunter2"]), persist_after=persist_after
        ),
        idle_after=None,
    )


def told(text: str, guild_id: GuildId | None = None, *, event_type: str = "GUILD_SYNC") -> RecordEvent:
    return RecordEvent(event_type=event_type, message=text, guild_id=guild_id, details={"number": 1})


async def recent(registry: Registry, guild_id: GuildId | None, **options: Any) -> RecentEvents:
    # On the lane of what was told before.
    return await ask(registry, EVENTS, Recent(guild_id=guild_id, **options), lane=Lane.NORMAL)


async def texts(registry: Registry, guild_id: GuildId | None, **options: Any) -> list[str]:
    return [event.message for event in (await recent(registry, guild_id, **options)).events]


async def stored(pool: Pool) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(
            "SELECT event_type, guild_id, message, details, created_at FROM operational_events ORDER BY id"
        )


async def test_a_guild_sees_its_own_events_and_those_of_nobody(pool: Pool) -> None:
    clock = FakeClock()
    async with running(process_operational_events=spec(pool, clock)) as registry:
        for text, guild in (("first", None), ("of a", A), ("of b", B), ("last", None)):
            registry.tell(EVENTS, told(text, guild))
            await recent(registry, None)
            clock.advance(1)
        assert await texts(registry, A) == ["last", "of a", "first"]
        assert await texts(registry, None) == ["last", "first"]
        assert await texts(registry, A, limit=1) == ["last"]
        assert await texts(registry, A, limit=0) == []
        assert (await recent(registry, A)).complete


async def test_types_can_be_chosen(pool: Pool) -> None:
    async with running(process_operational_events=spec(pool)) as registry:
        registry.tell(EVENTS, told("sync", A))
        registry.tell(EVENTS, told("broken", A, event_type="COG_ERROR"))
        await wait_until(lambda: _count(pool, 2), what="the rows")
        assert await texts(registry, A, types=frozenset({"COG_ERROR"})) == ["broken"]
        assert await texts(registry, A, types=frozenset({"NONSENSE"})) == []


async def test_what_is_told_is_stored_in_order_with_its_own_time(pool: Pool) -> None:
    clock = FakeClock()
    async with running(process_operational_events=spec(pool, clock, persist_after=60)) as registry:
        times = []
        for number in range(3):
            registry.tell(EVENTS, told(f"number {number} hunter2", A))
            await recent(registry, None)
            times.append(clock.now())
            clock.advance(1)
    assert await stored(pool) == [
        ("GUILD_SYNC", A, f"number {number} …", {"number": 1}, times[number]) for number in range(3)
    ]


async def _count(pool: Pool, count: int) -> bool:
    return len(await stored(pool)) == count


async def test_the_newest_hundred_are_there_again_after_a_restart(pool: Pool) -> None:
    clock = FakeClock()
    async with running(process_operational_events=spec(pool, clock)) as registry:
        for number in range(RING + 20):
            registry.tell(EVENTS, told(str(number), A if number % 2 else None))
        await wait_until(lambda: _count(pool, RING + 20), what="the rows")
    async with running(process_operational_events=spec(pool, clock)) as registry:
        clock.advance(1)
        registry.tell(EVENTS, told("new", A))
        found = await recent(registry, A, limit=200)
    newest = [event.message for event in found.events]
    assert newest[0] == "new"
    assert [text for text in newest[1:] if int(text) % 2] == [str(number) for number in range(119, 0, -2)]
    assert [text for text in newest[1:] if not int(text) % 2] == [
        str(number) for number in range(118, -1, -2)
    ]
    assert found.complete


async def test_operations_25_an_unknown_type_is_kept_under_a_known_one(pool: Pool) -> None:
    async with running(process_operational_events=spec(pool)) as registry:
        registry.tell(EVENTS, told("what?", event_type="FOO"))
        (event,) = (await recent(registry, None)).events
    assert (event.event_type, event.details["original_event_type"]) == ("SETTINGS_CHANGED", "FOO")
    assert [row[0] for row in await stored(pool)] == ["SETTINGS_CHANGED"]


async def test_operations_26_many_events_of_one_guild_leave_those_of_another(pool: Pool) -> None:
    async with running(process_operational_events=spec(pool, persist_after=60)) as registry:
        registry.tell(EVENTS, told("of b", B))
        for number in range(150):
            registry.tell(EVENTS, told(str(number), A))
        assert await texts(registry, B) == ["of b"]
        assert await texts(registry, A) == [str(number) for number in reversed(range(50, 150))]


async def test_the_guild_that_nobody_looked_at_makes_room_and_comes_back_from_the_database(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GUILD_RINGS", 2)
    async with running(process_operational_events=spec(pool, persist_after=60)) as registry:
        for guild in (1, 2, 3, 4):
            registry.tell(EVENTS, told(f"of {guild}", GuildId(guild)))
        assert await texts(registry, GuildId(1)) == ["of 1"]
        assert await texts(registry, GuildId(4)) == ["of 4"]


async def test_without_a_database_what_is_new_is_at_hand_and_stored_later_once(pool: Pool) -> None:
    faulty = FaultyPool(pool, [gone(in_doubt=True), gone(), psycopg.errors.DiskFull("full"), gone()])
    async with running(process_operational_events=spec(faulty, persist_after=60)) as registry:
        registry.tell(EVENTS, told("one", A))
        first = await recent(registry, A)  # two tries to store: in doubt, and gone
        registry.tell(EVENTS, told("two", A))
        second = await recent(registry, A)
        assert [event.message for event in second.events] == ["two", "one"]
        assert not first.complete
        assert not second.complete
        assert not faulty.errors
        assert await texts(registry, A) == ["two", "one"]
        assert (await recent(registry, A)).complete
    assert [row[2] for row in await stored(pool)] == ["one", "two"]


async def test_a_ring_that_cannot_be_read_is_incomplete(pool: Pool) -> None:
    faulty = FaultyPool(pool, [gone()])
    async with running(process_operational_events=spec(faulty)) as registry:
        assert not (await recent(registry, None)).complete
        assert (await recent(registry, None)).complete


async def test_the_stop_waits_for_a_database_that_is_away(pool: Pool) -> None:
    faulty = FaultyPool(pool, [gone(), gone()])
    async with running(process_operational_events=spec(faulty, persist_after=60)) as registry:
        registry.tell(EVENTS, told("late"))
    assert [row[2] for row in await stored(pool)] == ["late"]


async def test_a_message_of_somebody_else_is_not_handled(pool: Pool) -> None:
    async with running(process_operational_events=spec(pool)) as registry:
        registry.tell(EVENTS, "what?")
        await wait_until(lambda: registry.dead_letters().parked == 1, what="the dead letter")
