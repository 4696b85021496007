"""What every Bus must do. Another implementation passes by inheriting the suite and opening itself.

Derive ``class TestMyBus(BusConformance)`` and implement ``open``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.kernel.bus import Answered, Bus, Delivery, Reason, Unanswered
from alphapy.pure.ids import GuildId
from tests.actors.kernel.support import ONE, PROBE, TWO, CrashingEcho, Echo, Journal, Note, probe_spec
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.kernel.supervision import ChildSpec
    from alphapy.pure.backoff import Backoff


class BusConformance:
    """The suite."""

    def open(self, specs: Mapping[str, ChildSpec]) -> AbstractAsyncContextManager[Bus]:
        """A bus on which actors of these kinds run."""
        raise NotImplementedError

    def quick(self) -> Backoff:
        """A back-off that does not hold up the suite."""
        raise NotImplementedError

    async def test_tells_arrive_in_order(self) -> None:
        journal = Journal()
        async with self.open({PROBE: probe_spec(journal)}) as bus:
            for number in range(500):
                assert bus.tell(ONE, Note(number)) is Delivery.ACCEPTED
            await wait_until(lambda: len(journal.handled) == 500)
        assert journal.numbers == list(range(500))

    async def test_an_ask_is_answered_with_what_the_actor_returned(self) -> None:
        async with self.open({PROBE: probe_spec(Journal())}) as bus:
            assert await bus.ask(ONE, Echo("hello"), timeout=5) == Answered("hello")
            assert await bus.ask(ONE, Echo("again"), timeout=5, lane=Lane.NORMAL) == Answered("again")

    async def test_an_ask_on_the_normal_lane_keeps_its_place_among_the_tells(self) -> None:
        journal = Journal()
        async with self.open({PROBE: probe_spec(journal, batched=True)}) as bus:
            bus.tell(ONE, Note(1))
            bus.tell(ONE, Note(2))
            async with trio.open_nursery() as nursery:

                async def ask() -> None:
                    await bus.ask(ONE, Echo("between"), timeout=5, lane=Lane.NORMAL)

                nursery.start_soon(ask)
            bus.tell(ONE, Note(3))
            await wait_until(lambda: len(journal.handled) == 4)
        assert journal.handled == [Note(1), Note(2), Echo("between"), Note(3)]

    async def test_each_address_has_its_own_actor(self) -> None:
        journal = Journal()
        async with self.open({PROBE: probe_spec(journal)}) as bus:
            bus.tell(ONE, Note(1))
            bus.tell(TWO, Note(2))
            await wait_until(lambda: len(journal.handled) == 2)
            assert sorted(str(context.address) for context in journal.contexts) == [
                "guild/1/probe",
                "guild/2/probe",
            ]

    async def test_nobody_is_registered(self) -> None:
        stranger = Address.guild(GuildId(1), "stranger")
        async with self.open({PROBE: probe_spec(Journal())}) as bus:
            assert bus.tell(stranger, Note(1)) is Delivery.UNKNOWN
            assert bus.tell_event(stranger, Note(1)) is Delivery.UNKNOWN
            assert await bus.ask(stranger, Echo("?"), timeout=5) == Unanswered(Reason.UNKNOWN)

    async def test_a_full_mailbox_refuses_tells_and_asks_but_not_events(self) -> None:
        gate = trio.Event()

        async def wait(_context: Context, _message: object) -> None:
            await gate.wait()

        journal = Journal(on_handle=wait)
        async with self.open({PROBE: probe_spec(journal, mailbox=3, urgent=1)}) as bus:
            # The first is taken by the actor, who then stands at the gate.
            bus.tell(ONE, Note(0))
            await wait_until(lambda: bool(journal.loads))
            await trio.testing.wait_all_tasks_blocked()
            assert [bus.tell(ONE, Note(n)) for n in range(1, 5)] == [Delivery.ACCEPTED] * 3 + [Delivery.FULL]
            assert await bus.ask(ONE, Echo("no"), timeout=5, lane=Lane.NORMAL) == Unanswered(Reason.BUSY)
            assert bus.tell(ONE, Note(5), lane=Lane.URGENT) is Delivery.ACCEPTED
            assert bus.tell(ONE, Note(6), lane=Lane.URGENT) is Delivery.FULL
            assert bus.tell_event(ONE, Note(7)) is Delivery.ACCEPTED
            gate.set()
            await wait_until(lambda: len(journal.handled) == 6)
        assert journal.numbers == [0, 5, 1, 2, 3, 7]

    async def test_an_ask_ends_at_its_deadline_and_is_not_worked_on_afterwards(self) -> None:
        gate = trio.Event()

        async def wait(_context: Context, message: object) -> None:
            if message == Note(0):
                await gate.wait()

        journal = Journal(on_handle=wait)
        async with self.open({PROBE: probe_spec(journal)}) as bus:
            bus.tell(ONE, Note(0))
            started = trio.current_time()
            answer = await bus.ask(ONE, Echo("late"), timeout=0.05, lane=Lane.NORMAL)
            assert answer == Unanswered(Reason.TIMED_OUT)
            assert 0.04 <= trio.current_time() - started < 2
            gate.set()
            bus.tell(ONE, Note(1))
            await wait_until(lambda: Note(1) in journal.handled)
        assert journal.handled == [Note(0), Note(1)]

    async def test_a_reply_to_someone_who_left_disturbs_nobody(self) -> None:
        gate = trio.Event()

        async def wait(_context: Context, message: object) -> None:
            if isinstance(message, Echo) and message.text == "late":
                await gate.wait()

        journal = Journal(on_handle=wait)
        async with self.open({PROBE: probe_spec(journal)}) as bus:
            assert await bus.ask(ONE, Echo("late"), timeout=0.05) == Unanswered(Reason.TIMED_OUT)
            gate.set()
            assert await bus.ask(ONE, Echo("next"), timeout=5) == Answered("next")
        assert journal.handled == [Echo("late"), Echo("next")]

    async def test_an_asker_may_be_cancelled(self) -> None:
        gate = trio.Event()

        async def wait(_context: Context, message: object) -> None:
            if message == Note(0):
                await gate.wait()

        journal = Journal(on_handle=wait)
        async with self.open({PROBE: probe_spec(journal)}) as bus:
            bus.tell(ONE, Note(0))
            with trio.move_on_after(0.05) as scope:
                await bus.ask(ONE, Echo("gone"), timeout=60, lane=Lane.NORMAL)
            assert scope.cancelled_caught
            gate.set()
            assert await bus.ask(ONE, Echo("next"), timeout=5, lane=Lane.NORMAL) == Answered("next")
        assert journal.handled == [Note(0), Echo("next")]

    @pytest.mark.parametrize("patience", [-1, float("inf"), float("nan")])
    async def test_an_ask_must_have_a_deadline(self, patience: float) -> None:
        async with self.open({PROBE: probe_spec(Journal())}) as bus:
            with pytest.raises(ValueError, match="for ever"):
                await bus.ask(ONE, Echo("?"), timeout=patience)

    async def test_an_ask_that_crashes_its_actor_is_answered_so(self) -> None:
        journal = Journal()
        async with self.open({PROBE: probe_spec(journal, backoff=self.quick())}) as bus:
            answer = await bus.ask(ONE, CrashingEcho(), timeout=5)
            assert isinstance(answer, Unanswered)
            assert answer.reason is Reason.CRASHED
            assert "Boom" in answer.detail
            assert await bus.ask(ONE, Echo("alive"), timeout=5) == Answered("alive")

    async def test_urgent_goes_first_and_normal_does_not_starve(self) -> None:
        gate = trio.Event()

        async def wait(_context: Context, message: object) -> None:
            if message == Note(0):
                await gate.wait()

        journal = Journal(on_handle=wait)
        async with self.open({PROBE: probe_spec(journal)}) as bus:
            bus.tell(ONE, Note(0))
            await wait_until(lambda: bool(journal.loads))
            await trio.testing.wait_all_tasks_blocked()
            for number in range(1, 4):
                bus.tell(ONE, Note(number))
            for number in range(100, 150):
                bus.tell(ONE, Note(number), lane=Lane.URGENT)
            gate.set()
            await wait_until(lambda: len(journal.handled) == 54)
        assert journal.numbers[1] == 100
        assert [n for n in journal.numbers if n < 100] == [0, 1, 2, 3]
        assert [n for n in journal.numbers if n >= 100] == list(range(100, 150))
        assert journal.numbers.index(3) < journal.numbers.index(149)
