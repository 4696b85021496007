"""The root: starts the wings in order, routes, and stops them in order (spec/operations.md 5.1 and 5.8).

*Start*: the database with its schema gate, then HTTP, the settings, the features' actors, the commands, the
gateway. *Stop*: intake off, interactions finished, actors drained and flushed, progress recorded, the socket
dropped so that the session stays resumable, the pool closed. The next start RESUMEs the session from where
everything is durable, however this one ended.

When it fails: what only the operator can mend (the database's address or schema, the token, an intent) ends
the process with exit code 1 and a sentence that says what to change. A Discord or a database that is away for
a while is waited for.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import attrs
import trio

from alphapy.actors.command_sync.messages import COMMAND_SYNC, RegisterAtStart
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.kernel.clock import SystemClock
from alphapy.actors.kernel.registry import EssentialActorFailed
from alphapy.actors.kernel.waypoints import Unwatched
from alphapy.ai.client import LanguageModel
from alphapy.environment import Secret
from alphapy.gateway.commands import ManifestError
from alphapy.gateway.reconnect import FatalClose
from alphapy.gateway.rest.client import RestClient
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.phases import Phase, phase
from alphapy.pure.backoff import Backoff
from alphapy.pure.groups import leaves
from alphapy.service import Service, Wings
from alphapy.storage import gate
from alphapy.storage.embedded import embedded_postgres_on_trio
from alphapy.storage.errors import StorageError
from alphapy.storage.pool import open_pool
from alphapy.storage.shard_locks import TAKE_WITHIN, hold_shards
from alphapy.web.auth import upstream
from alphapy.web.housekeeping import keep_house
from alphapy.web.server import PortTaken, serve_web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from alphapy.actors.kernel.waypoints import Waypoints
    from alphapy.config import Config
    from alphapy.pure.clock import Clock

log = logging.getLogger("alphapy.supervisor")

FINISH_WITHIN: Final = 10.0
"""Seconds that interactions under way have to finish."""

REQUESTS_WITHIN: Final = 5.0
"""Seconds that HTTP requests under way have to finish (spec/api.md 9)."""

DRAIN_WITHIN: Final = 10.0
"""Seconds that the actors have to drain and flush."""

RECORD_WITHIN: Final = 3.0
"""Seconds for recording the progress."""

LEAVE_WITHIN: Final = 2.0
"""Seconds for leaving the gateway."""

HARD_EXIT_AFTER: Final = 25.0
"""Seconds after the first signal at which the process ends, whatever is left."""

REGISTER_WITHIN: Final = 60.0
"""Seconds that registering the commands may hold up the start."""

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at whether everything is ready, during the start."""

PATIENCE: Final = Backoff(initial=1.0, ceiling=60.0)
"""The wait before Discord is asked again at the start."""

T = TypeVar("T")


class StartRefused(Exception):
    """The service cannot run until the operator has changed something; the text says what."""


FATAL = (StorageError, StartRefused, FatalClose, EssentialActorFailed, ManifestError, PortTaken)
"""What ends the process with a sentence instead of a traceback."""


@attrs.define(eq=False)
class StopSwitch:
    """How the service is told to stop: once in order, a second time at once.

    While it still starts, the first time gives the start up.
    """

    _requested: trio.Event = attrs.field(factory=trio.Event)
    _start: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _patience: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    def flip(self) -> None:
        """Ask for the stop; the second time, skip the waiting."""
        self._start.cancel(reason="told to stop during the start")
        if self._requested.is_set():
            self._patience.cancel(reason="told to stop twice")
        self._requested.set()

    async def wait(self) -> None:
        """Return once the stop is asked for."""
        await self._requested.wait()

    @property
    def start(self) -> trio.CancelScope:
        """The scope of the start; entered once, by who runs the service as a process."""
        return self._start

    @property
    def patience(self) -> trio.CancelScope:
        """The scope of all waiting during the stop; entered once."""
        return self._patience


async def serve(
    config: Config,
    *,
    switch: StopSwitch | None = None,
    clock: Clock | None = None,
    sign_off: bool = False,
    waypoints: Waypoints | None = None,
    task_status: trio.TaskStatus[Service] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the service in the caller's Trio run until the switch is flipped; started once HTTP answers.

    ``sign_off`` ends the gateway session at the stop. Raises one of :data:`FATAL`, perhaps in a group.
    """
    rng = random.Random()
    async with AsyncExitStack() as wings:
        with phase(Phase.DATABASE):
            dsn = await wings.enter_async_context(_database(config))
            await gate.inspect(
                dsn,
                auto_migrate=config.auto_migrate or config.database_url is None,
                allow_schema_drift=config.allow_schema_drift,
                legacy_guild=config.legacy_guild_id or config.main_guild_id,
            )
            pool = await wings.enter_async_context(
                open_pool(dsn, min_size=config.database_pool_min, max_size=config.database_pool_max, rng=rng)
            )
        rest = await wings.enter_async_context(RestClient(config.token, config.discord_api_base))
        model = await wings.enter_async_context(LanguageModel.of(config))
        outside = await wings.enter_async_context(upstream.client())
        service = Service(
            config,
            Wings(
                clock=clock or SystemClock(),
                pool=pool,
                rest=rest,
                model=model,
                rng=rng,
                waypoints=waypoints or Unwatched(),
                outside=outside,
                dsn=Secret(dsn),
            ),
        )
        await _run(service, dsn, switch or StopSwitch(), sign_off=sign_off, task_status=task_status)


async def _run(
    service: Service,
    dsn: str,
    switch: StopSwitch,
    *,
    sign_off: bool,
    task_status: trio.TaskStatus[Service],
) -> None:
    async with trio.open_nursery() as nursery:
        service.port = await nursery.start(
            partial(
                serve_web,
                service.web,
                service.config.host,
                service.config.port,
                proxies=service.config.trusted_proxy_count,
            )
        )
        with phase(Phase.SETTINGS):
            await service.load_settings()
        with phase(Phase.FEATURES):
            await nursery.start(service.registry.run)
            await nursery.start(service.progress.run)
            await nursery.start(service.dispatcher.run)
        nursery.start_soon(
            keep_house, service.web.front.desk, service.pool, service.clock, name="web housekeeping"
        )
        nursery.start_soon(_connect, service, dsn, name="gateway")
        log.info("the service is up", extra={"event": "service_up", "port": service.port})
        task_status.started(service)
        await switch.wait()
        await _stop(service, switch, sign_off=sign_off)
        nursery.cancel_scope.cancel(reason="the service has stopped")


async def _connect(service: Service, dsn: str) -> None:
    """Learn who we are, make sure that nobody else is, and run the shards until the stop."""
    async with AsyncExitStack() as held:
        with phase(Phase.COMMANDS):
            application = await _until_answered(service, service.calls.application)
            service.owners.learn(application)
            info = await _until_answered(service, service.calls.gateway)
            service.shards.learn(info)
            count = service.config.shards or info.shards
            locks = await held.enter_async_context(
                hold_shards(dsn, application.id, range(count), service.rng, within=TAKE_WITHIN)
            )
            # Whoever held the shards until now may have changed a setting since ours were read.
            await service.load_settings()
            await service.interactions.load()
            await _register_commands(service)
        service.begin_timers()
        sessions = await service.sessions.load(application.id, range(count), count)
        service.sweep_effects()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_await_ready, service, name="ready")
            nursery.start_soon(locks.watch, name="shard locks")
            nursery.start_soon(service.owners.keep_fresh, name="owners")
            nursery.start_soon(service.sessions.run, name="sessions")
            nursery.start_soon(service.aside.run, service.shards, name="set aside")
            nursery.start_soon(service.backfill.run, name="back-fill")
            await service.shards.run(count, sessions)
            nursery.cancel_scope.cancel(reason="the shards have stopped")


async def _register_commands(service: Service) -> None:
    """Have the commands registered where they have changed; what fails is told, and the old ones stay."""
    answer = await service.registry.ask(COMMAND_SYNC, RegisterAtStart(), timeout=REGISTER_WITHIN)
    failure = answer.value.error if isinstance(answer, Answered) else str(answer)
    if failure:
        log.warning(
            "the commands could not be registered, so the old ones stay; `!sync` or a restart tries again",
            extra={"event": "commands_not_registered", "error": failure},
        )


async def _await_ready(service: Service) -> None:
    """The last phase: the shards are ready, and the guilds have arrived or have had their time."""
    with phase(Phase.READY):
        while not service.gateway_ready:  # noqa: ASYNC110 - also becomes so by mere passing of time
            await trio.sleep(LOOK_EVERY)


async def _until_answered(service: Service, ask: Callable[[], Awaitable[T]]) -> T:
    """Discord's answer, asked for with back-off; raises StartRefused where the token is not accepted.

    What does not need Discord begins its work meanwhile.
    """
    attempt = 0
    while True:
        try:
            return await ask()
        except DiscordError as error:
            if error.kind is DiscordErrorKind.UNAUTHORIZED:
                raise StartRefused(
                    "Discord does not accept the bot token. Copy it again from your application's page at "
                    "Discord (Bot, Reset Token) into BOT_TOKEN, and start again."
                ) from error
            service.begin_timers()
            attempt += 1
            wait = PATIENCE.delay(attempt, service.rng)
            log.warning(
                "Discord does not answer; trying again",
                extra={"event": "discord_unreachable", "error": str(error), "wait_seconds": round(wait, 1)},
            )
            await trio.sleep(wait)


async def _stop(service: Service, switch: StopSwitch, *, sign_off: bool) -> None:
    log.info("stopping", extra={"event": "service_stopping"})
    with switch.patience:
        service.stopping = True
        service.shards.drain()
        service.registry.stop_intake()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(service.web.front.finish, within=REQUESTS_WITHIN))
            await service.dispatcher.stop(within=FINISH_WITHIN)
        await service.registry.stop(deadline=trio.current_time() + DRAIN_WITHIN)
    with trio.move_on_after(RECORD_WITHIN):
        await _record(service, sign_off=sign_off)
    with trio.move_on_after(LEAVE_WITHIN):
        await service.shards.stop(sign_off=sign_off)
    log.info("stopped", extra={"event": "service_stopped"})


async def _record(service: Service, *, sign_off: bool) -> None:
    """Write how far the sessions are, or forget them."""
    await service.progress.write()
    try:
        if sign_off:
            await service.sessions.forget()
        else:
            await service.sessions.write()
    except StorageError as error:
        log.warning(
            "the sessions could not be stored; the next start reads somewhat more of them again",
            extra={"event": "sessions_not_stored", "error": str(error)},
        )


@asynccontextmanager
async def _database(config: Config) -> AsyncIterator[str]:
    """The DSN: the operator's, or that of an embedded PostgreSQL that runs while the block does."""
    if config.database_url is not None:
        yield config.database_url.reveal()
        return
    async with embedded_postgres_on_trio(config.data_dir / "postgres") as dsn:
        yield dsn


def run(config: Config, *, sign_off: bool = False) -> int:
    """Run the service as a process, with signals; returns the exit code."""
    for name in config.missing_secrets():
        log.warning("a secret is not set", extra={"event": "secret_missing", "variable": name})
    failures: list[BaseException] = []
    _calm_collector()
    try:
        trio.run(_main, config, sign_off)
    except* FATAL as group:
        failures += leaves(group)
    for failure in failures:
        log.critical("the service cannot run", extra={"event": "fatal", "error": str(failure)})
        print(f"Alphapy cannot run: {failure}", file=sys.stderr)  # noqa: T201 - for the person at the terminal
    return 1 if failures else 0


def _calm_collector() -> None:
    """Have cycles looked for less often, and not among what is there for good.

    What messages are made of is never part of a cycle, so that looking for one after every 700 of them took
    15 % of the processor time of a burst (bench/messages.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 100)


async def _main(config: Config, sign_off: bool) -> None:
    switch = StopSwitch()
    async with trio.open_nursery() as signals:
        await signals.start(_watch_signals, switch)
        async with trio.open_nursery() as nursery:
            with switch.start:
                await nursery.start(partial(serve, config, switch=switch, sign_off=sign_off))
        signals.cancel_scope.cancel(reason="the service has stopped")


async def _watch_signals(switch: StopSwitch, task_status: trio.TaskStatus[None]) -> None:
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for _ in signals:
                nursery.start_soon(_end_at_last)
                switch.flip()


async def _end_at_last() -> None:
    await trio.sleep(HARD_EXIT_AFTER)
    log.critical("the stop took too long", extra={"event": "hard_exit"})
    os._exit(1)
