"""Actors that refused an event: set aside until the log is read again from the mark.

An actor that holds its whole share of the budget refuses what comes next (:class:`Delivery.FULL`). From then
on it is told nothing more, so that its progress cannot pass what it missed; every other actor goes on. Once
it has room, the shard RESUMEs from its mark: what the others have done already they skip.

When it fails: the session is over before the log could be read again; what the actor missed is then not in
the log any more. Messages are read back (:mod:`alphapy.actors.backfill.backfill`), since the mark has not
passed them; the rest is lost, and logged.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

if TYPE_CHECKING:
    from alphapy.actors.kernel.address import Address
    from alphapy.actors.kernel.health import ActorHealth
    from alphapy.actors.kernel.noted import Placed
    from alphapy.actors.kernel.progress import Progress

log = logging.getLogger("alphapy.actors.aside")

LOOK_EVERY = 1.0
"""Seconds between looks for room."""

READ_AGAIN_EVERY = 10.0
"""Seconds between two times that one shard's log is read again."""


class Occupancy(Protocol):
    """Who knows how full an actor is."""

    def find(self, address: Address) -> ActorHealth | None:
        """The actor at this address, if there is one now."""
        ...


class Rewinder(Protocol):
    """Who can read the log again."""

    def rewind(self, shard_id: int, seq: int) -> None:
        """Have everything behind this number of a shard's session sent again."""
        ...


@attrs.frozen
class _Missed:
    shard_id: int
    session_id: str
    seq: int
    """The first event that was refused."""


class SetAside:
    """Who is told nothing at the moment."""

    def __init__(self, progress: Progress, actors: Occupancy, *, room_below: int) -> None:
        """An actor has room again when fewer than ``room_below`` events wait for it."""
        self._progress = progress
        self._actors = actors
        self._room_below = room_below
        self._missed: dict[Address, _Missed] = {}
        self._read_again_at: dict[int, float] = {}

    @property
    def count(self) -> int:
        """How many actors are set aside."""
        return len(self._missed)

    def refuses(self, address: Address) -> bool:
        """Whether this actor is to be told nothing."""
        return address in self._missed

    def add(self, address: Address, event: Placed) -> None:
        """An actor has refused an event."""
        self._missed[address] = _Missed(event.shard_id, event.session_id, event.seq)
        log.warning(
            "an actor holds its share of waiting events and is set aside",
            extra={"event": "actor_set_aside", "actor": str(address), "seq": event.seq},
        )

    def see(self, event: Placed) -> None:
        """An event has come: where the log is read again, or begins anew, the actors take part again."""
        for address, missed in list(self._missed.items()):
            if missed.shard_id != event.shard_id:
                continue
            if missed.session_id != event.session_id:
                log.warning(
                    "the session ended while an actor was set aside; only messages are read back",
                    extra={"event": "events_missed", "actor": str(address), "seq": missed.seq},
                )
                del self._missed[address]
            elif event.seq <= missed.seq:
                del self._missed[address]

    async def run(self, shards: Rewinder) -> None:
        """Read the log again where an actor has room again, until cancelled."""
        while True:
            await trio.sleep(LOOK_EVERY)
            self.look(shards)

    def look(self, shards: Rewinder) -> None:
        """Read the log again where an actor has room again."""
        now = trio.current_time()
        for shard_id in {
            missed.shard_id for address, missed in self._missed.items() if self._has_room(address)
        }:
            if now < self._read_again_at.get(shard_id, now):
                continue
            found = self._progress.shard(shard_id)
            if found is not None:
                self._read_again_at[shard_id] = now + READ_AGAIN_EVERY
                shards.rewind(shard_id, found.mark)

    def _has_room(self, address: Address) -> bool:
        health = self._actors.find(address)
        return health is None or health.events < self._room_below
