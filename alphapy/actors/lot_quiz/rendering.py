"""What the player reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alphapy.actors.embeds import Colour
from alphapy.gateway.models.outgoing import Embed, EmbedField, OutgoingMessage
from alphapy.pure.lot_quiz import ANSWER_WITHIN, QUESTIONS, Answer, Question, Quiz, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE: Final = "🎲 Lot size quiz"

_HEADS: Final[Mapping[Verdict, tuple[Colour, str]]] = {
    Verdict.CORRECT: (Colour.SUCCESS, "✅ Correct, well done!"),
    Verdict.WRONG: (Colour.ERROR, "❌ Not quite"),
    Verdict.NO_NUMBER: (Colour.ERROR, "❌ That is not a number"),
    Verdict.NO_ANSWER: (Colour.WARNING, "⏰ Time is up"),
}


def opening() -> OutgoingMessage:
    """The rules, and the first question."""
    text = (
        f"{len(QUESTIONS)} questions, {ANSWER_WITHIN:g} seconds each. Your next message in this channel is "
        "your answer: a plain number of lots, such as `0.25` or `0,25`."
    )
    embed = Embed(title=TITLE, description=text, color=Colour.INFO, fields=(_asked(QUESTIONS[0], 1),))
    return OutgoingMessage(embeds=(embed,), ephemeral=True)


def step(answer: Answer, quiz: Quiz) -> OutgoingMessage:
    """What the last answer was worth, and the next question or the score."""
    colour, head = _HEADS[answer.verdict]
    question = quiz.question
    follows = (
        EmbedField("🏁 Your score", f"{quiz.score} of {len(QUESTIONS)}")
        if question is None
        else _asked(question, len(quiz.answers) + 1)
    )
    embed = Embed(title=head, description=_explanation(answer), color=colour, fields=(follows,))
    return OutgoingMessage(embeds=(embed,), ephemeral=True)


def _asked(question: Question, number: int) -> EmbedField:
    return EmbedField(
        f"Question {number} of {len(QUESTIONS)}", f"{question.scenario}.\nHow many lots do you trade?"
    )


def _explanation(answer: Answer) -> str:
    size = f"{answer.question.reckoning} **{answer.question.correct} lots**."
    if answer.verdict is Verdict.NO_NUMBER:
        return f"So this question is lost. {size}"
    return size
