"""What people write for the bot to post."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.posting import (
    MAX_EMBED,
    EmbedParts,
    Flaw,
    checked_message,
    mentioned_roles,
    mentioned_users,
    read_colour,
)


@pytest.mark.parametrize(
    ("written", "posted"),
    [("a\\nb", "a\nb"), ("\\\\n", "\\\n"), ("a\\Nb", "a\\Nb"), ("\\nx", "\nx"), ("x" * 2000, "x" * 2000)],
)
def test_a_backslash_and_an_n_are_a_line_feed(written: str, posted: str) -> None:
    assert checked_message(written) == posted


@pytest.mark.parametrize("written", ["", " ", "\\n", "\\n \\n", "x" * 2001])
def test_nothing_and_too_much_cannot_be_posted(written: str) -> None:
    with pytest.raises(Flaw):
        checked_message(written)


def test_what_becomes_short_enough_is_posted() -> None:
    assert len(checked_message("x\\n" * 1000)) == 2000


def test_mentions_are_told_apart() -> None:
    text = "<@5> <@!6> <@&7> <@5> <#8> <@0> <@99999999999999999999> @everyone <@x>"
    assert mentioned_users(text) == (5, 6)
    assert mentioned_roles(text) == (7,)


@pytest.mark.parametrize(
    ("written", "colour"),
    [
        ("", None),
        ("  ", None),
        ("#3498DB", 0x3498DB),
        ("3498db", 0x3498DB),
        (" #f ", 0xF),
        ("fff", 0xFFF),
        ("000000", 0),
    ],
)
def test_a_colour_is_a_plain_hexadecimal_number(written: str, colour: int | None) -> None:
    assert read_colour(written) == colour


@pytest.mark.parametrize("written", ["#", "red", "#3498DB0", "0x12", "##12", "-1", "१२", "`"])
def test_what_is_no_colour_is_quoted(written: str) -> None:
    with pytest.raises(Flaw) as caught:
        read_colour(written)
    assert caught.value.text.startswith(f"`{written.replace('`', 'ˋ')}` is no colour")


def test_parts_are_trimmed_and_one_to_show_is_needed() -> None:
    parts = EmbedParts.read({"title": " T ", "description": "\n", "footer": " f", "color": "#10"})
    assert parts == EmbedParts(title="T", description=None, footer="f", colour=16)
    for fields in ({}, {"title": " "}, {"footer": "only this"}, {"color": "#10"}):
        with pytest.raises(Flaw) as caught:
            EmbedParts.read(fields)
        assert caught.value.reason == "nothing to show"


@given(st.tuples(*(st.integers(0, limit + 1) for limit in (256, 4000, 2048))))
def test_what_is_read_fits_into_an_embed(lengths: tuple[int, int, int]) -> None:
    title, description, footer = lengths
    fields = {"title": "t" * title, "description": "d" * description, "footer": "f" * footer}
    fits = (
        title <= 256
        and description <= 4000
        and footer <= 2048
        and sum(lengths) <= MAX_EMBED
        and (title or description)
    )
    try:
        EmbedParts.read(fields)
    except Flaw:
        assert not fits
    else:
        assert fits


def test_engagement_38_the_excess_is_told() -> None:
    fields = {"title": "t" * 256, "description": "d" * 4000, "footer": "f" * 2048}
    with pytest.raises(Flaw) as caught:
        EmbedParts.read(fields)
    assert caught.value.text == "An embed has at most 6,000 characters in all; this one has 304 too many."
