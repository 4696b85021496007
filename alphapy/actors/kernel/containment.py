"""Errors of actors and sinks as values, and as text.

Here, and in the cell for what ends a whole incarnation, the kernel catches ``Exception``; nowhere else.
Cancellation and any other ``BaseException`` pass through.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import attrs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TRACEBACK_LENGTH = 20_000
"""Most characters kept of a traceback; its end says the most."""


@attrs.frozen(eq=False)
class Failure:
    """A call ended with this error."""

    error: Exception


async def contain(fn: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T | Failure:
    """Call and wait; returns what the call returned, or the Failure that it ended in."""
    try:
        return await fn(*args)
    except Exception as error:  # noqa: BLE001 -- see the module's docstring
        return Failure(error)


def contain_sync(fn: Callable[[*Ts], T], *args: *Ts) -> T | Failure:
    """The same for a call that does not wait."""
    try:
        return fn(*args)
    except Exception as error:  # noqa: BLE001 -- see the module's docstring
        return Failure(error)


def is_only(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether an error is of these kinds, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(kinds)[1] is None
    return isinstance(error, kinds)


def summary(error: BaseException) -> str:
    """One line: the type and the text, and what a group holds."""
    name = type(error).__qualname__
    if isinstance(error, BaseExceptionGroup):
        return f"{name}({', '.join(summary(inner) for inner in error.exceptions)})"[:500]
    return f"{name}: {error}"[:500] if str(error) else name


def full_text(error: BaseException) -> str:
    """The traceback with its causes and groups, cut from the front."""
    text = "".join(traceback.format_exception(error))
    return text if len(text) <= TRACEBACK_LENGTH else "…" + text[-TRACEBACK_LENGTH:]
