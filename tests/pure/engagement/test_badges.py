"""Badge keys, and how grants are listed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alphapy.pure.engagement.badges import Grant, badge_key, lines

NOW = datetime(2026, 7, 20, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "key"),
    [("Winner ", "winner"), ("a-b_3", "a-b_3"), ("x" * 32, "x" * 32)],
)
def test_a_key_is_trimmed_and_in_small_letters(typed: str, key: str) -> None:
    assert badge_key(typed) == key


@pytest.mark.parametrize("typed", ["", "  ", "x" * 33, "a b", "é", "`", "ＡＢ", "a.b"])
def test_what_is_no_key(typed: str) -> None:
    assert badge_key(typed) is None


def test_the_latest_grant_comes_first_and_repeated_ones_are_counted() -> None:
    grants = [
        Grant("og", 1, NOW - timedelta(days=2)),
        Grant("winner", 3, NOW),
        Grant("an `old` one", 1, NOW - timedelta(days=9)),
    ]
    assert lines(grants) == ["• `winner` ×3", "• `og`", "• `an ˋoldˋ one`"]
