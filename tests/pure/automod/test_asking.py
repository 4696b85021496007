"""Asking a language model: injection stays data, answers are read with care, bounds hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.automod.asking import (
    FAILURES,
    RESTS,
    Allowance,
    Breaker,
    messages_for,
    read_opinion,
)

GOOD = {"violates": True, "confidence": 1.7, "reason": "r" * 999, "category": None}


@given(st.text(max_size=50), st.text(max_size=50))
def test_a_message_is_data(policy: str, text: str) -> None:
    asked = json.loads(messages_for(policy, text)[1]["content"])
    assert asked == {"policy": policy, "message": text}


def test_an_opinion_is_read_within_its_bounds() -> None:
    found = read_opinion(json.dumps(GOOD))
    assert found is not None
    assert (found.violates, found.confidence, len(found.reason), found.category) == (True, 1.0, 300, "")
    assert read_opinion(f"```json\n{json.dumps(GOOD)}\n```") == found


@pytest.mark.parametrize(
    "answer",
    ["", "yes", "[]", "null", '{"violates": 1, "confidence": 1}', '{"violates": true}',
     '{"violates": true, "confidence": "1"}', '{"violates": true, "confidence": true}',
     '{"violates": true, "confidence": NaN}', "[" * 5000],
)  # fmt: skip
def test_what_is_no_opinion_is_none(answer: str) -> None:
    assert read_opinion(answer) is None


@given(st.text(max_size=80))
def test_nothing_that_a_model_says_is_a_crash(answer: str) -> None:
    read_opinion(answer)


def test_a_guild_asks_so_often_a_minute() -> None:
    allowance = Allowance(calls=2)
    assert allowance.is_fresh(0)
    assert [allowance.take(at) for at in (0.0, 1.0, 2.0, 60.0, 60.5)] == [True, True, False, True, False]
    assert not allowance.is_fresh(61)
    assert allowance.is_fresh(200)


def test_who_fails_all_the_time_is_left_alone_for_a_while() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        breaker.failed(0)
    breaker.succeeded()
    breaker.failed(0)
    assert breaker.allows(0)
    for _ in range(FAILURES - 1):
        breaker.failed(0)
    assert not breaker.allows(RESTS - 1)
    assert breaker.allows(RESTS)
