"""A bot in this process that can be killed at a waypoint, as abruptly as a task can end."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import trio
from typing_extensions import override

from alphapy.actors.kernel.waypoints import Waypoint, Waypoints
from alphapy.supervisor import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.service import Service
    from tests.support.bot import Stage


@attrs.define(eq=False)
class Trap(Waypoints):
    """Ends the bot when a waypoint is reached for the ``nth`` time (from 1)."""

    waypoint: Waypoint | None = None
    nth: int = 1
    sprung: trio.Event = attrs.field(factory=trio.Event)
    life: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    @override
    async def reach(self, waypoint: Waypoint) -> None:
        if waypoint is not self.waypoint:
            return
        self.nth -= 1
        if self.nth == 0:
            self.kill()
        if self.nth <= 0:
            await trio.sleep_forever()

    def kill(self) -> None:
        """End the bot now."""
        self.sprung.set()
        self.life.cancel(reason="killed")


@asynccontextmanager
async def mortal_bot(stage: Stage, trap: Trap) -> AsyncIterator[Service]:
    """The service, online, until the trap springs or the block ends; nothing is stopped in order."""
    async with trio.open_nursery() as nursery:

        async def live(task_status: trio.TaskStatus[Service]) -> None:
            with trap.life:
                await serve(stage.config(), clock=stage.clock, waypoints=trap, task_status=task_status)

        service: Service = await nursery.start(live)
        await stage.wait_online()
        yield service
        trap.kill()
