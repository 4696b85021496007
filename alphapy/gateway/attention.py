"""How a loop that waits for one thing is told of another.

A loop runs its waits through :meth:`Attention.wait`; any task may :meth:`~Attention.interrupt` it with a
reason to leave, or :meth:`~Attention.wake` it to look around. Work that must not be cut short is simply not
run through ``wait``: the loop looks at the verdict when it comes back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import trio

from alphapy.gateway.reconnect import Ending, EndKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_T = TypeVar("_T")


class Attention:
    """What the loop of one shard listens to besides its connection."""

    def __init__(self) -> None:
        self.verdict: Ending | None = None
        self._scope: trio.CancelScope | None = None

    async def wait(
        self, wait: Callable[..., Awaitable[_T]], *arguments: object, deadline: float = math.inf
    ) -> _T | None:
        """What this gives; None when the deadline has passed, or somebody wanted attention, first."""
        if self.verdict is not None:
            return None
        with trio.CancelScope(deadline=deadline) as self._scope:
            return await wait(*arguments)
        return None

    def interrupt(self, ending: Ending) -> None:
        """Have the loop leave with this ending: the first one given counts, but a stop always does."""
        if self.verdict is None or ending.kind is EndKind.STOPPED:
            self.verdict = ending
        self.wake()

    def wake(self) -> None:
        """End the present wait."""
        if self._scope is not None:
            self._scope.cancel(reason="the loop is wanted elsewhere")

    def settle(self) -> None:
        """The verdict has been acted on; a stop is final."""
        if self.verdict is not None and self.verdict.kind is not EndKind.STOPPED:
            self.verdict = None
