"""What is shown of a set-aside message holds nothing that a person wrote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapy.pure.outline import MOST_LINES, outline


def test_ids_numbers_and_times_are_shown_and_texts_are_measured() -> None:
    message = {
        "name": "MESSAGE_CREATE",
        "event": {
            "id": "123456789012345678",
            "channel_id": 8,
            "content": "my password is hunter2",
            "timestamp": "2026-01-05T12:00:00.123+00:00",
            "author": {"id": "5", "username": "ada", "bot": False},
            "mentions": [{"id": "6"}],
            "nick": None,
        },
        "session_id": "0123abcdef",
    }
    assert outline(message) == {
        "name": "text of 14 characters",
        "event.id": "123456789012345678",
        "event.channel_id": "8",
        "event.content": "text of 22 characters",
        "event.timestamp": "2026-01-05T12:00:00.123+00:00",
        "event.author.id": "5",
        "event.author.username": "text of 3 characters",
        "event.author.bot": "false",
        "event.mentions": "list of 1",
        "event.nick": "nothing",
        "session_id": "text of 10 characters",
    }


def test_digits_that_are_no_id_are_not_shown() -> None:
    assert outline({"content": "4111111111111111"}) == {"content": "text of 16 characters"}
    assert outline({"android": "4111111111111111"}) == {"android": "text of 16 characters"}


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("a secret", {"value": "text of 8 characters"}),
        ([1, 2], {"value": "list of 2"}),
        (None, {"value": "nothing"}),
        (1.5, {"value": "1.5"}),
        (object(), {"value": "a object"}),
        ({}, {}),
        ({"ключ": 1, "a b": 2}, {"?": "2 fields of other names"}),
        ({"a": {"ключ": 1}}, {"a.?": "1 fields of other names"}),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, {"a.b.c.d": "1 fields"}),
    ],
)
def test_other_shapes(value: Any, lines: dict[str, str]) -> None:
    assert outline(value) == lines


def test_it_is_bounded() -> None:
    found = outline({f"field_{number}": number for number in range(1000)})
    assert len(found) == MOST_LINES + 1
    assert found["…"] == "960 more"


LETTERS = st.text(alphabet="ghijklmnopqrstuvwxyz ", min_size=12)
KEYS = st.from_regex(r"\A[a-f_]{1,6}\Z")
JSON = st.recursive(LETTERS | st.integers() | st.none(), lambda c: st.lists(c) | st.dictionaries(KEYS, c))


@settings(max_examples=40)
@given(JSON)
def test_no_text_is_ever_shown(value: Any) -> None:
    def texts(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [text for part in inner for text in texts(part)]

    shown = repr(outline(value))
    assert not any(text in shown for text in texts(value) if "characters" not in text)
