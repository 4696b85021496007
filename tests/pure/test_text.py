"""Texts for members: cutting, escaping, code style, mentions."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alphapy.pure.text import (
    ZERO_WIDTH_SPACE,
    code,
    code_block,
    cut,
    escape_markdown,
    neutralise_mentions,
    safe_text,
    single_line,
    well_formed,
)

anything = st.text(st.characters(exclude_categories=()), max_size=80)
ACTING = ("@everyone", "@here", "<@1>", "<@!22>", "<@&3>", "<#4>", "@every", "one", "https://", "//x", "www.")
PIECES = (
    "`",
    "``",
    "\\",
    "*",
    "e\u0301",
    "🇧🇪",
    "👨\u200d👩\u200d👧",
    "👍🏽",
    " ",
    "\n",
    "a",
    "\ud800",
    "\x00",
)
nasty = st.lists(st.sampled_from(ACTING + PIECES), max_size=40).map("".join)
FAMILY = "👨‍👩‍👧"
FLAG = "🇧🇪"


@given(anything | nasty, st.integers(0, 90))
@example("\\" * 10, 7)
def test_a_cut_text_fits_and_begins_as_before(text: str, limit: int) -> None:
    result = cut(text, limit)
    assert len(result) <= limit
    if len(text) <= limit:
        assert result == text
    elif limit > 3:
        assert result.endswith("...")
        kept = result.removesuffix("...")
        assert text.startswith(kept)
        assert (len(kept) - len(kept.rstrip("\\"))) % 2 == 0


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("x" * 2500, 2000, "x" * 1997 + "..."),
        ("exact", 5, "exact"),
        ("longer", 5, "lo..."),
        ("abc", 2, ".."),
        ("abc", 0, ""),
        ("ae\u0301bcdef", 5, "a..."),
        ("abe\u0301cdefg", 7, "abe\u0301..."),
        (f"{FAMILY}abcdef", 6, "..."),
        (f"ab{FLAG}cdefgh", 6, "ab..."),
        (f"{FLAG}{FLAG}abcdefgh", 6, f"{FLAG}..."),
        ("a👍🏽bcdef", 5, "a..."),
        ("ab1️⃣cdefgh", 6, "ab..."),
        ("abc\\\\defg", 7, "abc..."),
        ("abc\\\\defg", 8, "abc\\\\..."),
        ("a\r\nbcdef", 5, "a..."),
    ],
)
def test_where_a_text_is_cut(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


def test_a_cut_may_end_otherwise() -> None:
    assert cut("abcdef", 4, end="…") == "abc…"


def test_noise_of_combining_characters_is_cut_all_the_same() -> None:
    assert len(cut("e" + "\u0301" * 500, 100)) == 100


@given(anything | nasty)
def test_well_formed_texts_can_be_sent_and_stored(text: str) -> None:
    result = well_formed(text)
    result.encode()
    assert "\x00" not in result
    assert well_formed(result) == result


def test_surrogate_pairs_become_the_character_they_mean() -> None:
    assert well_formed("a\ud83d\ude00b\ud800c\x00") == "a😀b\ufffdc"


@given(anything)
def test_escaped_markdown_is_the_text_again_without_the_backslashes(text: str) -> None:
    escaped = escape_markdown(text)
    plain, characters = "", iter(escaped)
    for character in characters:
        plain += next(characters) if character == "\\" else character
    assert plain == text


def test_every_formatting_character_is_escaped() -> None:
    assert escape_markdown("\\ ` * _ ~ | > [ ]") == "\\\\ \\` \\* \\_ \\~ \\| \\> \\[ \\]"


@given(nasty | anything)
def test_neutralised_text_mentions_nobody_and_reads_the_same(text: str) -> None:
    result = neutralise_mentions(text)
    for token in ("@everyone", "@here", "<@", "<#"):
        assert token not in result.lower()
    assert result.replace(ZERO_WIDTH_SPACE, "") == text.replace(ZERO_WIDTH_SPACE, "")


@given(nasty | anything, st.integers(4, 60), st.booleans())
@example("@every@every@every" * 30 + "oneone" * 60, 60, False)
def test_safe_text_holds_nothing_that_acts(text: str, limit: int, keep_lines: bool) -> None:
    result = safe_text(text, limit, keep_lines=keep_lines)
    assert len(result) <= limit
    lowered = result.lower()
    for token in ("@everyone", "@here", "<@1>", "<#4\\>", "https://"):
        assert token not in lowered
    assert re.search(r"\bwww\.", lowered) is None
    if not keep_lines:
        assert "\n" not in result
        assert "  " not in result
    kept = result.removesuffix("...")
    assert (len(kept) - len(kept.rstrip("\\"))) % 2 == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("  two\n lines ", "two lines"),
        ("see https://x.y/z now", "see now"),
        ("see //x.y/z and www.x.y now", "see and now"),
        ("hi <@1><@!2><@&3><#4> @EVERYONE @here", "hi"),
        ("@every<@1>one", ""),
        ("react as *you* [like]", "react as \\*you\\* \\[like\\]"),
    ],
)
def test_safe_text_of(text: str | None, expected: str) -> None:
    assert safe_text(text) == expected


def test_safe_text_may_keep_lines() -> None:
    assert safe_text("a  b\n\n c \n", keep_lines=True) == "a b\n\nc"


def test_hostile_text_takes_no_long_time() -> None:
    result = safe_text("@every" * 20_000 + "one" * 20_000, 4096)
    assert len(result) == 4096


@given(nasty | anything, st.integers(8, 60))
def test_code_style_is_one_closed_span(text: str, limit: int) -> None:
    result = code(text, limit)
    assert len(result) <= limit
    assert result.count("`") == 2
    assert result.startswith("`")
    assert result.endswith("`")
    assert "\n" not in result
    assert len(result) > 2


@given(nasty | anything, st.integers(16, 80))
def test_a_code_block_closes_where_it_ends(text: str, limit: int) -> None:
    result = code_block(text, limit)
    assert len(result) <= limit
    assert result.startswith("```\n")
    assert result.endswith("\n```")
    assert result.count("```") == 2


def test_a_code_block_is_verbatim() -> None:
    assert code_block("a  *b*\n`c` ``d``") == "```\na  *b*\n`c` ``d``\n```"
    assert code_block("x```y").replace(ZERO_WIDTH_SPACE, "") == "```\nx```y\n```"


def test_single_line_knows_unicode_blanks() -> None:
    assert single_line("a\u00a0\u2003b\tc\r\nd") == "a b c d"
    assert unicodedata.category("\u2003") == "Zs"
