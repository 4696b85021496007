"""What to do next about an effect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alphapy.actors.effects.rules import NONCE_WINDOW, Step, next_step

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def step(*, tried: timedelta | None, left: timedelta, doubt: bool, idempotent: bool = False) -> Step:
    return next_step(
        first_tried_at=None if tried is None else NOW - tried,
        deadline_at=NOW + left,
        in_doubt=doubt,
        idempotent=idempotent,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("tried", "left", "doubt", "expected"),
    [
        (SECOND, SECOND, False, Step.PERFORM),
        (None, SECOND, False, Step.PERFORM),
        (2 * NONCE_WINDOW, SECOND, False, Step.PERFORM),
        (SECOND, SECOND, True, Step.PERFORM),
        (NONCE_WINDOW, SECOND, True, Step.PERFORM),
        (NONCE_WINDOW + SECOND, SECOND, True, Step.PROVE),
        (None, SECOND, True, Step.PROVE),
        (-SECOND, SECOND, True, Step.PROVE),
        (SECOND, timedelta(0), True, Step.PROVE),
        (SECOND, timedelta(0), False, Step.EXPIRE),
        (None, -SECOND, False, Step.EXPIRE),
    ],
)
def test_a_send(tried: timedelta | None, left: timedelta, doubt: bool, expected: Step) -> None:
    assert step(tried=tried, left=left, doubt=doubt) is expected


@pytest.mark.parametrize("doubt", [True, False])
def test_what_is_idempotent_is_never_proved(doubt: bool) -> None:
    assert step(tried=None, left=SECOND, doubt=doubt, idempotent=True) is Step.PERFORM
    assert step(tried=None, left=-SECOND, doubt=doubt, idempotent=True) is Step.EXPIRE
