"""What each ending means: keep the session or not, how long to wait, or give up."""

from __future__ import annotations

import random

import pytest

from alphapy.gateway.opcodes import CLOSE_CODES, SessionFate, close_meaning
from alphapy.gateway.reconnect import (
    Ending,
    EndKind,
    FatalClose,
    NextStep,
    Patience,
    Reconnection,
    check_fatal,
)

RNG = random.Random(3)
LOST = Ending(EndKind.LOST)
FATAL_CODES = [4004, 4010, 4011, 4012, 4013, 4014]


def after(
    reconnection: Reconnection, ending: Ending, *, ready_for: float | None = None, in_vain: bool = False
) -> NextStep:
    return reconnection.after(ending, ready_for=ready_for, resumed_in_vain=in_vain, rng=RNG)


@pytest.mark.parametrize("code", FATAL_CODES)
def test_fatal_codes_tell_the_operator_what_to_change(code: int) -> None:
    with pytest.raises(FatalClose) as caught:
        check_fatal(Ending(EndKind.CLOSED, code=code), 3)
    assert caught.value.code == code
    assert str(code) in str(caught.value)
    assert any(word in caught.value.advice for word in ("BOT_TOKEN", "SHARDS", "Upgrade", "Switch on"))


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 4000, 4001, 4002, 4003, 4005, 4008, 4500, 4900])
def test_other_codes_are_resumed_from(code: int) -> None:
    ending = Ending(EndKind.CLOSED, code=code)
    check_fatal(ending, 0)
    assert after(Reconnection(Patience()), ending, ready_for=60).keep_session


@pytest.mark.parametrize("code", [4007, 4009])
def test_codes_that_end_the_session_lead_to_a_new_one(code: int) -> None:
    step = after(Reconnection(Patience()), Ending(EndKind.CLOSED, code=code), ready_for=60)
    assert (step.keep_session, step.find_gateway) == (False, True)


def test_every_documented_code_has_a_meaning() -> None:
    assert sorted(CLOSE_CODES) == [*range(4000, 4006), *range(4007, 4015)]
    assert [code for code in CLOSE_CODES if close_meaning(code).fate is SessionFate.FATAL] == FATAL_CODES


def test_op_9_says_whether_the_session_survives_and_asks_for_a_wait() -> None:
    waits = []
    for resumable in (True, False) * 50:
        ending = Ending(EndKind.INVALID_SESSION, resumable=resumable)
        step = after(Reconnection(Patience()), ending, ready_for=60)
        assert step.keep_session is resumable
        waits.append(step.wait)
    assert 1 <= min(waits) < 1.5
    assert 4.5 < max(waits) <= 5


def test_the_first_drop_of_a_working_connection_is_not_waited_for() -> None:
    assert after(Reconnection(Patience()), LOST, ready_for=60).wait == 0


def test_failures_in_a_row_wait_longer_and_longer_up_to_a_minute() -> None:
    reconnection = Reconnection(Patience())
    waits = [after(reconnection, Ending(EndKind.UNREACHABLE)).wait for _ in range(12)]
    for attempt, wait in enumerate(waits):
        assert min(60, 2**attempt) * 0.5 <= wait <= min(60, 2**attempt)
    assert max(waits) <= 60


def test_a_connection_that_drops_soon_after_ready_is_no_success() -> None:
    reconnection = Reconnection(Patience())
    waits = [after(reconnection, LOST, ready_for=0.1).wait for _ in range(4)]
    assert waits[0] == 0
    assert all(wait >= 0.5 for wait in waits[1:])
    assert after(reconnection, LOST, ready_for=11).wait == 0


def test_a_session_that_never_resumes_is_given_up() -> None:
    reconnection = Reconnection(Patience())
    kept = [after(reconnection, LOST, in_vain=True).keep_session for _ in range(4)]
    assert kept == [True, True, False, True]


def test_a_dead_resume_address_is_replaced_but_the_session_kept() -> None:
    reconnection = Reconnection(Patience())
    steps = [after(reconnection, Ending(EndKind.UNREACHABLE)) for _ in range(3)]
    assert [step.find_gateway for step in steps] == [False, False, True]
    assert all(step.keep_session for step in steps)
    assert not after(reconnection, LOST).find_gateway
