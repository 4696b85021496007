"""Dispatches are handed on in the order of their numbers; a gap is waited for a moment only."""

from __future__ import annotations

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.order import Order
from alphapy.gateway.shard_facts import Dispatch


def dispatch(seq: int) -> Dispatch:
    return Dispatch("MESSAGE_CREATE", msgspec.Raw(b"{}"), seq, "session", 0)


def numbers(dispatches: list[Dispatch]) -> list[int]:
    return [one.seq for one in dispatches]


def test_one_that_comes_too_early_waits_for_its_turn() -> None:
    order = Order()
    assert numbers(order.take(dispatch(7), 5, 100.0)) == []
    assert numbers(order.take(dispatch(8), 5, 100.1)) == []
    assert 7 in order
    assert order.due == 100.25
    assert numbers(order.take(dispatch(6), 5, 100.2)) == [6, 7, 8]
    assert order.due == math.inf
    assert 7 not in order


def test_a_gap_that_stays_is_given_up() -> None:
    order = Order()
    assert numbers(order.take(dispatch(9), 5, 0.0)) == []
    assert numbers(order.take(dispatch(7), 5, 0.0)) == []
    assert numbers(order.release()) == [7, 9]
    assert order.due == math.inf
    assert order.release() == []


def test_only_so_many_wait() -> None:
    order = Order()
    for seq in range(10, 26):
        assert order.take(dispatch(seq), 5, 0.0) == []
    assert [order.is_full, order.take(dispatch(26), 5, 0.0), order.is_full] == [False, [], True]
    assert numbers(order.release()) == list(range(10, 27))


def test_the_first_of_a_session_has_nothing_to_wait_for() -> None:
    assert numbers(Order().take(dispatch(3), 0, 0.0)) == [3]


@given(st.permutations(range(6, 16)))
def test_any_mixture_comes_out_in_order(mixed: list[int]) -> None:
    order, last, handed_on = Order(), 5, []
    for seq in mixed:
        for one in order.take(dispatch(seq), last, 0.0):
            handed_on.append(one.seq)
            last = max(last, one.seq)
    assert handed_on == list(range(6, 16))
