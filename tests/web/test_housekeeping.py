"""What the web throws away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import trio

from alphapy.storage import idempotency
from alphapy.storage.idempotency import Claim, Claimed
from alphapy.web import housekeeping
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    import pytest

    from alphapy.storage.pool import Pool
    from tests.web.house import House


async def keys(pool: Pool) -> list[str]:
    async with pool.transaction("web", read_only=True) as tx:
        rows = await tx.fetch_all("SELECT idem_key FROM api_idempotency ORDER BY idem_key")
    return [key for (key,) in rows]


async def claim(pool: Pool, clock: FakeClock, key: str) -> None:
    wanted = Claim(namespace="test", principal="me", key=key, request_hash="h", token=key)
    async with pool.transaction("web") as tx:
        assert await idempotency.claim(tx, wanted, clock.now()) == Claimed()


async def test_expired_records_go_in_batches_and_the_others_stay(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "EXPIRED_AT_ONCE", 2)
    clock = FakeClock()
    for number in range(5):
        await claim(pool, clock, f"old{number}")
    clock.advance(timedelta(seconds=601))
    await claim(pool, clock, "new")
    await housekeeping.expire(pool, clock)
    assert await keys(pool) == ["new"]


async def test_it_goes_on_and_sweeps_the_limits_now_and_then(house: House) -> None:
    await house.get("/status")
    windows = house.app.front.desk.windows
    assert len(windows) == 1
    await claim(house.pool, house.clock, "old")
    house.clock.advance(timedelta(seconds=601))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            lambda: housekeeping.keep_house(house.app.front.desk, house.pool, house.clock, every=0.01)
        )
        with trio.fail_after(10):
            while await keys(house.pool):
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert len(windows) == 1  # nothing of a minute ago is forgotten
