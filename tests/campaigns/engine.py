"""Plays one round: a plan against the real bot, a real PostgreSQL and the local Discord, and judges it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from alphapy.pure.groups import leaves
from alphapy.sandbox.person import NoAnswer
from alphapy.sandbox.server import serve
from tests.campaigns.bot import Bot, StopTooSlow
from tests.campaigns.expected import unanswered_since
from tests.campaigns.plan import Confirmed, Say, Slash
from tests.campaigns.records import Books, read_books, store_contests, store_rules
from tests.campaigns.striker import NotBack, Striker
from tests.campaigns.town import TOKEN, Town
from tests.campaigns.using import Use
from tests.campaigns.verdict import Evidence, Verdict, judge, still_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.sandbox.handle import Sandbox
    from tests.campaigns.ground import Ground
    from tests.campaigns.plan import Plan

TREE = Path(__file__).parents[2]
"""The bot's source; a mutated copy of it is played against to see the campaigns fail."""

STALLED_AFTER = 20.0
"""Seconds without a change in the database after which what is missing is not waited for any more."""

SETTLE = 0.7
"""Seconds of quiet in which a second answer would show."""

START_WITHIN = 30.0
"""Seconds that the bot may take to be online at first."""

ASK_AGAIN_AFTER = 0.5
MOST_TRIES = 200
"""Seconds that an admin waits before using a command again that did not work, and how often they do."""

LATE_AFTER = 15.0
"""Seconds after which an answer is late, so that the next blow waits for it ..."""

CATCH_UP_WITHIN = 40.0
"""... for so many seconds at the most."""

REPLY_WITHIN = 4.0
CONFIRMED_WITHIN = 120.0


class Round:
    """One plan being played."""

    def __init__(self, plan: Plan, ground: Ground, folder: Path, tree: Path = TREE) -> None:
        self._plan = plan
        self._ground = ground
        self.town = Town(plan)
        self._folder = folder
        self._tree = tree
        self._uses: list[Use] = []
        self._confirmed: dict[tuple[int, str], trio.Event] = {}

    async def play(self) -> Verdict:
        """Play it to the end."""
        started = trio.current_time()
        self._folder.mkdir(parents=True, exist_ok=True)
        store_rules(self._ground, self.town.guilds, self._plan.rules)
        contests = [channels[1] for channels in self.town.channels]
        store_contests(self._ground, self.town.guilds, contests)
        async with trio.open_nursery() as nursery:
            sandbox: Sandbox = await nursery.start(partial(serve, self.town.world))
            bot = Bot(self._environment(sandbox), self._tree, self._folder)
            with _nothing_left(bot):
                striker = Striker(bot, self.town, self._ground, sandbox)
                nursery.start_soon(bot.keep_running)
                trouble = await self._run(bot, striker, sandbox)
                exit_code = await _stopped(bot, trouble)
            nursery.cancel_scope.cancel()
        evidence = Evidence(
            plan=self._plan,
            town=self.town,
            uses=self._uses,
            books=await self._books(),
            bot=bot,
            struck=striker.struck,
            missed=striker.missed,
            trouble=trouble,
            exit_code=exit_code,
            seconds=trio.current_time() - started,
        )
        return judge(evidence)

    def _environment(self, sandbox: Sandbox) -> dict[str, str]:
        return {
            "BOT_TOKEN": TOKEN,
            "DATABASE_URL": self._ground.url,
            "DISCORD_API_BASE": sandbox.api_base,
            "HOST": "127.0.0.1",
            "DATABASE_POOL_MIN": "1",
            "DATABASE_POOL_MAX": "6",
            "APP_ENV": "development",
            "ALPHAPY_DATA_DIR": str(self._folder),
        }

    async def _run(self, bot: Bot, striker: Striker, sandbox: Sandbox) -> list[str]:
        """Load, blows, quiet, and one more restart, which must change nothing; what went wrong."""
        trouble: list[str] = []
        try:
            with trio.fail_after(START_WITHIN):
                await self.town.world.feed.wait_until(lambda: self.town.online and self.town.registered)
            async with trio.open_nursery() as nursery:
                await self._load(striker, nursery)
                await striker.settle()
                sandbox.faults.disarm()
            await self._quiet()
            self.town.played = True
            bot.kill()
            await bot.wait_killed()
            await self.town.world.feed.wait_until(lambda: not self.town.online)
            await striker.settle()
            await self._quiet()
        except* (NotBack, StopTooSlow) as group:
            trouble += [str(error) for error in leaves(group)]
        except* trio.TooSlowError:
            trouble.append("the bot did not come online, or an admin got no answer")
        return trouble

    async def _load(self, striker: Striker, nursery: trio.Nursery) -> None:
        for act in self._plan.acts:
            if isinstance(act, Say):
                self.town.say(act)
            elif isinstance(act, Slash):
                nursery.start_soon(self._use, act)
            elif isinstance(act, Confirmed):
                with trio.fail_after(CONFIRMED_WITHIN):
                    await self._confirmation(act.guild, act.rule.name).wait()
            else:
                await striker.settle()
                await self._catch_up()
                await striker.strike(act, nursery)
            await trio.sleep(self._plan.pace)

    async def _catch_up(self) -> None:
        """Give the bot time where answers are late: 60 seconds after a message nobody wants one any more.

        A busy machine alone can bring it there, by a restart of ten seconds every two.
        """
        with trio.move_on_after(CATCH_UP_WITHIN):
            while (since := unanswered_since(self._plan, self.town)) is not None:
                if since > trio.current_time() - LATE_AFTER:
                    return
                await trio.sleep(0.1)

    def _confirmation(self, guild: int, name: str) -> trio.Event:
        return self._confirmed.setdefault((guild, name), trio.Event())

    async def _use(self, act: Slash) -> None:
        """Use a command; one that adds is used until the rule is there, as a person would."""
        for _ in range(MOST_TRIES):
            view = self.town.person(act).slash(self.town.desk(act), act.path, **act.options)
            use = Use(act, view)
            self._uses.append(use)
            try:
                await view.wait_reply(REPLY_WITHIN)
            except NoAnswer:
                pass
            else:
                if act.adds is not None and use.title in {"Custom command added", "That name is taken"}:
                    self._confirmation(act.guild, act.adds).set()
            if act.adds is None or self._confirmation(act.guild, act.adds).is_set():
                return
            await trio.sleep(ASK_AGAIN_AFTER)

    async def _quiet(self) -> None:
        """Return a moment after everything expected has happened, or once nothing happens any more."""
        books, changed = await self._books(), trio.current_time()
        while still_missing(self._plan, self.town, books) and trio.current_time() < changed + STALLED_AFTER:
            await trio.sleep(0.1)
            before, books = books, await self._books()
            if books != before:
                changed = trio.current_time()
        await trio.sleep(SETTLE)

    async def _books(self) -> Books:
        with await self._ground.up() as connection:
            return read_books(connection, self.town.guilds)


async def _stopped(bot: Bot, trouble: list[str]) -> int:
    try:
        return await bot.stop()
    except StopTooSlow as error:
        trouble.append(str(error))
        return 1


@contextmanager
def _nothing_left(bot: Bot) -> Iterator[None]:
    try:
        yield
    finally:
        bot.end_all()
