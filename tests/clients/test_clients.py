"""Unmodified third-party clients run against the sandbox: discord.py and hikari, one bot process each.

A client is told the sandbox's addresses and nothing else. All acts are played with one process, in order, so
that the suite is quick; every act that fails is named at the end.
"""

from __future__ import annotations

import importlib.util

import pytest
import trio

from tests.clients.acts import ACTS, login
from tests.clients.troupe import BotTrouble, Troupe, python, troupe
from tests.support import openapi

CLIENTS = {
    "discord.py": ("discord", "tests.clients.bots.discordpy"),
    "hikari": ("hikari", "tests.clients.bots.hikaribot"),
}
STOP_WITHIN = 10.0


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_unmodified_client_feels_at_home(client: str) -> None:
    package, module = CLIENTS[client]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{client} is not installed (pip install alphapy[dev])")
    async with troupe(python(module)) as here:
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
