"""Visible effects happen once: repeated, at the same time, after failures, doubts, kills and a day."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import pytest
import trio

from alphapy.storage import webhook_receipts
from alphapy.storage.errors import DatabaseUnavailable
from alphapy.storage.pool import Pool
from alphapy.web.errors import ApiError
from alphapy.web.receipts import InDoubt, Receipts
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from alphapy.storage.transaction import Transaction

BODY = b'{"user_id": 42}'


@attrs.define
class Stage:
    """Receipts, and an effect that is counted."""

    receipts: Receipts
    clock: FakeClock
    pool: Pool
    effects: list[datetime | None] = attrs.field(factory=list)
    trouble: Exception | None = None
    gate: trio.Event | None = None

    async def effect(self, since: datetime | None) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        self.effects.append(since)

    async def deliver(self, body: bytes = BODY, hook: str = "founder") -> bool:
        return await self.receipts.once(hook, body, self.effect)

    async def rows(self) -> list[str]:
        async with self.pool.transaction("web") as tx:
            return [row[0] for row in await tx.fetch_all("SELECT route FROM webhook_receipts ORDER BY route")]

    def restart(self) -> None:
        self.receipts = Receipts(self.pool, self.clock)


@pytest.fixture
def scene(pool: Pool) -> Stage:
    clock = FakeClock()
    return Stage(Receipts(pool, clock), clock, pool)


async def test_the_same_delivery_has_its_effect_once_in_a_day(scene: Stage) -> None:
    assert await scene.deliver()
    assert not await scene.deliver()
    assert await scene.deliver(BODY + b" "), "another byte is another delivery"
    assert await scene.deliver(hook="legal-update"), "and so is another hook"
    scene.clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    scene.restart()
    assert not await scene.deliver()
    scene.clock.advance(timedelta(seconds=1))
    assert await scene.deliver()
    assert scene.effects == [None] * 4


async def test_an_effect_that_fails_takes_its_receipt_along(scene: Stage) -> None:
    scene.trouble = ApiError(502, "dm_failed", "no")
    with pytest.raises(ApiError):
        await scene.deliver()
    assert await scene.rows() == []
    scene.trouble = None
    assert await scene.deliver()
    assert scene.effects == [None]
    assert await scene.rows() == ["founder"]


async def test_after_a_doubt_the_next_one_is_told_to_look(scene: Stage) -> None:
    began = scene.clock.now()
    scene.trouble = InDoubt(503, "bot_unavailable", "perhaps")
    with pytest.raises(InDoubt):
        await scene.deliver()
    scene.clock.advance(60)
    scene.restart()
    scene.trouble = None
    assert await scene.deliver()
    assert scene.effects == [began]
    assert await scene.rows() == ["founder"]


async def test_a_client_that_goes_away_leaves_a_doubt(scene: Stage) -> None:
    scene.gate = trio.Event()
    with trio.move_on_after(0.05):
        await scene.deliver()
    scene.gate.set()
    assert await scene.deliver()
    assert [since is not None for since in scene.effects] == [True]


async def test_of_several_at_once_one_has_the_effect_and_the_others_wait(scene: Stage) -> None:
    scene.gate = trio.Event()
    outcomes: list[bool] = []

    async def deliver() -> None:
        outcomes.append(await scene.deliver())

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(deliver)
        await trio.sleep(0.05)
        assert outcomes == []
        scene.gate.set()
    assert sorted(outcomes) == [False] * 4 + [True]
    assert scene.effects == [None]


async def test_those_who_waited_for_a_failure_try_themselves(scene: Stage) -> None:
    scene.gate = trio.Event()
    failures = 0

    async def deliver() -> None:
        nonlocal failures
        try:
            await scene.deliver()
        except ApiError:
            failures += 1
            scene.trouble = None

    scene.trouble = ApiError(503, "bot_unavailable", "no")
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(deliver)
        await trio.sleep(0.05)
        scene.gate.set()
    assert failures == 1
    assert len(scene.effects) == 1


@attrs.define
class Flaky:
    """A pool that is away for every unit of work from the second on."""

    pool: Pool
    calls: int = 0

    async def run(
        self, component: str, work: Callable[[Transaction], Awaitable[object]], *, idempotent: bool
    ) -> object:
        self.calls += 1
        if self.calls > 1:
            raise DatabaseUnavailable("a database", "away", lost=True)
        return await self.pool.run(component, work, idempotent=idempotent)


async def test_a_database_that_goes_away_after_the_effect(scene: Stage) -> None:
    scene.receipts = Receipts(Flaky(scene.pool), scene.clock)  # type: ignore[arg-type] # as much as is used
    assert await scene.deliver(), "the effect is there, and so its sender hears"
    scene.restart()
    assert await scene.deliver()
    assert [since is not None for since in scene.effects] == [False, True], "the next one looks"


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Transaction]:
    async with pool.transaction("web") as tx:
        yield tx


async def test_receipts_are_deleted_when_they_are_old(scene: Stage) -> None:
    await scene.deliver()
    scene.clock.advance(timedelta(hours=1))
    await scene.deliver(b"{}")
    async with transaction(scene.pool) as tx:
        instant = scene.clock.now()
        assert await webhook_receipts.delete_before(tx, instant, limit=5) == 1
        assert await webhook_receipts.delete_before(tx, instant, limit=5) == 0
    assert len(await scene.rows()) == 1
