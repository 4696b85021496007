"""What one guild's trouble costs the others: their answers and interactions, with and without it.

``.venv/bin/python bench/isolation.py [seconds]``. The bot is a process of its own; the local Discord and the
load share another. Guild 0 is in trouble, the others talk as usual: ten triggers and five commands a second
between them. The flood is run a second time in a guild that the bot does not know, which shows what of it is
the local Discord's own doing.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.sandbox.faults import RestFault
from alphapy.sandbox.handle import Sandbox
from alphapy.sandbox.person import Person
from alphapy.sandbox.server import serve
from tests.campaigns.bot import Bot
from tests.campaigns.engine import TREE
from tests.campaigns.ground import Ground, fresh_ground, own_server
from tests.campaigns.making import RULES, SEND
from tests.campaigns.plan import Kind, Plan, Say
from tests.campaigns.records import store_rules
from tests.campaigns.town import TOKEN, Town
from tests.support.postgres import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


GUILDS = 8
CHANNELS = 40
FLOOD_EVERY = 0.002
"""Seconds between two messages of the flood: 500 a second."""
SETTLE = 2.0

_POISON = """
CREATE FUNCTION campaign.poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.guild_id = TG_ARGV[0]::bigint THEN RAISE EXCEPTION 'poison'; END IF;
    RETURN NEW;
END $$;
"""


@attrs.define(kw_only=True)
class Scene:
    """What a trouble can use."""

    town: Town
    ground: Ground
    sandbox: Sandbox
    bot: Bot
    stranger: list[int]
    """Channels of a guild without the bot."""


Trouble = Callable[[Scene], Awaitable[None]]


async def nothing(_scene: Scene) -> None:
    await trio.sleep_forever()


async def talk(scene: Scene, every: float, channels: Sequence[int]) -> None:
    """Triggers in these channels, one after the other."""
    number = 0
    while True:
        scene.town.world.messages.create(
            scene.town.members[0], channels[number % len(channels)], {"content": f"coffee {number}"}
        )
        number += 1
        await trio.sleep(every)


async def flood(scene: Scene) -> None:
    """A guild in which 500 messages a second want an answer."""
    await talk(scene, FLOOD_EVERY, scene.town.channels[0])


async def flood_elsewhere(scene: Scene) -> None:
    """The same in a guild that the bot is not in."""
    await talk(scene, FLOOD_EVERY, scene.stranger)


async def crash(scene: Scene) -> None:
    """A feature that crashes on every message: whatever it writes of the guild is refused by the database."""
    with scene.ground.connect() as connection:
        connection.execute(_POISON)
        for table in ("effects", "event_progress"):
            connection.execute(
                f"CREATE TRIGGER poison BEFORE INSERT OR UPDATE ON {table}"
                f" FOR EACH ROW EXECUTE FUNCTION campaign.poison({scene.town.guilds[0]})".encode()
            )
    try:
        await talk(scene, 0.05, scene.town.channels[0])
    finally:
        with scene.ground.connect() as connection:
            connection.execute("DROP FUNCTION campaign.poison CASCADE")


async def hang(scene: Scene) -> None:
    """An actor that hangs: somebody holds the guild's rows, and every statement on them waits."""
    with scene.ground.connect() as connection, connection.transaction():
        for table in ("custom_commands", "event_progress"):
            connection.execute(
                f"SELECT FROM {table} WHERE guild_id = %s FOR UPDATE".encode(),
                (scene.town.guilds[0],),
            )
        await talk(scene, 0.05, scene.town.channels[0])


async def slow_route(scene: Scene) -> None:
    """Discord takes 30 s for every message that is posted in the guild."""
    for channel in scene.town.channels[0]:
        scene.sandbox.faults.arm_rest(
            RestFault.SLOW, route=SEND, where={"channel_id": str(channel)}, times=10_000, seconds=30
        )
    try:
        await talk(scene, 0.05, scene.town.channels[0])
    finally:
        scene.sandbox.faults.disarm()


TROUBLES: dict[str, Trouble] = {
    "nothing": nothing,
    "a feature crashes on every message": crash,
    "500 messages a second": flood,
    "the same, where the bot is not": flood_elsewhere,
    "an actor hangs on a locked row": hang,
    "posting takes 30 s": slow_route,
}


async def measure(seconds: float, databases_folder: Path) -> None:
    with ExitStack() as stack:
        databases = stack.enter_context(own_server(databases_folder))
        await trio.to_thread.run_sync(databases.ensure_template, databases_folder / "template.lock")
        print(f"{'':<38}{'answers of the others, ms':^34}{'their interactions, ms':^34}")
        columns = f"{'count':>7}{'median':>9}{'99%':>9}{'longest':>9}"
        print(f"{'in guild 0':<38}{columns}{columns}")
        for name, trouble in TROUBLES.items():
            with fresh_ground(databases, TEMPLATE, None) as ground:
                async with scene(ground, databases_folder) as here:
                    print(f"{name:<38}{await measured(here, trouble, seconds)}", flush=True)


@asynccontextmanager
async def scene(ground: Ground, folder: Path) -> AsyncIterator[Scene]:
    """The town with the bot in it."""
    plan = Plan(kind=Kind.KILL, seed=0, guilds=GUILDS, channels=CHANNELS, members=2, rules=RULES, acts=())
    town = Town(plan)
    store_rules(ground, town.guilds, plan.rules)
    async with trio.open_nursery() as nursery:
        sandbox: Sandbox = await nursery.start(partial(serve, town.world))
        environment = {
            "BOT_TOKEN": TOKEN,
            "DATABASE_URL": ground.url,
            "DISCORD_API_BASE": sandbox.api_base,
            "HOST": "127.0.0.1",
            "LOG_LEVEL": "ERROR",
            "ALPHAPY_DATA_DIR": str(folder),
        }
        bot = Bot(environment, TREE, folder)
        nursery.start_soon(bot.keep_running)
        await town.world.feed.wait_until(lambda: town.online and town.registered)
        await trio.sleep(SETTLE)
        yield Scene(town=town, ground=ground, sandbox=sandbox, bot=bot, stranger=_strange_guild(town))
        bot.kill()
        await bot.wait_killed()
        bot.end_all()
        nursery.cancel_scope.cancel()


def _strange_guild(town: Town) -> list[int]:
    guild = town.world.guilds.create("Elsewhere", town.owner)
    town.world.members.join(guild.id, town.members[0])
    made = [town.world.channels.create(town.owner, guild.id, {"name": f"talk-{n}"}) for n in range(CHANNELS)]
    return [int(channel["id"]) for channel in made]


async def measured(here: Scene, trouble: Trouble, seconds: float) -> str:
    """The others' delays while the trouble lasts."""
    town = here.town
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trouble, here)
        await trio.sleep(SETTLE)
        town.said.clear()
        town.answers.clear()
        town.acknowledged.clear()
        with trio.move_on_after(seconds):
            await others(town)
        await trio.sleep(SETTLE)
        nursery.cancel_scope.cancel()
    said = {said.message_id: said.at for said in town.said}
    answers = [answer.at - said[answer.reply_to] for answer in town.answers if answer.reply_to in said]
    return _columns(answers, len(said)) + _columns(list(town.acknowledged.values()), len(said) // 2)


async def others(town: Town) -> None:
    """The usual talk of guilds 1 to 7."""
    number = 0
    while True:
        guild = 1 + number % (GUILDS - 1)
        town.say(Say(guild, number // (GUILDS - 1) % CHANNELS, 0, "coffee"))
        if number % 2 == 0:
            Person(town.world, town.owner).slash(town.channels[guild][0], "/cc list")
        number += 1
        await trio.sleep(0.1)


def _columns(delays: Sequence[float], wanted: int) -> str:
    if len(delays) < 2:
        return f"{len(delays):>3}/{wanted:<3}{'-':>9}{'-':>9}{'-':>9}"
    cuts = quantiles(delays, n=100, method="inclusive")
    figures = "".join(f"{1000 * value:>9.1f}" for value in (median(delays), cuts[98], max(delays)))
    return f"{len(delays):>3}/{wanted:<3}{figures}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="alphapy-bench-") as scratch:
        trio.run(measure, float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, Path(scratch))
