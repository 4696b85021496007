"""The bus of one process passes the suite of all buses."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from typing_extensions import override

from alphapy.actors.kernel.bus import Bus, Delivery, Reason, Unanswered
from alphapy.pure.backoff import Backoff
from tests.actors.kernel.bus_conformance import BusConformance
from tests.actors.kernel.support import ONE, PROBE, Echo, Journal, Note, probe_spec, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from alphapy.actors.kernel.supervision import ChildSpec


class TestRegistry(BusConformance):
    @override
    @asynccontextmanager
    async def open(self, specs: Mapping[str, ChildSpec]) -> AsyncIterator[Bus]:
        async with running(specs) as house:
            yield house.registry

    @override
    def quick(self) -> Backoff:
        return Backoff(initial=0.001, ceiling=0.01)


async def test_before_it_runs_and_after_it_stopped_nothing_is_taken() -> None:
    async with running({PROBE: probe_spec(Journal())}) as house:
        registry = house.registry
    assert registry.tell(ONE, Note(1)) is Delivery.STOPPED
    assert registry.tell_event(ONE, Note(1)) is Delivery.STOPPED
    assert await registry.ask(ONE, Echo("?"), timeout=1) == Unanswered(Reason.STOPPED)


async def test_a_tell_is_no_checkpoint_and_an_ask_always_is_one() -> None:
    async with running({PROBE: probe_spec(Journal(), mailbox=1)}) as house:
        with trio.testing.assert_no_checkpoints():
            house.registry.tell(ONE, Note(1))
            house.registry.tell(ONE, Note(2))
            house.registry.tell_event(ONE, Note(3))
        with trio.testing.assert_checkpoints():
            await house.registry.ask(ONE, Echo("answered"), timeout=1)
        house.registry.stop_intake()
        house.registry.tell(ONE, Note(4))
        with trio.testing.assert_checkpoints():
            # Refused at once, for the normal lane is full.
            await house.registry.ask(ONE, Echo("refused"), timeout=1)


async def test_a_pattern_is_registered_once() -> None:
    async with running({PROBE: probe_spec(Journal())}) as house:
        with pytest.raises(ValueError, match="registered already"):
            house.registry.register(PROBE, probe_spec(Journal()))
        with pytest.raises(ValueError, match="not an actor address"):
            house.registry.register("guild/1/probe", probe_spec(Journal()))
