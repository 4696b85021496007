"""Release notes are shortened at their seams (spec/operations.md 9.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.release_notes import section, shorten

CHANGELOG = """# Changelog

## [1.2.0] - 2026-02-01

### Added

- New.

## [1.1.0] - 2026-01-01

- Old.
"""


def test_a_version_has_its_section() -> None:
    assert section(CHANGELOG, "1.2.0") == "### Added\n\n- New."
    assert section(CHANGELOG, "1.1.0") == "- Old."
    assert section(CHANGELOG, "1.1") == ""
    assert section("## [1.0.0]", "1.0.0") == ""


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("", 100, ""),
        ("  \n", 100, ""),
        ("### Added\n\n- New.  \n", 100, "## Added\n\n- New."),
        ("## A\none\n\n\n## B\ntwo", 100, "## A\none\n\n\n## B\ntwo"),
        ("## A\none\n\n\n## B\ntwo\n## C\nthree", 18, "## A\none\n\n## B\ntwo"),
        ("## A\none\n## B\ntwo", 16, "## A\none"),
        ("before\n\n## A\none", 10, "before"),
        ("## A\n" + "x" * 50, 20, "## A\n" + "x" * 12 + "..."),
        ("one\n\ntwo\n\nthree", 9, "one\n\ntwo"),
        ("first line\nsecond line", 15, "first line"),
        ("ab\n" + "x" * 50, 20, "ab\n" + "x" * 14 + "..."),
        ("x" * 50, 2, ".."),
        ("x" * 50, 0, ""),
        ("## A\none\n\n## B", 100, "## A\none"),
        ("## A\none\n\n## B\n\n## C\n", 100, "## A\none"),
        ("## A", 100, ""),
        ("## A\none\n## Improved\n\nSee the [full notes](https://github.com/a/b).", 100, "## A\none"),
        ("### A\none\n### Improved\n- Full notes on GitHub", 100, "## A\none"),
        (
            "## Improved\n- Faster.\n- Full notes on GitHub",
            99,
            "## Improved\n- Faster.\n- Full notes on GitHub",
        ),
        ("## Improved\n- Faster.", 100, "## Improved\n- Faster."),
        ("## A very long header indeed", 10, ""),
    ],
)
def test_the_rules_one_by_one(text: str, limit: int, expected: str) -> None:
    assert shorten(text, limit) == expected


LINES = st.lists(
    st.sampled_from(["## A", "### B", "", "text", "more text here", "## ", "   ", "- a point"]), max_size=15
)


@given(LINES | st.lists(st.text(max_size=20), max_size=5), st.integers(0, 80))
def test_the_result_fits_and_never_ends_in_a_bare_header(lines: list[str], limit: int) -> None:
    short = shorten("\n".join(lines), limit)
    assert len(short) <= limit
    assert not short.rpartition("\n")[2].startswith("## ")
    assert short == short.rstrip()
