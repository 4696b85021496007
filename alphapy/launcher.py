"""``alphapy sandbox``: a local Discord, an embedded PostgreSQL and the bot, each to be killed alone.

The local Discord lives in this process; PostgreSQL and the bot are processes of their own. The bot is the
real service, ``alphapy run``, which knows nothing of the sandbox but an address. It is started again when it
dies, so that a person can kill it and watch that nothing is lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import signal
import sys
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.bot_process import BotProcess, free_port, is_free
from alphapy.pure.groups import leaves
from alphapy.sandbox.demo import Demo, add_idle_guilds, demo_world, find_demo
from alphapy.sandbox.handle import Sandbox
from alphapy.sandbox.oauth2.grants import client_secret
from alphapy.sandbox.server import serve
from alphapy.sandbox.world.applications import shaped_token
from alphapy.sandbox.world.storage import UnreadableWorld, load
from alphapy.storage import migrate
from alphapy.storage.embedded import embedded_postgres_on_trio
from alphapy.storage.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


ONLINE_WITHIN = 60.0
"""Seconds that the bot may take to be online before the launcher says where to look."""


class LaunchFailed(Exception):
    """The sandbox cannot start; the text says why and what to do."""


@attrs.frozen(kw_only=True)
class Plan:
    """What to start. ``data_dir`` keeps the database and the chat; port 0 takes any free one."""

    data_dir: Path
    port: int = 8420
    bot: bool = True
    idle_guilds: int = 0


@attrs.frozen(kw_only=True)
class Stack:
    """What is running."""

    demo: Demo
    sandbox: Sandbox
    bot: BotProcess | None
    console_url: str

    async def wait_online(self) -> None:
        """Return once the bot is connected and its commands are registered.

        Raises LaunchFailed, perhaps in a group.
        """
        world, application_id = self.demo.world, self.demo.application_id
        with trio.move_on_after(ONLINE_WITHIN) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._give_up_with_the_bot)
                await world.feed.wait_until(
                    lambda: (
                        application_id in world.connected_bots
                        and bool(world.commands.registered.get((application_id, None)))
                    )
                )
                nursery.cancel_scope.cancel(reason="the bot is online")
        if scope.cancelled_caught and self.bot is not None:
            raise LaunchFailed(
                f"The bot is not online after {ONLINE_WITHIN:g} s. Its log says why: {self.bot.log_file}"
            )

    async def _give_up_with_the_bot(self) -> None:
        if self.bot is not None:
            await self.bot.wait_hopeless()
            raise LaunchFailed(
                f"The bot ends as soon as it is started: {self.bot.last_words()}\n"
                f"Its log: {self.bot.log_file}"
            )


class Progress:
    """Tells a person at a terminal what is going on."""

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A step that takes a while."""
        started = trio.current_time()
        _show(f"  … {what}", end="")
        done = False
        try:
            yield
            done = True
        finally:
            took = f" ({trio.current_time() - started:.1f} s)" if done else ""
            _show(f"\r  {'✓' if done else '✗'} {what}{took}")

    def say(self, text: str) -> None:
        """A sentence."""
        _show(text)


def _show(text: str, end: str = "\n") -> None:
    """Print at once. A terminal that was closed is no reason to leave anything running."""
    with contextlib.suppress(OSError):
        print(text, end=end, flush=True)


@asynccontextmanager
async def running_stack(plan: Plan, progress: Progress) -> AsyncIterator[Stack]:
    """Everything, in order, while the block runs; stopped in reverse order. Raises LaunchFailed."""
    try:
        async with _folder(plan), _database(plan, progress) as dsn, trio.open_nursery() as nursery:
            with progress.step("the local Discord"):
                demo = _world(plan)
                sandbox = await _serve(nursery, plan, demo)
            bot = _bot(plan, sandbox, demo, dsn, progress) if plan.bot else None
            stack = Stack(
                demo=demo, sandbox=sandbox, bot=bot, console_url="" if bot is None else bot.console_url
            )
            if bot is not None:
                with progress.step("the bot"):
                    nursery.start_soon(bot.keep_running, name="bot")
                    await stack.wait_online()
            yield stack
            if bot is not None:
                await bot.stop()
            nursery.cancel_scope.cancel(reason="the sandbox stops")
    except* (EmbeddedError, migrate.MigrationError) as group:
        raise LaunchFailed(str(leaves(group)[0])) from group


@asynccontextmanager
async def _folder(plan: Plan) -> AsyncIterator[None]:
    """The data folder, ours alone: two launchers would save over each other and end each other's bots."""
    try:
        plan.data_dir.mkdir(parents=True, exist_ok=True)
        lock = (plan.data_dir / "sandbox.lock").open("ab")
    except OSError as error:
        raise LaunchFailed(
            f"The folder {plan.data_dir} cannot be used ({error.strerror or error}). "
            "Choose another one: alphapy sandbox --data-dir FOLDER"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LaunchFailed(
                f"Another sandbox is using the folder {plan.data_dir}. Use that one, or give this one a "
                "folder and a port of its own: alphapy sandbox --data-dir FOLDER --port 0"
            ) from None
        yield


@asynccontextmanager
async def _database(plan: Plan, progress: Progress) -> AsyncIterator[str]:
    if not plan.bot:
        yield ""
        return
    with progress.step("PostgreSQL"):
        server = embedded_postgres_on_trio(plan.data_dir / "postgres")
        dsn = await server.__aenter__()
    try:
        with progress.step("the database's schema"):
            await trio.to_thread.run_sync(migrate.upgrade, dsn)
        yield dsn
    finally:
        await server.__aexit__(None, None, None)


def _world(plan: Plan) -> Demo:
    file = _world_file(plan)
    try:
        stored = load(file)
    except (UnreadableWorld, OSError) as error:
        raise LaunchFailed(
            f"The chat in {file} cannot be read ({error}). Move that file away to begin with a new one."
        ) from error
    demo = demo_world() if stored is None else find_demo(stored)
    missing = plan.idle_guilds - len(demo.world.guilds.idle)
    if missing > 0:
        add_idle_guilds(demo, missing)
    return demo


def _world_file(plan: Plan) -> Path:
    return plan.data_dir / "sandbox.json"


async def _serve(nursery: trio.Nursery, plan: Plan, demo: Demo) -> Sandbox:
    start = partial(serve, demo.world, port=plan.port, save_to=_world_file(plan))
    try:
        sandbox: Sandbox = await nursery.start(start)
    except* OSError as group:
        raise LaunchFailed(
            f"Port {plan.port} cannot be used ({leaves(group)[0]}). If another sandbox is running, use "
            "that one, or choose another port: alphapy sandbox --port 0"
        ) from group
    return sandbox


def _bot(plan: Plan, sandbox: Sandbox, demo: Demo, dsn: str, progress: Progress) -> BotProcess:
    port = plan.port + 1 if plan.port and is_free(plan.port + 1) else free_port()
    # All that decides whom the bot talks to, as whom: a .env file or the shell may be set up for Discord.
    environment = {
        "BOT_TOKEN": demo.token,
        "USE_TEST_BOT": "0",
        "DATABASE_URL": dsn,
        "DISCORD_API_BASE": sandbox.api_base,
        "DISCORD_GATEWAY_URL": sandbox.gateway_url,
        # People sign in to the console with the local Discord.
        "DISCORD_CLIENT_ID": str(demo.application_id),
        "DISCORD_CLIENT_SECRET": client_secret(demo.application_id),
        "DISCORD_OAUTH_REDIRECT_URI": f"http://127.0.0.1:{port}/api/auth/discord/callback",
        "SHARDS": "auto",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "APP_ENV": "development",
        "ALPHAPY_DATA_DIR": str(plan.data_dir),
    }
    return BotProcess(environment, plan.data_dir, port, progress.say)


async def sandbox(plan: Plan) -> int:
    """Run until Ctrl-C; the exit code."""
    progress = Progress()
    progress.say("Alphapy sandbox")
    return await _until_signal(plan, progress)


async def _until_signal(plan: Plan, progress: Progress) -> int:
    failures: list[BaseException] = []
    try:
        async with interrupts() as signals, running_stack(plan, progress) as stack:
            _greet(plan, stack, progress)
            await signals.wait()
            progress.say("\nStopping …")
    except* LaunchFailed as group:
        failures += leaves(group)
    if failures:
        print(f"The sandbox cannot start. {failures[0]}", file=sys.stderr)
        return 1
    progress.say(f"Stopped. Everything is kept in {plan.data_dir}")
    return 0


def _greet(plan: Plan, stack: Stack, progress: Progress) -> None:
    lines = ["", f"  Chat here:     {stack.sandbox.page_url}"]
    if stack.bot is not None:
        lines += [
            f"  Bot's console: {stack.console_url} (sign in as Ada)",
            f"  Bot's log:     {stack.bot.log_file}",
            "",
            "  Pick a member, type / to see the commands, and try: /cc add",
        ]
    else:
        lines += [
            f"  API base:      {stack.sandbox.api_base}",
            f"  Gateway:       {stack.sandbox.gateway_url}",
            f"  Bot token:     {stack.demo.token}",
            f"    in Discord's form: {shaped_token(stack.demo.application_id)}",
        ]
    lines += ["  Ctrl-C stops everything; the chat is kept in " + str(plan.data_dir), ""]
    progress.say("\n".join(lines))


@attrs.define(eq=False)
class Interrupts:
    """Ctrl-C, SIGTERM and a closed terminal.

    The first one ends :meth:`wait`. Where nobody waits yet, during the start, and the second time, everything
    is cancelled.
    """

    _everything: trio.CancelScope
    _first: trio.Event = attrs.field(factory=trio.Event)
    _is_awaited: bool = False

    async def wait(self) -> None:
        """Return at the first signal, to stop in order."""
        self._is_awaited = True
        await self._first.wait()

    @property
    def happened(self) -> bool:
        """Whether there was a signal."""
        return self._first.is_set()

    async def watch(self, task_status: trio.TaskStatus[None]) -> None:
        """The task that takes the signals."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            task_status.started()
            async for _ in signals:
                if self.happened or not self._is_awaited:
                    self._everything.cancel(reason="interrupted")
                self._first.set()


@asynccontextmanager
async def interrupts() -> AsyncIterator[Interrupts]:
    """Take the signals while the block runs; leaves the block when they cancel it."""
    async with trio.open_nursery() as nursery:
        signals = Interrupts(nursery.cancel_scope)
        await nursery.start(signals.watch)
        yield signals
        nursery.cancel_scope.cancel(reason="the block has ended")
