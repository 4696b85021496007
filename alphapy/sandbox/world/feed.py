"""What happens in the world, told to whoever listens: gateway sessions, pages, waiting tests, the saver.

A :class:`Happening` carries Discord's event name and payload, and says who may learn of it. Listeners are
called at once and must not wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.sandbox.errors import JSON

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.frozen(kw_only=True)
class Happening:
    """One event: it concerns ``users`` if given, else those who see the channel, else the guild's members.

    ``gateway`` is False for what no bot is told: another member's private answers, the page's own news.
    ``application_id`` limits it to one bot.
    """

    name: str
    data: JSON
    guild_id: int | None = None
    channel_id: int | None = None
    users: frozenset[int] | None = None
    application_id: int | None = None
    gateway: bool = True


class Feed:
    """Passes happenings on, and lets a task wait until something it looks for has come about."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Happening], None]] = []
        self._parked = trio.lowlevel.ParkingLot()

    def listen(self, listener: Callable[[Happening], None]) -> Callable[[], None]:
        """Call ``listener`` for everything that happens from now on; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def emit(self, happening: Happening) -> None:
        """Tell every listener and wake every waiting task."""
        for listener in tuple(self._listeners):
            listener(happening)
        self._parked.unpark_all()

    def wake(self) -> None:
        """Wake the waiting tasks after a change that nobody is told of."""
        self._parked.unpark_all()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as the condition holds; it is looked at after every change."""
        while not condition():
            await self._parked.park()
        await trio.lowlevel.checkpoint()
