"""A sandbox with a third-party client's bot in it: the world, its people, and what the bot tells."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import trio

from alphapy.sandbox.demo import Demo, demo_world
from alphapy.sandbox.faults import GatewayFault
from alphapy.sandbox.person import Person
from alphapy.sandbox.server import Sandbox, serve
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.applications import shaped_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

JSON = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
CROWD = 1200
"""Members besides the demo guild's own: more than one chunk."""
WITHIN = 20.0
"""Seconds that a bot has for one thing; generous, because the machine may be busy."""


class BotTrouble(AssertionError):
    """The bot failed, ended, or did not tell what was waited for; the text has its last words."""


@attrs.define
class Bot:
    """A bot process, as seen by what it tells (tests/clients/bots/report.py)."""

    process: trio.Process
    lines: list[JSON] = attrs.field(factory=list)
    errors: bytearray = attrs.field(factory=bytearray)
    ended: bool = False
    _parked: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    async def read(self) -> None:
        """Collect the lines until the process ends."""
        if self.process.stdout is None:
            raise BotTrouble("the bot has no standard output")
        rest = b""
        async for chunk in self.process.stdout:
            *whole, rest = (rest + chunk).split(b"\n")
            self.lines += [json.loads(line) for line in whole]
            self._parked.unpark_all()
        self.ended = True
        self._parked.unpark_all()

    async def read_errors(self) -> None:
        if self.process.stderr is None:
            raise BotTrouble("the bot has no standard error")
        async for chunk in self.process.stderr:
            self.errors += chunk

    async def changed(self) -> None:
        """Return when it has told something more, or has ended."""
        await self._parked.park()

    def seen(self, saw: str, *, since: int = 0, **fields: Any) -> list[JSON]:
        """What it has told of this kind with these fields, from the given line on."""
        wanted = {"saw": saw, **fields}
        return [line for line in self.lines[since:] if wanted.items() <= line.items()]

    async def wait(self, saw: str, *, since: int = 0, within: float = WITHIN, **fields: Any) -> JSON:
        """The first such line, as soon as it is there."""
        with trio.move_on_after(within):
            while not (found := self.seen(saw, since=since, **fields)):
                if self.ended:
                    break
                await self.changed()
            else:
                return found[0]
        told = "\n".join(str(line) for line in self.lines[since:][-20:])
        raise BotTrouble(f"no {saw} {fields}; it told:\n{told}\nand wrote:\n{self.errors.decode()[-4000:]}")


@attrs.frozen
class Troupe:
    """What an act plays with."""

    demo: Demo
    sandbox: Sandbox
    bot: Bot
    crowd: tuple[int, ...]

    def person(self, username: str) -> Person:
        """A member of the demo guild: ada owns it, linus administers, grace moderates; margaret, alan."""
        return Person(self.demo.world, self.demo.users[username])

    @property
    def bot_id(self) -> int:
        return self.demo.application_id

    @property
    def here(self) -> int:
        """The channel in which the owner tells the bot what to do."""
        return self.demo.channels["bot-commands"]

    @property
    def vault(self) -> int:
        """The channel that the bot cannot see."""
        return self.demo.channels["vault"]

    def mark(self) -> int:
        """The present end of what the bot has told."""
        return len(self.bot.lines)

    async def step(self, name: str, **arguments: Any) -> JSON:
        """Have the bot do something; returns what it says of it."""
        since = self.mark()
        self.person("ada").say(self.here, f"!{name} {json.dumps(arguments)}")
        with trio.move_on_after(WITHIN):
            while not self.bot.ended:
                failed = self.bot.seen("failed", since=since, step=name)
                if failed:
                    raise BotTrouble(f"{name}: {failed[0]['error']}\n{self.bot.errors.decode()[-4000:]}")
                done = self.bot.seen("done", since=since, step=name)
                if done:
                    result: JSON = done[0]["result"]
                    return result
                await self.bot.changed()
        raise BotTrouble(f"{name} did not end\n{self.bot.lines[since:]}\n{self.bot.errors.decode()[-4000:]}")

    def drop(self, kind: GatewayFault = GatewayFault.DROP, **more: Any) -> None:
        """Have the bot lose its socket."""
        self.sandbox.faults.arm_gateway(kind, application_id=self.bot_id, **more)


@asynccontextmanager
async def troupe(command: list[str], environment: Mapping[str, str] | None = None) -> AsyncIterator[Troupe]:
    """Serve a populous demo guild and start a bot in it; both end with the block."""
    demo = demo_world(Tuning(identify_window=0, buckets=GENEROUS))
    crowd = populate(demo)
    async with trio.open_nursery() as nursery:
        sandbox: Sandbox = await nursery.start(serve, demo.world)
        process = await trio.lowlevel.open_process(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={
                **os.environ,
                "SANDBOX_API": sandbox.api_base,
                "SANDBOX_TOKEN": shaped_token(demo.application_id),
                **(environment or {}),
            },
        )
        bot = Bot(process)
        nursery.start_soon(bot.read)
        nursery.start_soon(bot.read_errors)
        try:
            yield Troupe(demo, sandbox, bot, crowd)
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True), trio.move_on_after(5):
                await process.wait()
            nursery.cancel_scope.cancel()


GENEROUS = {
    "PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me": (5, 0.25),
    "POST /channels/{channel_id}/messages": (20, 1.0),
}
"""Rate limits that would only make the suite slow; the others are as in the sandbox that people use."""


def populate(demo: Demo) -> tuple[int, ...]:
    """Add a crowd of members and a channel that the bot cannot see; returns the crowd's ids."""
    world = demo.world
    crowd = []
    for number in range(CROWD):
        user_id = world.users.create(f"crowd{number:04}", display_name=f"One of many {number}")
        world.members.join(demo.guild_id, user_id)
        crowd.append(user_id)
    hidden = [{"id": str(demo.guild_id), "type": 0, "deny": str(1 << 10)}]
    vault = world.channels.create(
        demo.owner_id, demo.guild_id, {"name": "vault", "permission_overwrites": hidden}
    )
    demo.channels["vault"] = int(vault["id"])
    return tuple(crowd)
