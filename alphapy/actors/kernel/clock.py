"""The clock of the operating system."""

from __future__ import annotations

from datetime import UTC, datetime

import trio
from typing_extensions import override

from alphapy.pure.clock import Clock

LONGEST_SLEEP = 60.0
"""Seconds after which a sleeper looks at the wall clock again, since it may have jumped."""


class SystemClock(Clock):
    """Wall time as the machine has it."""

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)

    @override
    async def sleep_until(self, instant: datetime) -> None:
        while (left := (instant - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 -- no event tells of a jump
            await trio.sleep(min(left, LONGEST_SLEEP))
        await trio.lowlevel.checkpoint()
