"""The sandbox page behind a real server, the scripted bot, and a browser."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.sandbox.server import Sandbox, serve
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.page.answers import ANSWERS, COMMANDS, said
from tests.sandbox.page.browser import Chromium, Stage, executable
from tests.sandbox.page.town import ScriptedBot, Town, build_town

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def town() -> Town:
    return build_town(Tuning(acknowledge_within=1.0))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    found = executable()
    if found is None:
        pytest.skip("no Chromium on this machine (looked for chromium, chromium-browser, google-chrome)")
    chromium = Chromium(found)
    yield chromium
    chromium.close()


class Server:
    """The sandbox's server; it can go away and come back at the same port with the same world."""

    def __init__(self, town: Town, nursery: trio.Nursery) -> None:
        self._town = town
        self._nursery = nursery
        self._scope = trio.CancelScope()
        self._stopped = trio.Event()
        self.base = "http://127.0.0.1:0"

    async def start(self) -> None:
        self._scope, self._stopped = trio.CancelScope(), trio.Event()
        sandbox: Sandbox = await self._nursery.start(self._run, int(self.base.rpartition(":")[2]))
        self.base = sandbox.page_url.rstrip("/")

    async def stop(self) -> None:
        self._scope.cancel()
        await self._stopped.wait()

    async def _run(self, port: int, *, task_status: trio.TaskStatus[Sandbox]) -> None:
        with self._scope:
            await serve(self._town.world, port=port, task_status=task_status)
        self._stopped.set()


@pytest.fixture
async def server(town: Town, nursery: trio.Nursery) -> Server:
    server = Server(town, nursery)
    await server.start()
    return server


@pytest.fixture
async def stage(chromium: Chromium, town: Town, server: Server, nursery: trio.Nursery) -> Stage:
    bot = ScriptedBot(town, ANSWERS, partial(said, town))
    town.world.commands.overwrite((town.bot, None), COMMANDS)
    await nursery.start(bot.run)
    token = trio.lowlevel.current_trio_token()

    def restart(running: bool) -> None:
        trio.from_thread.run(server.start if running else server.stop, trio_token=token)

    return Stage(chromium, town, bot, server.base, token, restart)
