"""Reading answers back out of log messages (spec/engagement.md 4.9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alphapy.gateway.models.message import ReceivedEmbed, ReceivedField
from alphapy.pure.ids import UserId
from alphapy.pure.onboarding_log import Record, newest, read_record

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def embed(description: str | None, *pairs: tuple[str, str]) -> ReceivedEmbed:
    return ReceivedEmbed(
        description=description, fields=tuple(ReceivedField(name=name, value=value) for name, value in pairs)
    )


def test_the_first_embed_that_names_a_member_counts() -> None:
    found = read_record(
        [
            embed(None, ("a", "b")),
            embed("Ada (no id) has come", ("a", "b")),
            embed("Ada (123) of (456)", (" Why? ", " To learn \n"), ("Where\x00?", ""), (" ", "nameless")),
            embed("Alan (789)", ("x", "y")),
        ],
        NOON,
    )
    assert found == Record(UserId(123), {"Why?": "To learn", "Where?": ""}, NOON)


@pytest.mark.parametrize(
    "description", ["", "Ada", "Ada (12x)", "Ada ()", "Ada (0)", f"Ada ({2**63})", "Ada (१२)", "123"]
)
def test_without_an_id_there_is_nothing_to_read(description: str) -> None:
    assert read_record([embed(description, ("a", "b"))], NOON) is None


def test_an_embed_without_answers_says_nothing() -> None:
    assert read_record([embed("Ada (1) has left")], NOON) is None


def test_the_newest_record_of_each_member_wins() -> None:
    old, new = NOON - timedelta(days=1), NOON
    records = [
        Record(UserId(user), {"q": str(at)}, at) for user, at in ((1, old), (2, new), (1, new), (2, old))
    ]
    assert newest(records) == [records[2], records[1]]
