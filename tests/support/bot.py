"""The whole product in one Trio run: a local Discord, a real PostgreSQL, and the service between them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import attrs
import trio

from alphapy.config import Config
from alphapy.pure.clock import Clock
from alphapy.sandbox.demo import Demo, demo_world
from alphapy.sandbox.handle import Sandbox
from alphapy.sandbox.person import Person
from alphapy.sandbox.server import serve as serve_sandbox
from alphapy.sandbox.tuning import Tuning
from alphapy.supervisor import StopSwitch, serve
from tests.support import openapi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from alphapy.service import Service

JSON = dict[str, Any]

ONLINE_WITHIN = 15.0


@contextmanager
def everything_logged() -> Iterator[None]:
    """All that the service has to say reaches who watches the logs (tests/support/leaks.py)."""
    logger = logging.getLogger("alphapy")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)


@attrs.define(kw_only=True)
class Stage:
    """What a test plays on."""

    demo: Demo
    sandbox: Sandbox
    database_url: str
    environment: Mapping[str, str]
    clock: Clock | None = None

    def person(self, username: str) -> Person:
        """A member of the demo guild: ada owns it, linus administers, grace moderates; margaret, alan."""
        return Person(self.demo.world, self.demo.users[username])

    @property
    def general(self) -> int:
        """The channel that everybody sees."""
        return self.demo.channels["general"]

    def config(self) -> Config:
        """The service's configuration."""
        return Config.load(
            {
                "BOT_TOKEN": self.demo.token,
                "DATABASE_URL": self.database_url,
                "DISCORD_API_BASE": self.sandbox.api_base,
                "HOST": "127.0.0.1",
                "PORT": "0",
                "DATABASE_POOL_MIN": "1",
                "DATABASE_POOL_MAX": "4",
                **self.environment,
            }
        )

    async def wait_online(self) -> None:
        """Return once the bot is connected and its commands are registered."""
        world, application_id = self.demo.world, self.demo.application_id
        with trio.fail_after(ONLINE_WITHIN):
            await world.feed.wait_until(
                lambda: (
                    application_id in world.connected_bots
                    and bool(world.commands.registered.get((application_id, None)))
                )
            )

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Service]:
        """The service, online; stopped in order at the end."""
        switch = StopSwitch()
        with everything_logged():
            async with trio.open_nursery() as nursery:
                service: Service = await nursery.start(
                    partial(serve, self.config(), switch=switch, clock=self.clock)
                )
                await self.wait_online()
                yield service
                switch.flip()


@asynccontextmanager
async def stage(
    database_url: str,
    *,
    tuning: Tuning | None = None,
    environment: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Stage]:
    """The local Discord with its demo guild, and a database for the bot, which is not started yet."""
    demo = demo_world(tuning or Tuning.quick())
    async with trio.open_nursery() as nursery:
        sandbox: Sandbox = await nursery.start(serve_sandbox, demo.world)
        yield Stage(
            demo=demo,
            sandbox=sandbox,
            database_url=database_url,
            environment=environment or {},
            clock=clock,
        )
        violations = contract_violations(sandbox)
        nursery.cancel_scope.cancel()
    assert not violations, "\n".join(violations)


def contract_violations(sandbox: Sandbox) -> list[str]:
    """What Discord's own description of its interface forbids in the requests that were made.

    Empty where the description is not at hand: ``tests/acceptance/test_contract.py`` says so.
    """
    checker = openapi.validator()
    if checker is None:
        return []
    found: list[str] = []
    for record in sandbox.requests.records:
        query = "?" + urlencode(record.query) if record.query else ""
        found += checker.violations(record.method, record.path + query, record.body)
    return found


def title_of(message: JSON) -> str:
    """The title of a message's first embed; empty without one."""
    return str(message["embeds"][0].get("title", "")) if message["embeds"] else ""


def described(message: JSON) -> str:
    """The description of a message's first embed; empty without one."""
    return str(message["embeds"][0].get("description", "")) if message["embeds"] else ""


def seen(person: Person, message: JSON) -> JSON:
    """What a person sees of a message now; fails when it is gone."""
    visible = {found["id"]: found for found in person.visible_messages(int(message["channel_id"]))}
    return visible[message["id"]]
