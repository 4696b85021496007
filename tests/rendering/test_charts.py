"""Charts: pictures of the right size, whatever people are called."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alphapy.rendering.charts import GOLD, MOST_BARS, WIDTH, Bar, Writing, bar_chart

HOSTILE = (
    "👨‍👩‍👧‍👦🏳️‍🌈",
    "שלום עולם",
    "\u202egnp.exe\u202c",
    "\u200b\u200d\ufeff\u2060",
    "Z̸̧͙̓a̴̛͓l̵̡̈́g̷̱̀o̶̢͌" * 30,
    "x" * 4000,
    "\ud800 lone",
    "日本語の名前",
    "",
    "a\nb\tc\x00d",
    "مرحبا",
)


def opened(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        image.load()
        return image.convert("RGB")


def count(image: Image.Image, colour: tuple[int, int, int]) -> int:
    return sum(number for number, found in image.getcolors(1 << 24) or () if found == colour)


def test_the_picture_is_as_high_as_there_are_bars_and_says_so_when_there_are_none() -> None:
    none, two, many = (
        opened(bar_chart("Top", [Bar(f"m{number}", number) for number in range(count)]))
        for count in (0, 2, 40)
    )
    assert [image.width for image in (none, two, many)] == [WIDTH] * 3
    assert two.height - none.height == 36
    assert many.height - two.height == 36 * (MOST_BARS - 2)
    assert len(none.getcolors(1 << 24) or ()) > 2, "it says something"


def test_bars_are_as_long_as_their_values() -> None:
    def blue(value: int) -> int:
        return count(opened(bar_chart("", [Bar("a", 100, colour=GOLD), Bar("b", value)])), (52, 152, 219))

    assert blue(0) == 0
    assert 0 < blue(1) < blue(50) < blue(100)
    assert blue(50) == pytest.approx(blue(100) / 2, rel=0.05)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_drawn_inside_its_column(name: str) -> None:
    writing = Writing(16)
    assert writing.width(writing.fit(name, 200)) <= 200
    plain, drawn = (opened(bar_chart(text, [Bar(text, 5)])) for text in ("", name))
    assert drawn.size == plain.size
    # The bar itself lies where it would for anybody else.
    assert drawn.crop((270, 64, 540, 100)).tobytes() == plain.crop((270, 64, 540, 100)).tobytes()


def test_what_cannot_be_drawn_is_left_out_and_the_rest_stays() -> None:
    writing = Writing(16)
    assert writing.clean("a\u202eb\u200bc") == "abc"
    assert writing.clean("日本 Ana") == "Ana"
    assert writing.clean("𝓗𝓲 ﬁ") == "Hi fi"
    assert writing.clean("Zoë Łukasz Ελένη Жанна שלום") == "Zoë Łukasz Ελένη Жанна שלום"
    assert writing.clean("a\n\t b\x00") == "a b"
    assert writing.fit("abcdefghij" * 20, 100).endswith("…")


def test_a_bar_has_no_negative_value() -> None:
    with pytest.raises(ValueError, match="value"):
        Bar("a", -1)


@settings(max_examples=25, deadline=None)
@given(st.text(), st.lists(st.tuples(st.text(), st.integers(0, 2**63)), max_size=4))
def test_any_text_and_any_value_give_a_picture(title: str, rows: list[tuple[str, int]]) -> None:
    image = opened(bar_chart(title, [Bar(label, value) for label, value in rows]))
    assert image.width == WIDTH
