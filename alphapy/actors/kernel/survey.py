"""All actors at once, for operators: sums by pattern, and those that are worst off.

A snapshot of one actor takes some 10 µs, so that of 100,000 would hold up everything else for a second or
more. A survey therefore looks at a few at a time and lets the others run in between. It still adds up: what
ends while it is under way is counted as it was when it ended, what starts is left to the next survey, and so
no sum ever falls from one survey to the next.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

import attrs
import trio

from alphapy.actors.kernel.health import ActorHealth, ActorState, KindStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.kernel.kinds import Kind

SLICE: Final = 50
"""Actors that are looked at without a checkpoint; some milliseconds on a slow machine."""

_SEVERITY: Final = {ActorState.FAILED: 2, ActorState.BACKING_OFF: 1}


@attrs.frozen
class Survey:
    """What was found; ``worst`` are those with something to say, the worst first."""

    kinds: tuple[KindStatistics, ...]
    worst: tuple[ActorHealth, ...]

    @property
    def running(self) -> int:
        """How many actors there are."""
        return sum(kind.running for kind in self.kinds)


def concern(health: ActorHealth) -> tuple[float, ...]:
    """How much an actor is in need of a look; all zeros when it is not.

    Those that failed come first, then those that wait or are waited for longest, then the deepest mailboxes,
    then those that failed before.
    """
    return (
        _SEVERITY.get(health.state, 0),
        max(health.oldest_seconds, health.busy_seconds, health.outage_seconds),
        health.urgent_depth + health.normal_depth,
        health.parked,
        health.failed,
        health.refused,
    )


async def survey(kinds: Iterable[Kind], *, worst: int) -> Survey:
    """Look at every actor, a slice at a time; keep the ``worst`` of them."""
    tallies = [(kind.tally(), tuple(kind.cells.values())) for kind in kinds]
    found: list[tuple[tuple[float, ...], str, ActorHealth]] = []
    for tally, cells in tallies:
        for start in range(0, len(cells), SLICE):
            await trio.lowlevel.checkpoint()
            for cell in cells[start : start + SLICE]:
                health = cell.health()
                tally.add(health)
                weight = concern(health)
                if any(weight):
                    found.append((weight, health.address.path, health))
            found = heapq.nlargest(worst, found, key=lambda entry: entry[:2])
    await trio.lowlevel.checkpoint()
    return Survey(
        kinds=tuple(tally.total() for tally, _ in tallies),
        worst=tuple(health for _, _, health in found),
    )
