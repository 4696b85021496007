"""Unmodified third-party clients run against the sandbox: discord.py, hikari and discord.js.

A client is told the sandbox's addresses and nothing else. All acts are played with one process, in order, so
that the suite is quick; every act that fails is named at the end. For discord.js there must be Node, and
``npm ci`` must have been run in ``tests/clients/bots/discordjs``.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
import trio

from tests.clients.acts import ACTS, login
from tests.clients.troupe import BotTrouble, Troupe, troupe
from tests.support import openapi

STOP_WITHIN = 10.0
DISCORD_JS = Path(__file__).parent / "bots" / "discordjs"


async def test_discord_py_feels_at_home() -> None:
    await try_out(python_bot("discord", "tests.clients.bots.discordpy"))


async def test_hikari_feels_at_home() -> None:
    await try_out(python_bot("hikari", "tests.clients.bots.hikaribot"))


async def test_discord_js_feels_at_home() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node on this machine")
    if not (DISCORD_JS / "node_modules").is_dir():
        pytest.skip(f"discord.js is not installed (npm ci in {DISCORD_JS})")
    await try_out([node, str(DISCORD_JS / "bot.mjs")])


def python_bot(package: str, module: str) -> list[str]:
    """The command line of a bot that is a Python module; skips where its client is not installed."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed (make dev)")
    return [sys.executable, "-m", module]


async def try_out(command: list[str]) -> None:
    """Play all acts with a bot, and hold the sandbox's answers to Discord's document."""
    async with troupe(command) as here:
        violations = openapi.watch_answers(here.sandbox.requests)
        await play(here)
        await sign_off(here)
    assert not violations, f"the sandbox answered as Discord's document does not: {violations}"
    strange = [record for record in here.sandbox.requests.records if not record.route]
    assert strange == [], "the client asked for something that the sandbox does not have"


async def play(here: Troupe) -> None:
    """Play every act; raise all failures together."""
    await login(here)
    failures: list[Exception] = []
    for act in ACTS[1:]:
        try:
            await act(here)
        except (AssertionError, KeyError) as failure:
            failure.add_note(f"in the act {act.__name__}")
            failures.append(failure)
            if here.bot.ended:
                break
    if failures:
        raise ExceptionGroup("acts that failed", failures)


async def sign_off(here: Troupe) -> None:
    """The bot leaves of its own accord, with the close code that ends its session."""
    here.person("ada").say(here.here, "!stop")
    with trio.fail_after(STOP_WITHIN):
        code = await here.bot.process.wait()
    if code != 0:
        raise BotTrouble(f"the bot ended with {code}:\n{here.bot.errors.decode()[-4000:]}")
    assert here.bot_id not in here.demo.world.connected_bots
