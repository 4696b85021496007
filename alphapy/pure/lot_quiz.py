"""The lot size quiz: its questions, what counts as an answer, and how a run goes (spec/engagement.md 4.10).

Sizes are decimal numbers throughout, so that an answer on the edge of the tolerance is right.
"""

from __future__ import annotations

import enum
import re
from decimal import Decimal
from typing import Final

import attrs

ANSWER_WITHIN: Final = 60.0
"""Seconds for one answer."""

MAX_STORED: Final = 100
"""Characters of an answer that are kept."""

_NUMBER: Final = re.compile(r"\+?([0-9]{0,20})(?:[.,]([0-9]{1,20}))?", re.ASCII)


@attrs.frozen(kw_only=True)
class Question:
    """One question; sizes are in lots."""

    scenario: str
    pip_type: str
    correct: Decimal
    tolerance: Decimal
    reckoning: str
    """How the correct size comes about, up to the sign before it."""

    def accepts(self, size: Decimal) -> bool:
        """Whether this size is right, the bounds included."""
        return abs(size - self.correct) <= self.tolerance


QUESTIONS: Final = (
    Question(
        scenario="EUR/USD, account 10,000 USD, risk 2 %, stop 50 pips",
        pip_type="major",
        correct=Decimal("0.4"),
        tolerance=Decimal("0.02"),
        reckoning="200 USD ÷ (50 pips × 10 USD per pip and lot) =",
    ),
    Question(
        scenario="USD/JPY at 145.00, account 5,000 USD, risk 1.5 %, stop 60 pips",
        pip_type="jpy",
        correct=Decimal("0.18"),
        tolerance=Decimal("0.03"),
        reckoning="75 USD ÷ (60 pips × 1,000 JPY ÷ 145.00 per pip and lot) ≈",
    ),
    Question(
        scenario="XAU/USD, account 7,500 USD, risk 1 %, stop 2.5",
        pip_type="xau",
        correct=Decimal("0.3"),
        tolerance=Decimal("0.03"),
        reckoning="75 USD ÷ (2.5 × 100 ounces per lot) =",
    ),
)


class Verdict(enum.Enum):
    """What an answer is worth."""

    CORRECT = "correct"
    WRONG = "wrong"
    NO_NUMBER = "no number"
    NO_ANSWER = "no answer"


@attrs.frozen
class Answer:
    """What was answered to a question; ``given`` is None where nothing was."""

    question: Question
    given: str | None
    verdict: Verdict

    @property
    def is_correct(self) -> bool:
        """Whether it counts."""
        return self.verdict is Verdict.CORRECT


def read_size(text: str) -> Decimal | None:
    """A size as people write it: ``0.38``, ``0,38``, ``.4``, ``+1``; None for anything else."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None or not (found[1] or found[2]):
        return None
    return Decimal(f"{found[1] or '0'}.{found[2] or '0'}")


class Quiz:
    """One run: a question at a time, until all are answered."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    @property
    def question(self) -> Question | None:
        """The question that is to be answered; None once there is none left."""
        return QUESTIONS[len(self.answers)] if len(self.answers) < len(QUESTIONS) else None

    @property
    def score(self) -> int:
        """How many answers were right."""
        return sum(answer.is_correct for answer in self.answers)

    def take(self, text: str | None) -> Answer:
        """Judge an answer to the question at hand, None where there was none; ValueError when all is done."""
        question = self.question
        if question is None:
            raise ValueError("every question has been answered")
        if text is None:
            answer = Answer(question, None, Verdict.NO_ANSWER)
        else:
            size = read_size(text)
            if size is None:
                verdict = Verdict.NO_NUMBER
            else:
                verdict = Verdict.CORRECT if question.accepts(size) else Verdict.WRONG
            answer = Answer(question, text.strip()[:MAX_STORED], verdict)
        self.answers.append(answer)
        return answer
