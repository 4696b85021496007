"""The way of dead letters to their sink."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from typing_extensions import override

from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.containment import TRACEBACK_LENGTH, Failure, contain, full_text, is_only, summary
from alphapy.actors.kernel.deadletters import DeadLetter, DeadLetters
from tests.actors.kernel.support import ONE, Boom, Letters, Note

if TYPE_CHECKING:
    from trio.testing import MockClock


def letter(number: int) -> DeadLetter:
    return DeadLetter(
        address=ONE, lane=Lane.NORMAL, message=Note(number), error="Boom", traceback="…", attempts=2
    )


async def test_one_that_can_never_be_stored_does_not_hold_up_the_rest(autojump_clock: MockClock) -> None:
    letters = Letters(refuses=lambda candidate: candidate.message == Note(1))
    office = DeadLetters(letters, random.Random(0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(office.run)
        for number in range(1, 6):
            office.put_nowait(letter(number))
        with trio.move_on_after(100) as waited:
            await office.wait_empty()
        assert waited.cancelled_caught
        assert [kept.message for kept in letters.kept] == [Note(2), Note(3), Note(4), Note(5)]
        assert office.statistics().waiting == 1
        letters.refuses = lambda _candidate: False
        with trio.fail_after(60):
            await office.wait_empty()
        nursery.cancel_scope.cancel()
    assert letters.kept[-1].message == Note(1)
    assert (office.statistics().waiting, office.statistics().parked) == (0, 5)


async def test_when_too_many_wait_the_oldest_is_given_up_and_counted(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    letters = Letters()
    office = DeadLetters(letters, random.Random(0), limit=3)
    for number in range(5):
        office.put_nowait(letter(number))
    assert (office.statistics().waiting, office.statistics().lost) == (3, 2)
    assert "given up" in caplog.text
    async with trio.open_nursery() as nursery:
        nursery.start_soon(office.run)
        await office.wait_empty()
        nursery.cancel_scope.cancel()
    assert [kept.message for kept in letters.kept] == [Note(2), Note(3), Note(4)]


async def test_a_sink_that_hangs_is_given_up_for_now(autojump_clock: MockClock) -> None:
    class Hanging(Letters):
        @override
        async def park(self, letter: DeadLetter) -> None:
            if self.failures > 0:
                self.failures -= 1
                await trio.sleep_forever()
            await super().park(letter)

    letters = Hanging(failures=1)
    office = DeadLetters(letters, random.Random(0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(office.run)
        office.put_nowait(letter(1))
        with trio.fail_after(35):
            await office.wait_empty()
        nursery.cancel_scope.cancel()
    assert office.statistics().failures == 1
    assert [kept.message for kept in letters.kept] == [Note(1)]


async def test_containment_lets_cancellation_through() -> None:
    async def fail(error: BaseException) -> int:
        await trio.lowlevel.checkpoint()
        raise error

    outcome = await contain(fail, Boom("x"))
    assert isinstance(outcome, Failure)
    assert summary(outcome.error) == "Boom: x"
    with pytest.raises(KeyboardInterrupt):
        await contain(fail, KeyboardInterrupt())
    with trio.CancelScope() as scope:
        scope.cancel()
        await contain(fail, Boom("never"))
    assert scope.cancelled_caught


def test_errors_as_text() -> None:
    assert summary(Boom()) == "Boom"
    group = ExceptionGroup("g", [Boom("a"), ValueError("b")])
    assert summary(group) == "ExceptionGroup(Boom: a, ValueError: b)"
    assert len(summary(Boom("x" * 9999))) == 500
    text = full_text(Boom("x" * (TRACEBACK_LENGTH + 100)))
    assert len(text) == TRACEBACK_LENGTH + 1
    assert full_text(Boom("short")).endswith("Boom: short\n")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Boom(), True),
        (ValueError(), False),
        (ExceptionGroup("g", [Boom(), Boom()]), True),
        (ExceptionGroup("g", [Boom(), ValueError()]), False),
        (ExceptionGroup("g", [ExceptionGroup("h", [Boom()])]), True),
    ],
)
def test_groups_of_one_kind(error: Exception, *, expected: bool) -> None:
    assert is_only(error, (Boom,)) is expected
