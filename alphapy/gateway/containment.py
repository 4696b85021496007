"""Where the failure of a handler ends: the gateway's one place that catches every exception.

It becomes a value, so that whoever ran the handler answers the member, logs and reports it. Cancellation
passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


@attrs.frozen
class Failed:
    """What was raised, with its traceback."""

    error: Exception


async def contained(call: Callable[..., Awaitable[T]], *args: object) -> T | Failed:
    """What the call returns, or what it raised."""
    try:
        return await call(*args)
    except Exception as error:  # noqa: BLE001  # a handler may raise anything; see the module's docstring
        return Failed(error)
