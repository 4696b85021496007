"""Interactions that are not answered yet: they hold the mark, so that the next process gets them once more.

A process that dies may have promised an answer ("thinking"). The next one gets the interaction again, because
the mark has not passed it, and keeps the promise (:mod:`alphapy.gateway.answer`). Nothing takes effect twice
(:mod:`alphapy.actors.interaction_log`).

One that takes long does not hold the mark for ever, since Discord keeps only so many events: after
:data:`HELD_AT_MOST` seconds the promise is as good as the process that gave it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from alphapy.actors.kernel.noted import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from alphapy.actors.kernel.noted import Placed
    from alphapy.actors.kernel.progress import Progress

HELD_AT_MOST: Final = 60.0
"""Seconds that an interaction may hold the mark."""

HOLDER: Final = "interactions"
"""Whoever answers interactions, as a holder of events."""


class Unanswered:
    """The interactions of this process, the oldest first."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._open: dict[int, tuple[Place, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def begin(self, event: Placed, interaction_id: int, now: float) -> Callable[[], None]:
        """Let an interaction hold the mark; what to call once it is answered."""
        self._progress.hand_on(event, [HOLDER])
        if interaction_id in self._open:  # the log is read again, and it is still being answered
            return _nothing
        self._open[interaction_id] = Place.of(event), now
        return partial(self._end, interaction_id)

    def let_go(self, now: float) -> None:
        """Let those that have held the mark for long hold it no more."""
        for interaction_id, (_, since) in list(self._open.items()):
            if now - since < HELD_AT_MOST:
                return
            self._end(interaction_id)

    def _end(self, interaction_id: int) -> None:
        found = self._open.pop(interaction_id, None)
        if found is not None:
            self._progress.acknowledge(found[0], HOLDER)


def _nothing() -> None:
    """The first one will say when it is answered."""
