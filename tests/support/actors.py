"""A registry to run a feature's actors in, with the outages that the service knows."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import trio
from typing_extensions import override

from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.kernel.deadletters import DeadLetter, DeadLetterSink
from alphapy.actors.kernel.registry import Registry
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import TypeVar

    from alphapy.actors.kernel.address import Address, Request
    from alphapy.actors.kernel.supervision import ChildSpec

    T = TypeVar("T")


@attrs.define
class KeptLetters(DeadLetterSink):
    """Dead letters in a list."""

    letters: list[DeadLetter] = attrs.field(factory=list)

    @override
    async def park(self, letter: DeadLetter) -> None:
        self.letters.append(letter)


@asynccontextmanager
async def running(**kinds: ChildSpec) -> AsyncIterator[Registry]:
    """A registry with these kinds of actors: ``guild_log=spec`` for ``guild/*/guild_log``, ``process_x`` for
    ``process/x``.
    """
    registry = Registry(
        dead_letters=KeptLetters(),
        budget=Budget(1000),
        rng=random.Random(1),
        outages=(DatabaseUnavailable, DatabaseBusy),
    )
    for name, spec in kinds.items():
        registry.register(_pattern(name), spec)
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        yield registry
        await registry.stop(deadline=trio.current_time() + 5)


def _pattern(name: str) -> str:
    process = name.removeprefix("process_")
    return f"guild/*/{name}" if process == name else f"process/{process}"


async def ask(registry: Registry, address: Address, request: Request[T], *, lane: Lane = Lane.URGENT) -> T:
    """The answer; fails where there is none."""
    reply = await registry.ask(address, request, timeout=10, lane=lane)
    assert isinstance(reply, Answered), reply
    return reply.value
