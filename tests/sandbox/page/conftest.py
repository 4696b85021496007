"""The sandbox page behind a real server, the scripted bot, and a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart_trio import QuartTrio

from alphapy.sandbox.page.page import WORLD, blueprint
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.page.answers import ANSWERS, COMMANDS, said
from tests.sandbox.page.browser import Chromium, Stage, executable
from tests.sandbox.page.town import ScriptedBot, Town, build_town


@pytest.fixture
def town() -> Town:
    return build_town(Tuning(acknowledge_within=1.0))


@pytest.fixture
def app(town: Town) -> QuartTrio:
    app = QuartTrio("sandbox-page-test", static_folder=None)
    app.config[WORLD] = town.world
    app.register_blueprint(blueprint)
    return app


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    found = executable()
    if found is None:
        pytest.skip("no Chromium on this machine (looked for chromium, chromium-browser, google-chrome)")
    chromium = Chromium(found)
    yield chromium
    chromium.close()


class Server:
    """The web server of a test; it can go away and come back at the same port."""

    def __init__(self, app: QuartTrio, nursery: trio.Nursery) -> None:
        self._app = app
        self._nursery = nursery
        self._stop = trio.Event()
        self._stopped = trio.Event()
        self.base = "http://127.0.0.1:0"

    async def start(self) -> None:
        config = Config()
        config.bind = [self.base.removeprefix("http://")]
        config.graceful_timeout = 0.1
        config.accesslog = config.errorlog = None
        self._stop, self._stopped = trio.Event(), trio.Event()
        (self.base,) = await self._nursery.start(self._run, config)

    async def _run(self, config: Config, *, task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(self._app, config, shutdown_trigger=self._stop.wait, task_status=task_status)
        self._stopped.set()

    async def set_running(self, running: bool) -> None:
        if running:
            await self.start()
        else:
            self._stop.set()
            await self._stopped.wait()


@pytest.fixture
async def server(app: QuartTrio, town: Town, nursery: trio.Nursery) -> AsyncIterator[Server]:
    nursery.start_soon(town.world.interactions.run)
    server = Server(app, nursery)
    await server.start()
    yield server
    nursery.cancel_scope.cancel()


@pytest.fixture
async def stage(chromium: Chromium, town: Town, server: Server, nursery: trio.Nursery) -> Stage:
    bot = ScriptedBot(town, ANSWERS, partial(said, town))
    town.world.commands.overwrite((town.bot, None), COMMANDS)
    await nursery.start(bot.run)
    token = trio.lowlevel.current_trio_token()

    def restart(running: bool) -> None:
        trio.from_thread.run(server.set_running, running, trio_token=token)

    return Stage(chromium, town, bot, server.base, token, restart)
