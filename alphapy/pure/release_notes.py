"""Release notes: the section of a version, and notes of a limited length (spec/operations.md 9.1)."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_END: Final = "..."
_SECTION: Final = re.compile(r"^## ", re.MULTILINE)
_SUBSECTION: Final = re.compile(r"^### ", re.MULTILINE)
_BLANK_LINES: Final = re.compile(r"\n[^\S\n]*\n\s*")
_IMPROVED: Final = re.compile(r"## +improved\s*", re.IGNORECASE)


def section(changelog: str, version: str) -> str:
    """What a changelog says under ``## [version]``, up to the next level-2 header; empty without it."""
    header = re.compile(rf"^## \[{re.escape(version)}\][^\n]*\n?", re.MULTILINE)
    found = header.search(changelog)
    if found is None:
        return ""
    rest = changelog[found.end() :]
    following = _SECTION.search(rest)
    return (rest if following is None else rest[: following.start()]).strip()


def shorten(text: str, limit: int) -> str:
    """The notes in at most ``limit`` (>= 0) characters: whole sections, else whole paragraphs, else a cut.

    The result never ends in a header with nothing below it.
    """
    notes = _without_pointer(_SUBSECTION.sub("## ", text.replace("\r\n", "\n").rstrip()))
    if len(notes) > limit:
        notes = _by_section(notes, limit) if _SECTION.search(notes) else _by_paragraph(notes, limit)
    return _without_bare_header(notes)


def _sections(notes: str) -> list[str]:
    """The parts that begin with a level-2 header, and what stands before the first of them."""
    starts = [found.start() for found in _SECTION.finditer(notes)]
    edges = [0, *starts, len(notes)]
    parts = (notes[begin:end].strip() for begin, end in itertools.pairwise(edges))
    return [part for part in parts if part]


def _without_pointer(notes: str) -> str:
    """The notes without a final section "Improved" that only points to the full notes on GitHub."""
    starts = [found.start() for found in _SECTION.finditer(notes)]
    if not starts:
        return notes
    header, _, body = notes[starts[-1] :].partition("\n")
    lines = [line.casefold() for line in body.splitlines() if line.strip()]
    points = len(lines) == 1 and "github" in lines[0] and "full" in lines[0]
    return notes[: starts[-1]].rstrip() if points and _IMPROVED.fullmatch(header) else notes


def _by_section(notes: str, limit: int) -> str:
    return _leading(_sections(notes), limit) or _hard_cut(notes, limit)


def _by_paragraph(notes: str, limit: int) -> str:
    kept = _leading(_BLANK_LINES.split(notes), limit)
    if kept:
        return kept
    last_line = notes.rfind("\n", 0, limit + 1)
    return notes[:last_line].rstrip() if last_line > limit / 2 else _hard_cut(notes, limit)


def _leading(parts: Iterable[str], limit: int) -> str:
    """As many whole parts as fit, with a blank line between them."""
    kept = ""
    for part in parts:
        longer = f"{kept}\n\n{part}" if kept else part
        if len(longer) > limit:
            break
        kept = longer
    return kept


def _hard_cut(notes: str, limit: int) -> str:
    return notes[: max(0, limit - len(_END))] + _END[:limit]


def _without_bare_header(notes: str) -> str:
    notes = notes.rstrip()
    while notes:
        before, newline, last = notes.rpartition("\n")
        if not last.startswith("## ") and last != "##":
            break
        notes = before.rstrip() if newline else ""
    return notes
