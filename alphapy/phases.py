"""The phases of the start (spec/operations.md 5.1): strictly in order, each logged with how long it took."""

from __future__ import annotations

import enum
import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("alphapy.phases")


class Phase(enum.IntEnum):
    """What is done when; the number is that of the specification."""

    CONFIG = 0
    DATABASE = 1
    SETTINGS = 2
    FEATURES = 3
    COMMANDS = 4
    TIMERS = 5
    READY = 6


@contextmanager
def phase(which: Phase) -> Iterator[None]:
    """The block is this phase; how long it took is logged once it is done.

    What ends it otherwise is told by whoever catches it.
    """
    started = time.perf_counter()
    yield
    log.info(
        "a phase of the start is done",
        extra={
            "event": "start_phase",
            "phase": int(which),
            "phase_name": which.name.lower(),
            "seconds": round(time.perf_counter() - started, 3),
        },
    )
