"""The part ``streaks`` in its actor: days, the members in memory, and who is told of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pytest
from typing_extensions import override

from alphapy.actors.engagement.messages import Forget
from alphapy.actors.engagement.part import NOT_MINE
from alphapy.actors.engagement.streaks import Shown, Streaks
from alphapy.pure.engagement.nicknames import Streak
from alphapy.pure.ids import UserId
from alphapy.storage.pool import Pool
from tests.support.actors import ask
from tests.support.engagement import ADDRESS, EngagementHouse, message
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from alphapy.actors.engagement.part import Post
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

T = TypeVar("T")

NOON = datetime(2026, 7, 20, 12, tzinfo=UTC)
ALL = "SELECT user_id, last_day, current_days, base_nickname FROM engagement_streaks ORDER BY user_id"


@attrs.define
class Signs(Shown):
    """Shows streaks, or does not, and keeps what it is told. The base is the username and ``name``."""

    is_on: bool = False
    name: str = ""
    seen: list[tuple[int, int, str]] = attrs.field(factory=list)
    stored: list[Streak | None] = attrs.field(factory=list)
    forgotten: list[int] = attrs.field(factory=list)
    other: list[str] = attrs.field(factory=list)

    @override
    async def read(self, tx: Transaction) -> object:
        return "its state"

    @override
    def adopt(self, state: object) -> None:
        assert state == "its state"

    @override
    def base(self, post: Post, stored: Streak | None) -> str:
        self.stored.append(stored)
        return post.event.author.username + self.name

    @override
    def see(self, post: Post, days: int, base: str) -> None:
        self.seen.append((post.author_id, days, base))

    @override
    async def handle(self, message: object) -> object:
        return f"its {message}" if isinstance(message, str) else NOT_MINE

    @override
    async def wake(self) -> None:
        self.other.append("woken")

    @override
    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        self.other.append("done")
        return ()

    @override
    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        self.other.append(why)
        return ()

    @override
    def forget(self, user_id: UserId) -> None:
        self.forgotten.append(user_id)


@attrs.define
class Watched:
    """A pool, and who has asked it."""

    pool: Pool
    asked: list[str] = attrs.field(factory=list)

    async def run(self, component: str, work: Callable[[Transaction], Awaitable[T]], **how: Any) -> T:
        self.asked.append(component)
        return await self.pool.run(component, work, **how)


def house(pool: Pool, signs: Signs, *, remembered: int = 5_000, through: Any = None) -> EngagementHouse:
    parts = [lambda host: Streaks(host, signs, remembered=remembered)]
    return EngagementHouse(pool, parts, through=through)


def day(offset: int) -> datetime:
    return NOON + timedelta(days=offset)


async def settled(where: EngagementHouse, mark: int) -> None:
    await wait_until(lambda: where.mark == mark, what=f"mark {mark}")


async def counted(signs: Signs, number: int) -> None:
    await wait_until(lambda: len(signs.stored) == number, what=f"message {number}")


async def test_days_in_a_row(pool: Pool) -> None:
    """Scenario 21, and a replay from an earlier day."""
    signs = Signs()
    where = house(pool, signs)
    async with where.running() as registry:
        for number, (author, offset) in enumerate(
            [(30, 0), (31, 0), (30, 0), (30, 1), (31, 2), (30, 3), (30, 1), (30, 4), (32, -9)], start=1
        ):
            where.tell(registry, message(number, author, at=day(offset)), number)
        await settled(where, 9)
        assert await where.rows(ALL) == [
            (30, date(2026, 7, 24), 2, "user_30"),
            (31, date(2026, 7, 22), 1, "user_31"),
            (32, date(2026, 7, 11), 1, "user_32"),
        ]
        assert signs.seen == [], "nobody shows them"
        first = signs.stored[0]
        assert first is None
        assert [one.days for one in signs.stored if one is not None] == [1, 1, 2, 1]


async def test_whoever_shows_them_is_told_of_every_message_and_a_new_name_is_stored(pool: Pool) -> None:
    signs = Signs(is_on=True)
    where = house(pool, signs)
    async with where.running() as registry:
        where.tell(registry, message(1, at=day(0)), 1)
        where.tell(registry, message(2, at=day(0)), 2)
        await settled(where, 2)
        signs.name = "!"
        where.tell(registry, message(3, at=day(0)), 3)
        where.tell(registry, message(4, at=day(-1)), 4)
        await settled(where, 4)
        assert signs.seen == [(30, 1, "user_30"), (30, 1, "user_30"), (30, 1, "user_30!")]
        assert await where.rows(ALL) == [(30, date(2026, 7, 20), 1, "user_30!")]
        assert await ask(registry, ADDRESS, Forget(UserId(30)))
        assert signs.forgotten == [30]


@pytest.mark.parametrize("writes", [True, False])
async def test_who_is_not_remembered_is_found_again(pool: Pool, *, writes: bool) -> None:
    """In the database, or where the row is still on its way there."""
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO engagement_streaks (guild_id, user_id, last_day, current_days, base_nickname)"
            " VALUES (7, 30, '2026-07-19', 8, 'Pixel'), (8, 31, '2026-07-19', 99, 'elsewhere'),"
            " (7, 33, NULL, 0, NULL)"
        )
    signs = Signs()
    where = house(pool, signs, remembered=2)
    async with where.running(writes=writes) as registry:
        for number, author in enumerate((30, 31, 32, 33, 34), start=1):
            where.tell(registry, message(number, author, at=day(0)), number)
            await (settled(where, number) if writes else counted(signs, number))
        for number, author in enumerate((30, 31, 32, 33, 34), start=6):
            where.tell(registry, message(number, author, at=day(1)), number)
        await counted(signs, 10)
        assert await where.progress.write() or writes
    assert [row[:3] for row in await where.rows(ALL) if row[3] != "elsewhere"] == [
        (30, date(2026, 7, 21), 10),
        (31, date(2026, 7, 21), 2),
        (32, date(2026, 7, 21), 2),
        (33, date(2026, 7, 21), 2),
        (34, date(2026, 7, 21), 2),
    ]
    assert signs.stored[0] is not None
    assert signs.stored[0].base == "Pixel"


@pytest.mark.parametrize(("remembered", "reads"), [(3, 0), (2, 1)])
async def test_nobody_is_read_where_all_are_in_memory(pool: Pool, *, remembered: int, reads: int) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO engagement_streaks (guild_id, user_id, last_day, current_days, base_nickname)"
            " VALUES (7, 30, '2026-07-19', 8, 'a'), (7, 31, '2026-07-18', 9, 'b'), (7, 32, NULL, 0, NULL)"
        )
    signs = Signs()
    through = Watched(pool)
    where = house(pool, signs, remembered=remembered, through=through)
    async with where.running() as registry:
        where.tell(registry, message(1, 30, at=day(0)), 1)
        await settled(where, 1)
        through.asked.clear()
        where.tell(registry, message(2, 99, at=day(0)), 2)
        await settled(where, 2)
        assert through.asked.count("engagement") == reads
    assert (await where.rows(ALL))[0][:3] == (30, date(2026, 7, 20), 9)
    assert (await where.rows(ALL))[-1][:3] == (99, date(2026, 7, 20), 1)


async def test_other_turns_are_passed_on() -> None:
    signs = Signs()
    part = Streaks(None, signs)  # type: ignore[arg-type]
    assert part.name == "streaks"
    assert await part.handle("message") == "its message"
    assert await part.handle(1) is NOT_MINE
    await part.wake()
    await part.on_done(None, None)  # type: ignore[arg-type]
    await part.on_undone(None, None, "why")  # type: ignore[arg-type]
    assert signs.other == ["woken", "done", "why"]
    assert await part.on_event(None) is None  # type: ignore[arg-type]
