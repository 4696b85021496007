"""How far a numbered log is durable: a number is handed on to holders, and each says when it is done with it.

The *mark* is the highest number with everything at or below it done. It never goes back, not even when old
numbers are handed on again, as happens when the log is read again from the mark.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable


class Ledger:
    """The numbers of one session of a log.

    A number that somebody refused is open until it is handed on again: whoever resumes the log from the mark
    gets it once more.
    """

    def __init__(self, mark: int = 0) -> None:
        self._mark = mark
        self._top = mark
        self._held: dict[int, set[Hashable]] = {}
        self._refused: set[int] = set()
        self._open: list[int] = []

    @property
    def top(self) -> int:
        """The highest number that was handed on."""
        return self._top

    @property
    def open(self) -> int:
        """How many numbers are not done."""
        return len(self._held.keys() | self._refused)

    @property
    def mark(self) -> int:
        """Everything at or below this number is done."""
        while self._open and self._open[0] not in self._held and self._open[0] not in self._refused:
            heapq.heappop(self._open)
        self._mark = max(self._mark, self._open[0] - 1 if self._open else self._top)
        return self._mark

    def hand_on(self, seq: int, holders: Collection[Hashable], *, refused: bool = False) -> None:
        """Note a number that these hold now, and that another one may have refused.

        A number that is done already stays done.
        """
        if seq <= self.mark:
            return
        self._top = max(self._top, seq)
        self._refused.discard(seq)
        if not holders and not refused:
            return
        if seq not in self._held:
            heapq.heappush(self._open, seq)
        if holders:
            self._held.setdefault(seq, set()).update(holders)
        if refused:
            self._refused.add(seq)

    def acknowledge(self, seq: int, holder: Hashable) -> None:
        """This holder is done with this number, however often it was handed to it."""
        holders = self._held.get(seq)
        if holders is not None:
            holders.discard(holder)
            if not holders:
                del self._held[seq]
