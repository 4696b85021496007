"""Turns to identify: concurrency, the daily limit, and permits that are lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio
import trio.testing

from alphapy.gateway.identify import IdentifyQueue, SessionStartLimit, SessionStarts

if TYPE_CHECKING:
    import pytest


async def identify(
    queue: IdentifyQueue, shard_id: int, times: dict[int, float], *, ready_after: float = 0.0
) -> None:
    permit = await queue.acquire(shard_id)
    permit.used()
    times[shard_id] = trio.current_time()
    await trio.sleep(ready_after)
    permit.give_back()


async def all_of(queue: IdentifyQueue, shards: int, *, ready_after: float = 0.0) -> dict[int, float]:
    start, times = trio.current_time(), dict[int, float]()
    async with trio.open_nursery() as nursery:
        for shard_id in range(shards):
            nursery.start_soon(partial(identify, queue, shard_id, times, ready_after=ready_after))
    return {shard_id: round(when - start, 3) for shard_id, when in times.items()}


async def test_one_at_a_time_and_five_seconds_apart(autojump_clock: trio.testing.MockClock) -> None:
    assert sorted((await all_of(IdentifyQueue(), 4)).values()) == [0, 5, 10, 15]


async def test_a_slow_ready_holds_up_the_next(autojump_clock: trio.testing.MockClock) -> None:
    assert sorted((await all_of(IdentifyQueue(), 3, ready_after=8)).values()) == [0, 8, 16]


async def test_buckets_go_side_by_side(autojump_clock: trio.testing.MockClock) -> None:
    queue = IdentifyQueue()
    queue.learn(SessionStartLimit(max_concurrency=16))
    times = await all_of(queue, 32)
    assert [sorted((times[bucket], times[bucket + 16])) for bucket in range(16)] == [[0, 5]] * 16


async def test_a_permit_that_was_not_used_costs_nothing(autojump_clock: trio.testing.MockClock) -> None:
    queue = IdentifyQueue()
    permit = await queue.acquire(0)
    permit.give_back()
    permit.give_back()
    assert (await all_of(queue, 1)) == {0: 0}
    assert queue.statistics().identified == 1


async def test_who_gives_up_waiting_does_not_block_the_others(autojump_clock: trio.testing.MockClock) -> None:
    queue = IdentifyQueue()
    permit = await queue.acquire(0)
    permit.used()
    with trio.move_on_after(1):
        await queue.acquire(1)
    permit.give_back()
    with trio.move_on_after(1):
        await queue.acquire(2)
    assert queue.statistics().waiting == 0
    (await queue.acquire(3)).give_back()
    assert trio.current_time() >= 5


async def test_the_daily_limit_is_waited_for_and_shown(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    queue = IdentifyQueue()
    queue.learn(SessionStartLimit(total=1000, remaining=1, reset_after=7200, max_concurrency=1))
    assert "Few gateway session starts" in caplog.text
    assert queue.statistics().remaining == 1
    assert queue.statistics().resets_in == 7200
    assert sorted((await all_of(queue, 2)).values()) == [0, 7200]
    assert "No gateway session starts are left" in caplog.text
    assert queue.statistics().remaining == 999
    assert queue.statistics().identified == 2
    assert queue.statistics().total == 1000


async def test_before_discord_has_told_nothing_is_known() -> None:
    statistics = IdentifyQueue().statistics()
    assert (statistics.remaining, statistics.total, statistics.resets_in) == (None, None, None)


def test_news_of_the_limit_replace_what_was_counted() -> None:
    starts = SessionStarts()
    starts.learn(SessionStartLimit(total=10, remaining=0, reset_after=100), 0.0)
    assert starts.delay(40.0) == 60.0
    starts.learn(SessionStartLimit(total=10, remaining=3, reset_after=100), 40.0)
    assert starts.delay(40.0) == 0.0
    starts.reserve()
    starts.used(40.0)
    assert starts.remaining == 2
    assert starts.resets_in(50.0) == 90.0


async def test_shards_side_by_side_share_the_last_starts(autojump_clock: trio.testing.MockClock) -> None:
    """A turn sets a start aside: what another shard is about to use is not there any more."""
    queue = IdentifyQueue()
    queue.learn(SessionStartLimit(total=1000, remaining=2, reset_after=7200, max_concurrency=16))
    assert sorted((await all_of(queue, 3, ready_after=1)).values()) == [0, 0, 7200]


async def test_a_start_that_was_set_aside_and_not_used_is_free_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    queue = IdentifyQueue()
    queue.learn(SessionStartLimit(total=1000, remaining=1, reset_after=7200, max_concurrency=16))
    permit = await queue.acquire(0)
    with trio.move_on_after(1) as waiting:
        await queue.acquire(1)
    assert waiting.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.acquire, 1)
        await trio.testing.wait_all_tasks_blocked()
        permit.give_back()
    assert trio.current_time() < 10


async def test_an_answer_does_not_bring_back_what_was_started_meanwhile(
    autojump_clock: trio.testing.MockClock,
) -> None:
    queue = IdentifyQueue()
    asked_at = queue.identified
    (await queue.acquire(0)).used()
    queue.learn(SessionStartLimit(total=1000, remaining=2, reset_after=7200), asked_at=asked_at)
    assert queue.statistics().remaining == 1
