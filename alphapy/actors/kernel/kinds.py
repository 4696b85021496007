"""The actors of one pattern: their spec, those that run, and sums over those that no longer do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.actors.kernel.health import ActorHealth, ActorState, HistogramSnapshot, KindStatistics

if TYPE_CHECKING:
    from alphapy.actors.kernel.cell import Cell
    from alphapy.actors.kernel.supervision import ChildSpec


@attrs.define
class _Sums:
    processed: int = 0
    failed: int = 0
    refused: int = 0
    restarts: int = 0
    parked: int = 0
    postponed: int = 0
    expired: int = 0
    late_replies: int = 0
    handling: HistogramSnapshot = attrs.field(factory=HistogramSnapshot)

    def add(self, health: ActorHealth) -> None:
        self.processed += health.processed
        self.failed += health.failed
        self.refused += health.refused
        self.restarts += health.restarts
        self.parked += health.parked
        self.postponed += health.postponed
        self.expired += health.expired
        self.late_replies += health.late_replies
        if health.handling.count:
            self.handling += health.handling


class Kind:
    """All actors registered under one pattern."""

    def __init__(self, pattern: str, spec: ChildSpec) -> None:
        self.pattern = pattern
        self.spec = spec
        self.cells: dict[str, Cell] = {}
        self.is_stopped = False
        """Whether none is started any more."""
        self._started = 0
        self._ended = 0
        self._sums = _Sums()

    @property
    def is_of_guilds(self) -> bool:
        """Whether each guild has its own."""
        return self.pattern.startswith("guild/")

    def add(self, cell: Cell) -> None:
        """One has been started."""
        self.cells[cell.address.path] = cell
        self._started += 1

    def remove(self, cell: Cell) -> None:
        """One has ended."""
        del self.cells[cell.address.path]
        self._ended += 1
        self._sums.add(cell.health())

    def statistics(self) -> KindStatistics:
        """Sums over all of them."""
        sums = attrs.evolve(self._sums)
        living = [cell.health() for cell in self.cells.values()]
        for health in living:
            sums.add(health)
        return KindStatistics(
            pattern=self.pattern,
            running=len(living),
            failed_actors=sum(health.state is ActorState.FAILED for health in living),
            depth=sum(health.urgent_depth + health.normal_depth for health in living),
            oldest_seconds=max((health.oldest_seconds for health in living), default=0.0),
            started=self._started,
            ended=self._ended,
            **attrs.asdict(sums, recurse=False),
        )
