"""CSV files that any program reads back, and that no spreadsheet runs (spec/tickets.md 4.8)."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.csvsafe import Parts, line, text_cell

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        (None, ""),
        ("", ""),
        ("   ", "   "),
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("  =1", "'  =1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1", "'＝1"),
        (" ＋1", "' ＋1"),
        ("－1", "'－1"),
        ("＠x", "'＠x"),
        ("\x00=1", "'=1"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
    ],
)
def test_no_text_is_a_formula(text: str | None, cell: str) -> None:
    assert text_cell(text) == cell


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        (("a", "", "b c"), "a,,b c\r\n"),
        (("a,b", 'say "hi"'), '"a,b","say ""hi"""\r\n'),
        (("a\nb", "a\rb"), '"a\nb","a\rb"\r\n'),
    ],
)
def test_cells_are_quoted_where_they_must_be(cells: tuple[str, ...], written: str) -> None:
    assert line(cells) == written


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), st.integers(1, 100))
def test_what_is_written_is_read_back_whole_from_all_parts(rows: list[tuple[str, str]], most: int) -> None:
    parts = Parts(("one", "two"), most=most)
    files = [finished for row in rows if (finished := parts.add(row)) is not None]
    files.append(parts.last())
    assert parts.rows == len(rows)
    found: list[tuple[str, ...]] = []
    for content in files:
        header, *body = csv.reader(io.StringIO(content.decode(), newline=""))
        assert header == ["one", "two"]
        assert body, "no part is empty"
        assert len(content) <= most or len(body) == 1
        found += map(tuple, body)
    assert found == rows
