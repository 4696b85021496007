"""Driving the page in a real, headless Chromium.

Playwright's own loop must not share a thread with Trio's, so each script of a test runs in one worker thread
that owns the browser; the sandbox runs in the test's Trio run, and a script reaches into it with
``sandbox.do``.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import attrs
import pytest
import trio
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright

from tests.sandbox.page.town import ScriptedBot, Town

T = TypeVar("T")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DESKTOP = (1280, 860)
PHONE = (360, 740)
WITHIN_MS = 8_000


class Chromium:
    """One browser for a whole test run, in a thread of its own."""

    def __init__(self, executable: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chromium")
        self._executable = executable
        self._playwright: Playwright | None = None
        self.browser: Browser | None = None
        self._thread.submit(self._start).result()

    def call(self, script: Callable[[], T]) -> T:
        """Run a script in the browser's thread and wait for it."""
        return self._thread.submit(script).result()

    def close(self) -> None:
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    def _start(self) -> None:
        expect.set_options(timeout=WITHIN_MS)
        self._playwright = sync_playwright().start()
        self.browser = self._playwright.chromium.launch(
            executable_path=self._executable, args=list(ARGUMENTS), headless=True
        )

    def _stop(self) -> None:
        if self.browser is not None:
            self.browser.close()
        if self._playwright is not None:
            self._playwright.stop()


def executable() -> str | None:
    return next((found for found in map(shutil.which, NAMES) if found), None)


@attrs.frozen
class Stage:
    """What a script works with: pages in the browser, and the sandbox behind them."""

    chromium: Chromium
    town: Town
    bot: ScriptedBot
    base: str
    token: trio.lowlevel.TrioToken
    restart: Callable[[bool], None]
    """``restart(False)`` stops the web server, ``restart(True)`` starts it again at the same address."""
    complaints: list[str] = attrs.field(factory=list)

    def do(self, action: Callable[[], T]) -> T:
        """Act in the sandbox, in its own thread."""
        return trio.from_thread.run_sync(action, trio_token=self.token)

    @contextmanager
    def page(
        self,
        user_id: int,
        *,
        channel_id: int | None = None,
        size: tuple[int, int] = DESKTOP,
        scheme: Literal["light", "dark"] = "light",
        expected: tuple[str, ...] = (),
    ) -> Iterator[Page]:
        """A fresh browser profile with the page open as somebody.

        Anything on its console but texts with an ``expected`` part fails the test.
        """
        browser = self.chromium.browser
        assert browser is not None
        width, height = size
        context: Any = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(WITHIN_MS)
        page: Page = context.new_page()

        def note(message: ConsoleMessage) -> None:
            if not any(part in message.text for part in expected):
                self.complaints.append(f"{message.type}: {message.text}")

        page.on("console", note)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.goto(self.town.person_url(self.base, user_id, channel_id))
        page.locator("#composer-input").wait_for()
        page.locator("#bot-status .bot").first.wait_for()
        page.locator("#log-start > *").wait_for(state="attached")  # comes with the messages
        try:
            yield page
        finally:
            context.close()
        assert self.complaints == []


Script = Callable[[Stage], None]


def in_browser(script: Script) -> Callable[..., Any]:
    """Make a test of a script: it runs in the browser's thread, the sandbox in the test's Trio run."""

    @pytest.mark.browser
    @functools.wraps(script)
    async def test(stage: Stage) -> None:
        await trio.to_thread.run_sync(stage.chromium.call, functools.partial(script, stage))

    return test
