"""Queries of ``quiz_sessions`` and ``quiz_answers`` (spec/engagement.md 2): runs of the lot size quiz."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.pure.ids import UserId
    from alphapy.pure.lot_quiz import Answer
    from alphapy.storage.transaction import Transaction


async def save(tx: Transaction, user_id: UserId, answers: Sequence[Answer]) -> int:
    """Store a finished run with its answers, in their order; the id of the session."""
    score = sum(answer.is_correct for answer in answers)
    session_id = int(
        await tx.fetch_value(
            "INSERT INTO quiz_sessions (user_id, score, total_questions) VALUES (%s, %s, %s) RETURNING id",
            (user_id, score, len(answers)),
        )
    )
    for answer in answers:
        await tx.execute(
            """
            INSERT INTO quiz_answers
                (session_id, question, user_answer, correct_answer, is_correct, pip_type)
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            (
                session_id,
                answer.question.scenario,
                answer.given,
                str(answer.question.correct),
                answer.is_correct,
                answer.question.pip_type,
            ),
        )
    return session_id
