"""The duration grammar (spec/engagement.md 4.1)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.engagement.durations import LONGEST, format_duration, parse_duration, suggested


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10d", 864_000),
        ("3h30m", 12_600),
        ("900", 900),
        ("00090", 90),
        (" 15m ", 900),
        ("1D2H", 93_600),
        ("0d0h5s", 5),
        ("90m", 5_400),
        ("365d", LONGEST),
        ("31536000", LONGEST),
        ("0" * 5000 + "7s", 7),
    ],
)
def test_the_examples_of_the_specification(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "0", "0d", "2h1d", "1d 3h", "1d30", "1w", "1.5h", "-5", "1h1h", "h", "abc", "366d"),
        *("soon", "٣h", "９00", "1d\n2h", "+5", "0x10", "9" * 5000, "9" * 5000 + "d", "1d2", "d1", "1dh"),
        "31536001",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(("seconds", "text"), [(93_784, "1d2h3m4s"), (900, "15m"), (0, "0s"), (60, "1m")])
def test_the_display_form(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(1, LONGEST))
def test_what_is_shown_can_be_typed_again(seconds: int) -> None:
    shown = format_duration(seconds)
    assert (
        parse_duration(shown)
        == parse_duration(f" {shown.upper()} ")
        == parse_duration(str(seconds))
        == seconds
    )


@given(*(st.none() | st.integers(0, 40_000_000) for _ in range(4)))
def test_the_parts_add_up(
    days: int | None, hours: int | None, minutes: int | None, seconds: int | None
) -> None:
    parts = [(days, "d", 86_400), (hours, "h", 3_600), (minutes, "m", 60), (seconds, "s", 1)]
    text = "".join(f"{count}{unit}" for count, unit, _ in parts if count is not None)
    total = sum(count * size for count, _, size in parts if count is not None)
    assert parse_duration(text) == (total if 1 <= total <= LONGEST else None)


@given(st.text(alphabet="0123456789dhms. -", max_size=12))
def test_nothing_else_is_read(text: str) -> None:
    fits = re.fullmatch(r"\d+|(?=.)(\d+d)?(\d+h)?(\d+m)?(\d+s)?", text.strip())
    assert fits is not None or parse_duration(text) is None


def test_what_is_suggested() -> None:
    assert [label for label, _ in suggested("")] == ["15m", "30m", "1h", "3h", "6h", "1d", "3d", "7d", "10d"]
    assert suggested(" 3D ") == [("3d", "259200")]
    assert suggested("0") == [("30m", "1800"), ("10d", "864000")]
    assert suggested("soon") == []
    assert all(parse_duration(label) == int(value) for label, value in suggested(""))
