"""The bot as a process of its own, for the sandbox: started, watched, started again, stopped."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import trio

from alphapy.pure.backoff import Backoff
from alphapy.pure.text import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STOP_WITHIN = 15.0
"""Seconds that the bot may take to stop before it is killed."""

RESTART_AFTER = Backoff(initial=0.5, ceiling=10.0)
"""The wait between the bot's death and its next start, longer each time it refuses to start."""

REFUSALS = 3
"""Failed starts in a row after which there is no hope that the next one succeeds."""

REFUSES_WITHIN = 30.0
"""Seconds within which an end with an exit code above 0 is a failed start."""

MAX_LOG_BYTES = 5_000_000
"""A longer log is begun anew at the next start."""


class BotProcess:
    """``alphapy run`` with an environment of ours. ``tell`` gets a sentence when it dies."""

    def __init__(
        self, environment: Mapping[str, str], data_dir: Path, port: int, tell: Callable[[str], None]
    ) -> None:
        self._environment = environment
        self._pid_file = data_dir / "bot.pid"
        self._tell = tell
        self._process: trio.Process | None = None
        self._stopping = False
        self._refusals = 0
        self._hopeless = trio.Event()
        self._rng = random.Random()
        self.log_file = data_dir / "bot.log"
        self.console_url = f"http://127.0.0.1:{port}/console"

    @property
    def pid(self) -> int | None:
        """The process that is running, if one is."""
        return None if self._process is None else self._process.pid

    async def keep_running(self) -> None:
        """Run the bot, and run it again whenever it dies, until :meth:`stop`."""
        _end_leftover(self._pid_file)
        while True:
            started = trio.current_time()
            code = await self._run_once()
            if self._stopping:
                return
            refused = code > 0 and trio.current_time() - started < REFUSES_WITHIN
            self._refusals = self._refusals + 1 if refused else 0
            if self._refusals >= REFUSALS:
                self._hopeless.set()
            self._tell(f"  The bot ended (exit code {code}); starting it again. Its log: {self.log_file}")
            await trio.sleep(RESTART_AFTER.delay(max(self._refusals, 1), self._rng))

    async def wait_hopeless(self) -> None:
        """Return once it has failed to start several times in a row."""
        await self._hopeless.wait()

    def last_words(self) -> str:
        """The last line of its log that a person can read, or that there is none."""
        with contextlib.suppress(OSError):
            lines = self.log_file.read_text(errors="replace").splitlines()
            plain = [line.strip("|+- \t") for line in lines if not line.startswith("{")]
            if spoken := [line for line in plain if line]:
                return cut(spoken[-1], 500)
        return "it said nothing."

    def kill(self) -> None:
        """End it the hard way, as ``kill -9`` does."""
        if self._process is not None:
            self._process.kill()

    async def stop(self) -> None:
        """Ask it to stop, and kill it if it does not; it is not started again."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        process.terminate()
        with trio.move_on_after(STOP_WITHIN) as scope:
            await process.wait()
        if scope.cancelled_caught:
            process.kill()
            await process.wait()

    async def _run_once(self) -> int:
        too_long = self.log_file.is_file() and self.log_file.stat().st_size > MAX_LOG_BYTES
        with self.log_file.open("wb" if too_long else "ab") as log:
            self._process = process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "alphapy", "run"],
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for the launcher alone
            )
        self._pid_file.write_text(str(process.pid))
        try:
            return await process.wait()
        finally:
            if process.poll() is None:
                process.kill()
            self._process = None
            self._pid_file.unlink(missing_ok=True)


def _end_leftover(pid_file: Path) -> None:
    """Kill a bot whose launcher was killed: it would answer everything a second time."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(pid_file.read_text()))
        if process.cmdline()[-3:] == ["-m", "alphapy", "run"]:
            process.send_signal(signal.SIGKILL)


def is_free(port: int) -> bool:
    """Whether a port (any number) can be listened on at the loopback interface at this moment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
        return True


def free_port() -> int:
    """A port that is free on the loopback interface at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
