"""What a message costs: in the mailbox, through an actor, as an ask; and what an idle actor holds.

Times are processor time of this process, which has one thread and never waits: other work on the machine
does not count. The best of many rounds is shown, so that neither do pauses of the garbage collector.

Run: .venv/bin/python bench/mailbox.py
"""

from __future__ import annotations

import gc
import random
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import psutil
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address, Lane, Request
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.deadletters import DeadLetterSink
from alphapy.actors.kernel.mailbox import Envelope, Mailbox
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from alphapy.actors.kernel.deadletters import DeadLetter

BURST = 2_000
ROUNDS = 40
IDLE_ACTORS = 10_000


@attrs.frozen
class Note:
    number: int


@attrs.frozen
class Echo(Request[int]):
    number: int


class Counter(Actor):
    """Counts what it handles, one by one."""

    handled = 0

    @override
    async def handle(self, message: object) -> object:
        type(self).handled += 1
        return message.number if isinstance(message, Echo) else None


class BatchCounter(Counter):
    """Counts what it handles, by the batch."""

    handled = 0

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        type(self).handled += len(messages)


class NoLetters(DeadLetterSink):
    """There are none here."""

    @override
    async def park(self, letter: DeadLetter) -> None:
        raise AssertionError(letter)


@asynccontextmanager
async def running(factory: Callable[[Context], Actor]) -> AsyncIterator[tuple[Registry, Budget]]:
    budget = Budget(10 * BURST)
    registry = Registry(dead_letters=NoLetters(), budget=budget, rng=random.Random(0))
    registry.register("guild/*/bench", ChildSpec(factory=factory, mailbox=2 * BURST))
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        yield registry, budget
        await registry.stop(deadline=trio.current_time() + 60)


def address(guild: int) -> Address:
    return Address.guild(GuildId(guild), "bench")


def show(what: str, seconds: float, count: int) -> None:
    each = seconds / count
    print(f"{what:<62}{each * 1e6:9.2f} µs {1 / each:14,.0f} /s")


async def bench_mailbox() -> None:
    mailbox = Mailbox(normal=BURST, urgent=1)
    messages = [Note(number) for number in range(BURST)]
    put = float("inf")
    take = {1: float("inf"), 64: float("inf"), 256: float("inf")}
    for _ in range(ROUNDS):
        for limit, best in take.items():
            started = time.process_time()
            for message in messages:
                mailbox.put(Envelope(message), Lane.NORMAL)
            filled = time.process_time()
            while mailbox.depth(Lane.NORMAL):
                mailbox.take(Lane.NORMAL, limit)
            put = min(put, filled - started)
            take[limit] = min(best, time.process_time() - filled)
    show("mailbox: put, with its envelope", put, BURST)
    for limit, seconds in take.items():
        show(f"mailbox: take, by {limit}", seconds, BURST)


async def bench_one_at_a_time() -> None:
    """The consumer parks after every message: two task switches each."""
    mailbox = Mailbox(normal=BURST, urgent=1)
    seen = 0

    async def consume() -> None:
        nonlocal seen
        while True:
            await mailbox.wait_for_arrival()
            mailbox.take(Lane.NORMAL, 256)
            seen += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        await trio.lowlevel.checkpoint()
        started = time.process_time()
        for number in range(BURST):
            mailbox.put(Envelope(Note(number)), Lane.NORMAL)
            while seen <= number:
                await trio.lowlevel.checkpoint()
        show("mailbox: one message at a time, parking after each", time.process_time() - started, BURST)
        nursery.cancel_scope.cancel()


async def bench_tells(kind: type[Counter], what: str, *, events: bool = False) -> None:
    async with running(kind) as (registry, _):
        target, kind.handled = address(1), 0
        tell = registry.tell_event if events else registry.tell
        messages = [Note(number) for number in range(BURST)]
        told = handled = float("inf")
        for round_ in range(ROUNDS):
            started = time.process_time()
            for message in messages:
                tell(target, message)
            sent = time.process_time()
            while kind.handled < (round_ + 1) * BURST:
                await trio.lowlevel.checkpoint()
            told = min(told, sent - started)
            handled = min(handled, time.process_time() - sent)
    show(f"{what}: tell", told, BURST)
    show(f"{what}: handle", handled, BURST)


async def bench_asks() -> None:
    async with running(Counter) as (registry, _):
        target = address(1)
        best = float("inf")
        for _ in range(10):
            started = time.process_time()
            for number in range(500):
                await registry.ask(target, Echo(number), timeout=10)
            best = min(best, time.process_time() - started)
        show("ask and answer, one after the other", best, 500)

        async def ask_many() -> None:
            for number in range(100):
                await registry.ask(target, Echo(number), timeout=10)

        started = time.process_time()
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask_many)
        show("ask and answer, twenty askers at once", time.process_time() - started, 2_000)


async def bench_idle() -> None:
    process = psutil.Process()
    async with running(Counter) as (registry, _):
        Counter.handled = 0
        gc.collect()
        before = process.memory_info().rss
        started = time.process_time()
        for guild in range(1, IDLE_ACTORS + 1):
            registry.tell(address(guild), Note(guild))
        while Counter.handled < IDLE_ACTORS:
            await trio.lowlevel.checkpoint()
        show(
            f"start {IDLE_ACTORS:,} actors and handle their first message",
            time.process_time() - started,
            IDLE_ACTORS,
        )
        gc.collect()
        held = process.memory_info().rss - before
        print(f"{f'memory of {IDLE_ACTORS:,} idle actors':<62}{held / IDLE_ACTORS / 1024:9.2f} KB each")
        started = time.process_time()
        registry.health()
        show("health of all of them", time.process_time() - started, IDLE_ACTORS)
        cpu = process.cpu_times()
        await trio.sleep(2)
        used = process.cpu_times()
        busy = used.user + used.system - cpu.user - cpu.system
        print(f"{'processor time of two seconds of idling':<62}{busy * 1e3:9.2f} ms")
        started = time.process_time()
    show("flush and stop them", time.process_time() - started, IDLE_ACTORS)


async def main() -> None:
    await bench_idle()
    await bench_mailbox()
    await bench_one_at_a_time()
    await bench_tells(Counter, "an actor that handles one by one")
    await bench_tells(BatchCounter, "an actor that handles batches")
    await bench_tells(BatchCounter, "gateway events in batches", events=True)
    await bench_asks()


if __name__ == "__main__":
    trio.run(main)
