"""The bot as its operating system sees it: a process that is started, killed, told to stop, and replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import trio

from alphapy.bot_process import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STOP_WITHIN = 30.0
"""Seconds that the bot may take to stop; it says itself that it ends after 25."""


UP_WITHIN = 20.0
"""Seconds that a new process may take to answer HTTP."""


class StopTooSlow(Exception):
    """The bot did not end in time after SIGTERM."""


class Bot:
    """``python -m alphapy run`` out of ``tree``; started again whenever it ends, until :meth:`stop`."""

    def __init__(self, environment: Mapping[str, str], tree: Path, folder: Path) -> None:
        self._environment = environment
        self._tree = tree
        self._log = folder / "bot.log"
        self._current: trio.Process | None = None
        self._all: list[trio.Process] = []
        self._ending: set[int] = set()
        self._changed = trio.lowlevel.ParkingLot()
        self._stopping = False
        self._replacing = False
        self._port = 0
        self.starts = 0
        self.deaths: list[int] = []
        """Exit codes of processes that ended without having been told to."""
        self.refusals = 0
        """New processes that ended while the old one still ran: a second one with the same shards."""
        self.stops: list[float] = []
        """Seconds from SIGTERM to the end of the process."""

    @property
    def pid(self) -> int | None:
        """The process that is to run now."""
        return None if self._current is None else self._current.pid

    @property
    def port(self) -> int:
        """Where its HTTP answers."""
        return self._port

    async def keep_running(self) -> None:
        """Run it, and run it again whenever it has ended."""
        while not self._stopping:
            process = self._current = await self._start()
            await self._wait_replaced(process)

    def kill(self) -> None:
        """SIGKILL, at once."""
        process = self._current
        if process is not None and process.pid not in self._ending:
            self._ending.add(process.pid)
            process.kill()

    async def wait_killed(self) -> None:
        """Return once nothing is left of what was killed."""
        process = self._current
        if process is not None and process.pid in self._ending:
            await process.wait()

    async def deploy(self, *, overlapping: bool) -> None:
        """Replace the process: by one that is already waiting, or by one that is started afterwards."""
        old = self._current
        assert old is not None
        self._ending.add(old.pid)
        if overlapping:
            self._replacing = True
            self._current = await self._start()
            self._changed.unpark_all()
            await self._wait_up()
        await self._terminate(old)
        self._replacing = False

    async def stop(self) -> int:
        """End it in order, for good; its exit code."""
        self._stopping = True
        process = self._current
        if process is None:
            return 0
        self._ending.add(process.pid)
        await self._terminate(process)
        return int(process.returncode or 0)

    def log_tail(self, lines: int = 15) -> str:
        """The end of the bot's log."""
        try:
            return "\n".join(self._log.read_text("utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    async def _wait_up(self) -> None:
        """Return once the new process answers HTTP: a rolling deployment ends the old one only then."""
        with trio.move_on_after(UP_WITHIN):
            while True:
                try:
                    stream = await trio.open_tcp_stream("127.0.0.1", self._port)
                except OSError:
                    await trio.sleep(0.02)
                else:
                    await stream.aclose()
                    return

    async def _terminate(self, process: trio.Process) -> None:
        asked = trio.current_time()
        process.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_WITHIN) as scope:
            await process.wait()
        if scope.cancelled_caught:
            process.kill()
            raise StopTooSlow(f"the bot ran {STOP_WITHIN:g} s after SIGTERM")
        self.stops.append(trio.current_time() - asked)

    async def _wait_replaced(self, process: trio.Process) -> None:
        """Return once another process is needed in the place of this one."""
        while True:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_ended, process, nursery.cancel_scope)
                await self._changed.park()
                nursery.cancel_scope.cancel()
            current = self._current
            if process.poll() is not None and current is process:
                break
            assert current is not None
            process = current
        if process.pid in self._ending:
            return
        if self._replacing:
            self.refusals += 1
            await trio.sleep(0.2)
        elif not self._stopping:
            self.deaths.append(int(process.returncode or 0))
            await trio.sleep(0.2)

    async def _until_ended(self, process: trio.Process, scope: trio.CancelScope) -> None:
        await process.wait()
        scope.cancel()

    async def _start(self) -> trio.Process:
        self.starts += 1
        self._port = free_port()
        with self._log.open("ab") as log:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "alphapy", "run"],
                cwd=self._tree,
                env={**os.environ, **self._environment, "PORT": str(self._port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._all.append(process)
        return process

    def end_all(self) -> None:
        """Leave nothing behind, whatever has happened."""
        for process in self._all:
            if process.poll() is None:
                process.kill()
