"""Start, trouble and stop of the whole service, against the sandbox and a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from alphapy import supervisor
from alphapy.pure.backoff import Backoff
from alphapy.pure.groups import leaves
from alphapy.sandbox.faults import RestFault
from alphapy.supervisor import StopSwitch, serve
from tests.support.bot import Stage, stage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.service import Service


@pytest.fixture
async def offstage(database_url: str) -> AsyncIterator[Stage]:
    async with stage(database_url) as found:
        yield found


def test_a_group_of_groups_is_told_once_each() -> None:
    group = BaseExceptionGroup(
        "outer", [ValueError("one"), BaseExceptionGroup("inner", [ValueError("two"), ValueError("one")])]
    )
    assert [str(error) for error in leaves(group)] == ["one", "two"]


async def test_rest_that_fails_at_the_start_is_waited_for(
    offstage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "PATIENCE", Backoff(initial=0.01, ceiling=0.05))
    offstage.sandbox.faults.arm_rest(RestFault.SERVER_ERROR, times=12)
    async with offstage.bot() as service:
        await until_ready(service)
    assert any(getattr(record, "event", "") == "discord_unreachable" for record in caplog.records)


async def until_ready(service: Service) -> bool:
    await wait_until(lambda: service.is_ready, what="readiness")
    return True


async def test_it_is_ready_when_online_and_not_while_stopping(offstage: Stage) -> None:
    async with offstage.bot() as service:
        await until_ready(service)
        service.stopping = True
        assert not service.is_ready


async def test_a_second_signal_skips_the_waiting(offstage: Stage) -> None:
    switch = StopSwitch()
    ada = offstage.person("ada")
    async with trio.open_nursery() as nursery:
        service: Service = await nursery.start(partial(serve, offstage.config(), switch=switch))
        await offstage.wait_online()
        offstage.sandbox.faults.arm_rest(
            RestFault.HANG, route="POST /interactions/{interaction_id}/{interaction_token}/callback", times=5
        )
        ada.slash(offstage.general, "/version")
        await wait_until(lambda: service.dispatcher.statistics().running == 1, what="the slow command")
        switch.flip()
        await wait_until(lambda: service.stopping, what="the stop")
        with trio.fail_after(supervisor.FINISH_WITHIN - 1):
            switch.flip()
            await wait_until(
                lambda: offstage.demo.application_id not in offstage.demo.world.connected_bots,
                what="leaving the gateway",
            )


async def test_the_session_stays_resumable_unless_signing_off(offstage: Stage) -> None:
    world, application_id = offstage.demo.world, offstage.demo.application_id
    async with offstage.bot():
        pass
    assert application_id not in world.connected_bots
    switch = StopSwitch()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, offstage.config(), switch=switch, sign_off=True))
        with trio.fail_after(10):
            await world.feed.wait_until(lambda: application_id in world.connected_bots)
        switch.flip()


async def test_a_token_that_the_gateway_refuses_ends_the_service_with_its_reason(offstage: Stage) -> None:
    offstage.environment = {"BOT_TOKEN": "sandbox.999999"}
    with pytest.raises(BaseException) as raised, trio.fail_after(15):
        await serve(offstage.config())
    error = raised.value
    said = " ".join(map(str, leaves(error) if isinstance(error, BaseExceptionGroup) else [error]))
    assert "token" in said


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_the_database_is_waited_for_ends_the_process_at_once(
    name: signal.Signals, tmp_path: Path
) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "alphapy", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parent.parent,
        env={
            **os.environ,
            "BOT_TOKEN": "sandbox.1",
            "DATABASE_URL": "postgresql://bot:hunter2-hunter2@127.0.0.1:1/nowhere",
            "ALPHAPY_DATA_DIR": str(tmp_path),
            "PORT": "0",
        },
    )
    output = bytearray()
    try:
        assert process.stdout is not None
        with trio.fail_after(30):
            while b"attempt 1 of" not in output:
                output += await process.stdout.receive_some()
        process.send_signal(name)
        with trio.fail_after(5):
            assert await process.wait() == 0
        output += await process.stdout.receive_some()
    finally:
        if process.poll() is None:
            process.kill()
    assert b"Traceback" not in output
    assert b"hunter2" not in output
