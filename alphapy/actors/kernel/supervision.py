"""How actors of a kind are run, and what a crash leads to.

Supervision is one-for-one and declared: a :class:`ChildSpec` says how often an actor may restart, and
:class:`Supervision` turns crashes into verdicts. Nothing here waits or catches; the cell does.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from alphapy.actors.kernel.actor import Actor, Context
from alphapy.pure.backoff import Backoff, RestartWindow

if TYPE_CHECKING:
    import random

_positive = attrs.validators.gt(0)
_positive_seconds = attrs.validators.gt(0.0)


@attrs.frozen(kw_only=True)
class ChildSpec:
    """How actors of one kind are run."""

    factory: Callable[[Context], Actor]
    """Builds an incarnation; may raise, which counts as a crash."""
    mailbox: int = attrs.field(default=1000, validator=_positive)
    """Most tells and asks that wait on the normal lane (gateway events draw on the global budget instead)."""
    urgent: int = attrs.field(default=200, validator=_positive)
    """Most messages that wait on the urgent lane."""
    batch: int = attrs.field(default=256, validator=_positive)
    """Most messages given to one ``handle_batch``."""
    idle_after: float | None = attrs.field(default=300.0)
    """Seconds without any message after which the actor is passivated; None: never."""
    restarts: int = attrs.field(default=10, validator=attrs.validators.ge(0))
    """Restart intensity: most restarts ..."""
    within: float = attrs.field(default=60.0, validator=_positive_seconds)
    """... in this many seconds; more make the actor fail, or escalate if it is essential."""
    backoff: Backoff = Backoff()  # noqa: RUF009 -- frozen
    """The wait before a restart, by the number of recent ones; a failed actor is tried again at the
    ceiling.
    """
    park_after: float = attrs.field(default=300.0, validator=_positive_seconds)
    """Seconds that an actor stays failed before the events that wait for it become dead letters, so that
    the log goes on without it.
    """
    outage: Backoff = Backoff(initial=0.25, ceiling=5.0)  # noqa: RUF009 -- frozen
    """The wait before a message that met an outage is repeated."""
    children: int = attrs.field(default=64, validator=_positive)
    """Most child tasks at a time."""
    stop_within: float = attrs.field(default=10.0, validator=_positive_seconds)
    """Seconds it may take to drain, flush and end; then it is cancelled."""
    essential: bool = False
    """The service cannot be without it: it escalates to the root instead of staying failed."""

    @idle_after.validator
    def _check_idle_after(self, _attribute: attrs.Attribute[float | None], value: float | None) -> None:
        if value is not None and value <= 0:
            raise ValueError(f"idle_after must be positive or None, not {value}")


class Verdict(enum.Enum):
    """What a crash leads to."""

    RESTART = "restart"
    FAIL = "fail"
    """Stay failed, visible, and try again at the ceiling."""
    ESCALATE = "escalate"
    """Stop the process: it cannot be without this actor."""


class Supervision:
    """The crash history of one actor."""

    def __init__(self, spec: ChildSpec) -> None:
        self._spec = spec
        self._window = RestartWindow(spec.restarts, spec.within)
        self._failed = False

    def crashed(self, now: float, *, lived: float, rng: random.Random) -> tuple[Verdict, float]:
        """Judge a crash of an incarnation that had been loaded for ``lived`` seconds (0: never was).

        Returns the verdict and the seconds to wait. A failed actor has recovered once an incarnation
        outlived the window; until then it is tried again at the ceiling only.
        """
        within_intensity = self._window.record(now)
        if lived >= self._spec.within:
            self._failed = False
        if not self._failed and within_intensity:
            return Verdict.RESTART, self._spec.backoff.delay(self._window.recent(now), rng)
        if self._spec.essential:
            return Verdict.ESCALATE, 0.0
        self._failed = True
        return Verdict.FAIL, self._spec.backoff.longest(rng)
