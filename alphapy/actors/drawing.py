"""Pictures drawn off the event loop: in a worker thread, a few at a time, and not for long.

When it fails: a picture that is not ready in time, or whose turn does not come, is left out; the text beside
it says the same. The thread, which cannot be stopped, ends by itself: what it draws is bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from alphapy.rendering.charts import bar_chart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from alphapy.rendering.charts import Bar

AT_ONCE = 1
"""Pictures drawn at the same time: more would only take the processor from the event loop."""

WITHIN = 2.0
"""Seconds that a picture may take, its turn included; an interaction is deferred after 1.5."""


class Drawing:
    """Draws for the whole process."""

    def __init__(
        self,
        *,
        within: float = WITHIN,
        draw: Callable[[str, Sequence[Bar]], bytes] = bar_chart,
    ) -> None:
        self._limiter = trio.CapacityLimiter(AT_ONCE)
        self._within = within
        self._draw = draw

    async def bar_chart(self, title: str, bars: Sequence[Bar]) -> bytes | None:
        """The chart as a PNG, as in :mod:`alphapy.rendering.charts`; None where it is not ready in time."""
        with trio.move_on_after(self._within):
            return await trio.to_thread.run_sync(
                self._draw, title, tuple(bars), limiter=self._limiter, abandon_on_cancel=True
            )
        return None
