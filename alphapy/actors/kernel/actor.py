"""What a feature writes: an actor; and what it may do: its context.

An actor is the only one to touch its state. Its methods are called one at a time, from one task; what takes
long (REST, a model) runs in a child task (:meth:`Context.start`) and comes back as a message
(:meth:`Context.tell_self`). It changes its memory only after its transaction committed: a message may be
given to it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVarTuple

from alphapy.actors.kernel.address import Address, Lane

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from alphapy.actors.kernel.bus import Bus

Ts = TypeVarTuple("Ts")


class Unavailable(Exception):
    """What this message needs is not there at the moment (the database is gone); the message is not to blame.

    Raised by ``load``, ``handle``, ``handle_batch``, ``flush`` or a child task. The kernel keeps the
    message at the front of its lane, waits with back-off and repeats it on the same incarnation, which goes
    on serving the other lane; it is not counted as a failure. Memory must not have changed: where an actor
    cannot tell whether its transaction committed, it lets another exception out and is loaded anew. The
    registry can be told of other classes that mean the same.
    """


class UnexpectedMessage(TypeError):
    """The actor does not know this message: a defect of the sender."""

    def __init__(self, address: Address, message: object) -> None:
        super().__init__(f"{address} does not handle {type(message).__qualname__}")
        self.address = address


class TooMuchToSelf(RuntimeError):
    """An actor queued more for itself than its bounds allow: a defect of the actor, which is restarted."""


class Context(Protocol):
    """What an actor may do. All of it ends with the incarnation, except what it has told."""

    @property
    def address(self) -> Address:
        """Its own address."""
        ...

    @property
    def bus(self) -> Bus:
        """For telling and asking others. Never ask oneself, nor anyone who may be asking back."""
        ...

    def start(self, fn: Callable[[*Ts], Awaitable[object]], *args: *Ts) -> bool:
        """Run a child task of this incarnation; False when as many run as its ChildSpec allows.

        Its crash crashes the incarnation; it is cancelled when the incarnation ends.
        """
        ...

    def tell_self(self, message: object, *, lane: Lane = Lane.NORMAL) -> None:
        """Queue a message to oneself, beyond the mailbox's bound and after the intake has stopped.

        Raises :class:`TooMuchToSelf` when as many of one's own messages wait as the lane's bound is wide.
        """
        ...

    def tell_after(self, seconds: float, message: object) -> None:
        """Tell oneself on the normal lane once this many seconds have passed.

        Forgotten if the incarnation ends before. A pending one keeps the actor from being passivated.
        Raises :class:`TooMuchToSelf` beyond as many pending ones as the mailbox is wide.
        """
        ...


class Actor:
    """Base of all actors; override what is needed."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def load(self) -> None:
        """Read the state from the database; runs in the actor's task before its first message."""

    async def handle(self, message: object) -> object:
        """Handle one message; what it returns answers an ask and is ignored for a tell."""
        raise UnexpectedMessage(self.context.address, message)

    async def handle_batch(self, messages: Sequence[object]) -> None:
        """Handle consecutive tells of the normal lane, oldest first, all or nothing.

        An actor that overrides this gets all its normal tells here, at most ``ChildSpec.batch`` at a time,
        as one transaction. If that fails, each of them is given alone, so that the culprit is known.
        """
        for message in messages:
            await self.handle(message)

    async def flush(self) -> None:
        """Write what is only in memory: at the stop, and before passivation (messages may still follow)."""
