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


@attrs.define(kw_only=True)
class Tally:
    """A kind being summed up: begun with those that have ended, and the living are added one by one."""

    pattern: str
    started: int
    ended: int
    _sums: _Sums
    _running: int = attrs.field(default=0, init=False)
    _failed_actors: int = attrs.field(default=0, init=False)
    _depth: int = attrs.field(default=0, init=False)
    _oldest: float = attrs.field(default=0.0, init=False)

    def add(self, health: ActorHealth) -> None:
        """Add one that lives."""
        self._sums.add(health)
        self._running += 1
        self._failed_actors += health.state is ActorState.FAILED
        self._depth += health.urgent_depth + health.normal_depth
        self._oldest = max(self._oldest, health.oldest_seconds)

    def total(self) -> KindStatistics:
        """The sums."""
        return KindStatistics(
            pattern=self.pattern,
            running=self._running,
            failed_actors=self._failed_actors,
            depth=self._depth,
            oldest_seconds=self._oldest,
            started=self.started,
            ended=self.ended,
            **attrs.asdict(self._sums, recurse=False),
        )


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

    def tally(self) -> Tally:
        """The sums over those that have ended, to which the living are to be added."""
        return Tally(
            pattern=self.pattern, started=self._started, ended=self._ended, sums=attrs.evolve(self._sums)
        )

    def statistics(self) -> KindStatistics:
        """Sums over all of them."""
        tally = self.tally()
        for cell in self.cells.values():
            tally.add(cell.health())
        return tally.total()
