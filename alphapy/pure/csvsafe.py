"""CSV files that are safe to open in a spreadsheet (spec/tickets.md 4.8).

RFC 4180: lines end in CR LF, a cell is quoted only where it must be. A text that a spreadsheet would take for
a formula gets an apostrophe in front. A large file comes in parts, each with the header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alphapy.pure.text import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable

PART: Final = 8 * 1024 * 1024
"""Bytes of one file; a row that is larger stands alone."""

_FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_QUOTED: Final = frozenset(',"\r\n')


def text_cell(text: str | None) -> str:
    """A text from somewhere as a cell that is no formula; empty for None."""
    cleaned = well_formed(text or "")
    first = cleaned.lstrip(" ")[:1]
    return f"'{cleaned}" if first in _FORMULA and first else cleaned


def line(cells: Iterable[str]) -> str:
    """One line of the file, with its end."""
    return ",".join(map(_quoted, cells)) + "\r\n"


def _quoted(cell: str) -> str:
    if _QUOTED.isdisjoint(cell):
        return cell
    return '"{}"'.format(cell.replace('"', '""'))


class Parts:
    """A file in the making, a row at a time. ``rows`` is how many it has by now."""

    def __init__(self, header: Iterable[str], *, most: int = PART) -> None:
        self.rows = 0
        self._header = line(header).encode()
        self._most = most
        self._part = bytearray(self._header)

    def add(self, cells: Iterable[str]) -> bytes | None:
        """Add a row; the part before it where the row has no room in that one any more."""
        row = line(cells).encode()
        finished = None
        if len(self._part) + len(row) > self._most and len(self._part) > len(self._header):
            finished = self.last()
            self._part = bytearray(self._header)
        self._part += row
        self.rows += 1
        return finished

    def last(self) -> bytes:
        """The part at hand."""
        return bytes(self._part)
