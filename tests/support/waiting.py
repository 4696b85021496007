"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def wait_until(
    condition: Callable[[], bool | Awaitable[bool]], *, within: float = 20.0, what: str = "the condition"
) -> None:
    """Return as soon as the condition holds; fail, naming it, once ``within`` seconds have passed."""
    with trio.move_on_after(within):
        while True:
            outcome = condition()
            if inspect.isawaitable(outcome):
                outcome = await outcome
            if outcome:
                return
            await trio.sleep(0.005)
    raise AssertionError(f"{what} did not come about within {within} s")
