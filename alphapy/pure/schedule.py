"""When periodic work is due: at a fixed rate, on a monotonic clock (spec/operations.md 5.7)."""

from __future__ import annotations

import math

import attrs


@attrs.frozen
class FixedRate:
    """Due at ``begin``, and every ``period`` seconds after it, however long the work takes.

    Instants that were missed coalesce into the next one.
    """

    begin: float
    period: float = attrs.field(validator=attrs.validators.gt(0.0))

    def wait(self, now: float) -> float:
        """Seconds from now to the next instant, which is later than now; at most one period after begin."""
        if now < self.begin:
            return self.begin - now
        passed = math.floor((now - self.begin) / self.period)
        wait = self.begin + (passed + 1) * self.period - now
        return wait if wait > 0 else self.period
