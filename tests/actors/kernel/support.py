"""A probe to put into cells, and a registry to run it in."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.kernel.address import Address, Request
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.deadletters import DeadLetter, DeadLetterSink
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.pure.backoff import Backoff
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from alphapy.actors.kernel.health import ActorHealth

PROBE = "guild/*/probe"
ONE = Address.guild(GuildId(1), "probe")
TWO = Address.guild(GuildId(2), "probe")

STEADY = Backoff(initial=1.0, factor=2.0, ceiling=16.0, jitter=0.0)
"""Back-off without chance, for tests that count seconds on the mock clock."""


@attrs.frozen
class Note:
    """A message without a meaning."""

    number: int


@attrs.frozen
class Crash:
    """Makes the probe crash every time."""

    number: int = 0


@attrs.frozen
class Echo(Request[str]):
    """Answered with its text."""

    text: str


@attrs.frozen
class CrashingEcho(Request[str]):
    """Crashes the probe instead of being answered."""


class Boom(Exception):
    """What the probe crashes with."""


@attrs.define
class Journal:
    """What all incarnations of a probe did, and what the test wants them to do."""

    built: int = 0
    loads: int = 0
    handled: list[object] = attrs.field(factory=list)
    batches: list[tuple[object, ...]] = attrs.field(factory=list)
    flushes: int = 0
    contexts: list[Context] = attrs.field(factory=list)
    on_load: Callable[[Context], Awaitable[None]] | None = None
    on_handle: Callable[[Context, object], Awaitable[None]] | None = None
    on_flush: Callable[[Context], Awaitable[None]] | None = None
    gone: bool = False
    """While true, the database is gone."""

    @property
    def numbers(self) -> list[int]:
        """The numbers of the notes handled."""
        return [message.number for message in self.handled if isinstance(message, Note)]

    @property
    def context(self) -> Context:
        """The context of the newest incarnation."""
        return self.contexts[-1]


class Probe(Actor):
    """Does what its journal wants; handles one by one."""

    def __init__(self, context: Context, journal: Journal) -> None:
        super().__init__(context)
        self.journal = journal
        journal.built += 1
        journal.contexts.append(context)

    @override
    async def load(self) -> None:
        if self.journal.on_load is not None:
            await self.journal.on_load(self.context)
        self.journal.loads += 1

    @override
    async def handle(self, message: object) -> object:
        if self.journal.gone:
            raise Unavailable("the database is gone")
        if self.journal.on_handle is not None:
            await self.journal.on_handle(self.context, message)
        if isinstance(message, Crash | CrashingEcho):
            raise Boom(f"on {message}")
        self.journal.handled.append(message)
        return message.text if isinstance(message, Echo) else None

    @override
    async def flush(self) -> None:
        self.journal.flushes += 1
        if self.journal.on_flush is not None:
            await self.journal.on_flush(self.context)


class BatchProbe(Probe):
    """A probe whose batches are all or nothing."""

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        if self.journal.gone:
            raise Unavailable("the database is gone")
        self.journal.batches.append(tuple(messages))
        if self.journal.on_handle is not None:
            for message in messages:
                await self.journal.on_handle(self.context, message)
        if any(isinstance(message, Crash) for message in messages):
            raise Boom(f"in a batch of {len(messages)}")
        self.journal.handled.extend(messages)


@attrs.define
class Letters(DeadLetterSink):
    """A sink that keeps dead letters in memory, and fails as often as it is told to."""

    kept: list[DeadLetter] = attrs.field(factory=list)
    failures: int = 0
    refuses: Callable[[DeadLetter], bool] = attrs.field(default=lambda _letter: False)

    @override
    async def park(self, letter: DeadLetter) -> None:
        await trio.lowlevel.checkpoint()
        if self.failures > 0:
            self.failures -= 1
            raise Boom("the sink is down")
        if self.refuses(letter):
            raise Boom("this letter cannot be stored")
        self.kept.append(letter)


def probe_spec(
    journal: Journal,
    *,
    batched: bool = False,
    idle_after: float | None = None,
    **more: Any,
) -> ChildSpec:
    """How probes are run, unless the test wants it otherwise."""
    kind = BatchProbe if batched else Probe
    spec = ChildSpec(
        factory=lambda context: kind(context, journal), idle_after=idle_after, backoff=STEADY, outage=STEADY
    )
    return attrs.evolve(spec, **more)


@attrs.define
class House:
    """A running registry and its surroundings."""

    registry: Registry
    letters: Letters
    budget: Budget

    def found(self, address: Address = ONE) -> ActorHealth:
        """The health of an actor that must be there."""
        health = self.registry.find(address)
        assert health is not None, f"{address} is not running"
        return health


@asynccontextmanager
async def running(
    specs: Mapping[str, ChildSpec],
    *,
    letters: Letters | None = None,
    budget: Budget | None = None,
    outages: tuple[type[Exception], ...] = (),
    stop_within: float = 60.0,
    on_unhealthy: Callable[[Address, Exception], None] = lambda _address, _error: None,
) -> AsyncIterator[House]:
    """Run a registry with these kinds around a test, and stop it in order afterwards."""
    house_letters = letters or Letters()
    house_budget = budget or Budget(10_000)
    registry = Registry(
        dead_letters=house_letters,
        budget=house_budget,
        rng=random.Random(7),
        outages=outages,
        on_unhealthy=on_unhealthy,
    )
    for pattern, spec in specs.items():
        registry.register(pattern, spec)
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        yield House(registry, house_letters, house_budget)
        await registry.stop(deadline=trio.current_time() + stop_within)
    assert house_budget.statistics().used == 0, "places of the budget were lost"
