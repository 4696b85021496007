"""How messages reach actors: tell and ask, and what comes of them.

The bus of one process is :class:`alphapy.actors.kernel.registry.Registry`; a bus between processes has the
same interface and passes the same suite (``tests/actors/kernel/bus_conformance.py``).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import attrs

from alphapy.actors.kernel.address import Lane

if TYPE_CHECKING:
    from alphapy.actors.kernel.address import Address, Request

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Delivery(enum.Enum):
    """What became of a tell."""

    ACCEPTED = "accepted"
    """It lies in the mailbox, in the order of the tells to that lane."""
    FULL = "full"
    """No room; nothing was queued. Counted as refused."""
    STOPPED = "stopped"
    """The actor, its kind or the whole bus takes nothing more."""
    UNKNOWN = "unknown"
    """Nobody is registered for this address."""


class Reason(enum.Enum):
    """Why an ask has no answer."""

    TIMED_OUT = "timed out"
    """Nobody knows whether it was or will be worked on; the receiver drops it if it has not begun."""
    BUSY = "busy"
    """The mailbox had no room."""
    CRASHED = "crashed"
    """The message crashed its actor twice and was parked, or the actor has failed and waits for its next
    try.
    """
    STOPPED = "stopped"
    """The actor or the bus is stopping."""
    UNKNOWN = "unknown"
    """Nobody is registered for this address."""


@attrs.frozen
class Answered(Generic[T_co]):
    """The reply to an ask."""

    value: T_co


@attrs.frozen
class Unanswered:
    """No reply; ``detail`` is for logs, never for members."""

    reason: Reason
    detail: str = ""


Reply = Answered[T] | Unanswered
"""What an ask comes to, always before its deadline and a moment."""


class Bus(Protocol):
    """Telling and asking actors by their address. Starts them when they are not running."""

    def tell(self, address: Address, message: object, *, lane: Lane = Lane.NORMAL) -> Delivery:
        """Queue a message without waiting; refused when the mailbox is full.

        The message is a frozen value: it may cross a process boundary, be kept and be handled twice.
        """
        ...

    def tell_event(self, address: Address, message: object) -> Delivery:
        """Queue a gateway event on the normal lane.

        It draws on the global budget instead of the mailbox's bound. FULL only when this one actor holds
        its whole share of that budget, so that one busy or broken guild never stops a shard; the event then
        counts as not done.
        """
        ...

    async def ask(
        self,
        address: Address,
        request: Request[T],
        *,
        timeout: float,  # noqa: ASYNC109 -- the deadline travels with the message
        lane: Lane = Lane.URGENT,
    ) -> Reply[T]:
        """Queue a request and wait for its reply for at most ``timeout`` seconds (finite, at least 0).

        Never raises for what happened to the actor; that is the typed result.
        """
        ...
