"""The lot size quiz: what counts as an answer, and how a run goes (spec/engagement.md 4.10)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.lot_quiz import MAX_STORED, QUESTIONS, Quiz, Verdict, read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0.38", "0.38"),
        ("0,18", "0.18"),
        (" .4 ", "0.4"),
        ("+,4", "0.4"),
        ("1", "1"),
        ("00.30", "0.30"),
        ("9" * 20, "9" * 20),
    ],
)
def test_sizes_as_people_write_them(text: str, size: str) -> None:
    assert read_size(text) == Decimal(size)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        ".",
        ",",
        "4.",
        "-0.4",
        "1e-1",
        "0.4 lots",
        "about 0.4",
        "0.4.1",
        "1.000,5",
        "٤",
        "NaN",
        "9" * 21,
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert read_size(text) is None


@pytest.mark.parametrize(("number", "low", "high"), [(0, 38, 42), (1, 15, 21), (2, 27, 33)])
@given(cents=st.integers(0, 100))
def test_the_bounds_of_each_question_are_right_answers(number: int, low: int, high: int, cents: int) -> None:
    assert QUESTIONS[number].accepts(Decimal(cents) / 100) is (low <= cents <= high)
    edge = Decimal("0.0000001")
    assert not QUESTIONS[number].accepts(Decimal(low) / 100 - edge)
    assert not QUESTIONS[number].accepts(Decimal(high) / 100 + edge)


def test_the_sizes_are_those_of_the_specification() -> None:
    found = [(question.pip_type, str(question.correct), str(question.tolerance)) for question in QUESTIONS]
    assert found == [("major", "0.4", "0.02"), ("jpy", "0.18", "0.03"), ("xau", "0.3", "0.03")]


def test_a_run_counts_right_answers_only() -> None:
    quiz = Quiz()
    verdicts = [quiz.take(text).verdict for text in (" 0.4 ", "x" * 500, None)]
    assert verdicts == [Verdict.CORRECT, Verdict.NO_NUMBER, Verdict.NO_ANSWER]
    assert quiz.score == 1
    assert quiz.question is None
    assert [answer.given for answer in quiz.answers] == ["0.4", "x" * MAX_STORED, None]
    with pytest.raises(ValueError, match="every question"):
        quiz.take("0.3")
