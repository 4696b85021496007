"""Carries out the blows of a plan: arms them by count, strikes at the named point, waits for the recovery."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import psycopg
import trio

from alphapy.sandbox.faults import RestFault
from tests.campaigns.ground import COMMITTING, WRITTEN
from tests.campaigns.making import DELETE, SEND
from tests.campaigns.plan import Deploy, Kill, OnGateway, OnRest, Outage, Point, Restart, SlowDisk
from tests.campaigns.town import Gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from alphapy.sandbox.handle import Sandbox
    from alphapy.sandbox.world.feed import Happening
    from tests.campaigns.bot import Bot
    from tests.campaigns.ground import Ground
    from tests.campaigns.plan import Blow
    from tests.campaigns.town import Town

POINT_WITHIN = 5.0
"""Seconds after which a point that does not come about is given up, and the bot killed all the same."""

BACK_WITHIN = 60.0
"""Seconds that the bot may take to be connected again."""

HANGING = {Point.SEND_ASKED: SEND, Point.DELETE_ASKED: DELETE}


class NotBack(Exception):
    """The bot did not come back after a blow."""


class Striker:
    """One per round. ``struck`` and ``missed`` count by what was planned."""

    def __init__(self, bot: Bot, town: Town, ground: Ground, sandbox: Sandbox) -> None:
        self._bot = bot
        self._town = town
        self._ground = ground
        self._faults = sandbox.faults
        self._forget_sessions = sandbox.forget_sessions
        self._busy: trio.Event | None = None
        self.struck: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()

    async def strike(self, blow: Blow, nursery: trio.Nursery) -> None:
        """Start a blow; waits for the one before, until the bot has recovered from it."""
        await self.settle()
        if isinstance(blow, OnGateway):
            self._faults.arm_gateway(
                blow.kind,
                after=blow.after,
                times=blow.times,
                close_code=blow.close_code,
                resumable=blow.resumable,
            )
        elif isinstance(blow, OnRest):
            self._faults.arm_rest(
                blow.kind,
                route=blow.route,
                after=blow.after,
                times=blow.times,
                status=blow.status,
                seconds=blow.seconds,
            )
        else:
            self._busy = trio.Event()
            nursery.start_soon(self._carry_out, blow, self._busy)
            return
        self.struck[str(blow)] += 1

    async def settle(self) -> None:
        """Return once nothing is being struck and the bot is connected."""
        if self._busy is not None:
            await self._busy.wait()
        await self._wait_online()

    async def _carry_out(self, blow: Blow, done: trio.Event) -> None:
        before = len(self._town.gaps)
        match blow:
            case Kill():
                reached = await self._kill(blow)
                (self.struck if reached else self.missed)[str(blow)] += 1
            case Deploy(overlapping=overlapping):
                await self._deploy(overlapping=overlapping)
                self.struck[str(blow)] += 1
            case Restart(stop=stop):
                left = trio.current_time()
                await self._ground.restart(stop)
                self._town.outages.append(Gap(left, trio.current_time()))
                self.struck[str(blow)] += 1
            case Outage(seconds=seconds):
                left = trio.current_time()
                async with self._ground.away():
                    await trio.sleep(seconds)
                self._town.outages.append(Gap(left, trio.current_time()))
                self.struck[str(blow)] += 1
            case SlowDisk(seconds=seconds, commits=commits):
                (await self._ground.up()).close()
                self._ground.slow_down(seconds, commits)
                self.struck[str(blow)] += 1
        if isinstance(blow, Kill):
            await self._town.world.feed.wait_until(lambda: not self._town.online)
        elif isinstance(blow, Deploy):
            await self._town.world.feed.wait_until(lambda: len(self._town.gaps) > before)
        await self._wait_online()
        done.set()

    async def _wait_online(self) -> None:
        with trio.move_on_after(BACK_WITHIN) as scope:
            await self._town.world.feed.wait_until(lambda: self._town.online)
        if scope.cancelled_caught:
            raise NotBack(f"the bot is not connected {BACK_WITHIN:g} s after a blow")

    async def _deploy(self, *, overlapping: bool) -> None:
        await self._bot.deploy(overlapping=overlapping)

    async def _kill(self, kill: Kill) -> bool:
        """Kill at the point; whether the point was reached."""
        if kill.point in {Point.AGAIN, Point.CONNECTED}:
            self._bot.kill()
            await self._bot.wait_killed()
        with trio.move_on_after(BACK_WITHIN if kill.point is Point.CONNECTED else POINT_WITHIN) as scope:
            await self._at_point(kill)
        if scope.cancelled_caught:
            self._bot.kill()
        await self._bot.wait_killed()
        self._town.kills.append(trio.current_time())
        if kill.refused:
            self._forget_sessions()
        return not scope.cancelled_caught

    async def _at_point(self, kill: Kill) -> None:
        """Kill the bot exactly there."""
        match kill.point:
            case Point.NOW | Point.AGAIN:
                await trio.sleep(kill.lag)
                self._bot.kill()
            case Point.SEND_ASKED | Point.DELETE_ASKED:
                await self._when_hanging(kill)
            case Point.UNCOMMITTED | Point.COMMITTING:
                await self._at_commit(kill)
            case Point.COMMITTED:
                try:
                    await self._ground.wait_committed(kill.table, kill.after)
                finally:
                    self._bot.kill()
            case _:
                await self._when_seen(kill)

    async def _at_commit(self, kill: Kill) -> None:
        stage = WRITTEN if kill.point is Point.UNCOMMITTED else COMMITTING
        try:
            async with self._ground.held(kill.table, stage):
                await trio.sleep(kill.lag)
                self._bot.kill()
                await self._bot.wait_killed()
        except psycopg.OperationalError:  # the server went down for its own reasons
            self._bot.kill()

    async def _when_hanging(self, kill: Kill) -> None:
        """Kill while a request hangs that has had no effect yet."""
        route = HANGING[kill.point]
        fault = self._faults.arm_rest(RestFault.HANG, route=route, after=kill.after)
        reached = trio.Event()

        def on_struck(struck: object) -> None:
            if getattr(struck, "kind", None) is RestFault.HANG:
                self._bot.kill()
                reached.set()

        unlisten = self._faults.on_struck(on_struck)
        try:
            await reached.wait()
        finally:
            unlisten()
            if fault in self._faults.rest:
                self._faults.rest.remove(fault)

    async def _when_seen(self, kill: Kill) -> None:
        """Kill at the happening, before anything else runs, or ``lag`` seconds after it."""
        wanted = self._looking_for(kill.point)
        reached = trio.Event()
        left = kill.after

        def on_happening(happening: Happening) -> None:
            nonlocal left
            if not wanted(happening) or reached.is_set():
                return
            if left == 0 or kill.point is Point.CONNECTED:
                if kill.lag == 0:
                    self._bot.kill()
                reached.set()
            left -= 1

        unlisten = self._town.world.feed.listen(on_happening)
        try:
            await reached.wait()
        finally:
            unlisten()
        await trio.sleep(kill.lag)
        self._bot.kill()

    def _looking_for(self, point: Point) -> Callable[[Happening], bool]:
        match point:
            case Point.DELETED:
                return lambda happening: happening.name == "MESSAGE_DELETE"
            case Point.ACKNOWLEDGED:
                return _acknowledges
            case Point.CONNECTED:
                return lambda happening: happening.name == "BOTS_CHANGED" and self._town.online
            case _:
                return self._town.is_answer


def _acknowledges(happening: Happening) -> bool:
    return happening.name == "INTERACTION_STATE" and happening.data["state"] in {"thinking", "done"}
