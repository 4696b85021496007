"""Messages that crashed their actor twice, on their way to where they are kept.

The cell only drops a letter into a bounded buffer, so that neither a slow nor a missing database holds up
an actor. One task hands the letters to the sink. When the sink fails, the letter goes to the end of the
buffer (one that can never be stored must not hold up the rest) and the task waits with back-off. When the
buffer is full the oldest letter is given up, counted and logged; so are those that are left at the end.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.kernel.containment import Failure, contain, summary
from alphapy.pure.backoff import Backoff

if TYPE_CHECKING:
    import random

log = logging.getLogger("alphapy.actors.kernel.deadletters")

PARK_WITHIN = 30.0
"""Seconds that the sink has for one letter."""

BUFFERED = 1000
"""Most letters that wait for the sink."""

PATIENCE = Backoff(initial=0.5, ceiling=30.0)


@attrs.frozen(eq=False, kw_only=True)
class DeadLetter:
    """A parked message and why."""

    address: Address
    lane: Lane
    message: object
    error: str
    """One line."""
    traceback: str
    attempts: int
    """How often it was tried."""

    @property
    def message_type(self) -> str:
        """The name of the message's class."""
        return type(self.message).__qualname__


class DeadLetterSink(Protocol):
    """Where dead letters are kept."""

    def expect(self, letter: DeadLetter) -> None:  # noqa: ARG002 -- by default nothing is to be done
        """A letter will be parked; told once, at the moment its actor was relieved of it."""
        return

    async def park(self, letter: DeadLetter) -> None:
        """Keep a letter for good; may raise anything and is then called again later."""
        ...

    def give_up(self, letter: DeadLetter) -> None:  # noqa: ARG002 -- likewise
        """A letter that was expected will never be parked: too many wait."""
        return


@attrs.frozen
class DeadLetterStatistics:
    """The way of the letters at one moment."""

    waiting: int
    parked: int
    failures: int
    """How often the sink failed."""
    lost: int
    """Letters given up because too many waited."""


class DeadLetters:
    """The buffer before the sink, and the task that empties it."""

    def __init__(self, sink: DeadLetterSink, rng: random.Random, *, limit: int = BUFFERED) -> None:
        self._sink = sink
        self._rng = rng
        self._limit = limit
        self._letters: deque[DeadLetter] = deque()
        self._in_hand = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._parked = 0
        self._failures = 0
        self._lost = 0

    @property
    def room(self) -> int:
        """How many letters can be taken without giving one up."""
        return max(0, self._limit - len(self._letters))

    def put_nowait(self, letter: DeadLetter) -> None:
        """Take a letter; gives up the oldest one when too many wait."""
        self._sink.expect(letter)
        self._put(letter)

    def _put(self, letter: DeadLetter) -> None:
        if len(self._letters) >= self._limit:
            given_up = self._letters.popleft()
            self._lost += 1
            self._sink.give_up(given_up)
            log.error(
                "a dead letter was given up because too many wait to be stored",
                extra={"event": "dead_letter_lost", "actor": str(given_up.address), "lost": self._lost},
            )
        self._letters.append(letter)
        self._changed.unpark_all()

    async def run(self) -> None:
        """Hand letters to the sink until cancelled."""
        in_a_row = 0
        while True:
            while not self._letters:
                await self._changed.park()
            letter = self._letters.popleft()
            self._in_hand = 1
            outcome = await contain(self._park, letter)
            self._in_hand = 0
            if not isinstance(outcome, Failure):
                in_a_row = 0
                self._parked += 1
                self._changed.unpark_all()
                continue
            in_a_row += 1
            self._failures += 1
            self._put(letter)
            log.warning(
                "a dead letter could not be stored and is kept in memory: %s",
                summary(outcome.error),
                extra={
                    "event": "dead_letter_waits",
                    "actor": str(letter.address),
                    "waiting": len(self._letters),
                },
            )
            await trio.sleep(PATIENCE.delay(in_a_row, self._rng))

    async def wait_empty(self) -> None:
        """Return once every letter has been stored."""
        while self._letters or self._in_hand:
            await self._changed.park()

    def statistics(self) -> DeadLetterStatistics:
        """A frozen snapshot."""
        waiting = len(self._letters) + self._in_hand
        return DeadLetterStatistics(waiting, self._parked, self._failures, self._lost)

    async def _park(self, letter: DeadLetter) -> None:
        with trio.fail_after(PARK_WITHIN):
            await self._sink.park(letter)
