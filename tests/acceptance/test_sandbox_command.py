"""``alphapy sandbox`` as a person runs it: a process to start, to kill parts of, and to stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import httpx
import psutil
import pytest
import trio

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START_WITHIN = 90.0
STOP_WITHIN = 30.0


@attrs.define
class Running:
    """A sandbox process and a browser at its page."""

    process: trio.Process
    data_dir: Path
    http: httpx.AsyncClient
    output: bytearray
    people: dict[str, str] = attrs.field(factory=dict)
    channel: str = ""

    async def get(self, path: str, **query: str) -> Any:
        response = await self.http.get(f"/page/{path}", params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, who: str, /, **body: Any) -> Any:
        response = await self.http.post(f"/page/{path}", json={"as": self.people[who], **body})
        assert response.status_code == 200, response.text
        return response.json()

    async def enter(self) -> None:
        """Learn who is there, and go to #general."""
        self.people = {
            person["name"].lower(): person["id"] for person in (await self.get("people"))["people"]
        }
        state = await self.get("state", **{"as": self.people["ada"]})
        channels = {channel["name"]: channel["id"] for channel in state["guild"]["channels"]}
        self.channel = channels["general"]

    async def messages(self, who: str) -> list[Any]:
        found = await self.get("messages", **{"as": self.people[who], "channel": self.channel})
        messages: list[Any] = found["messages"]
        return messages

    async def online(self) -> None:
        """Return once the bot is connected."""

        async def connected() -> bool:
            state = await self.get("state", **{"as": self.people["ada"]})
            return all(bot["online"] for bot in state["bots"])

        await wait_until(connected, within=30, what="the bot online")

    async def offline(self) -> None:
        """Return once the bot is not connected."""

        async def gone() -> bool:
            state = await self.get("state", **{"as": self.people["ada"]})
            return not any(bot["online"] for bot in state["bots"])

        await wait_until(gone, within=10, what="the bot offline")

    async def heard(self, text: str, times: int = 1) -> None:
        async def said() -> bool:
            return [m["content"] for m in await self.messages("ada")].count(text) == times

        await wait_until(said, within=20, what=f"“{text}”, {times} time(s)")

    @property
    def bot_pid(self) -> int | None:
        try:
            return int((self.data_dir / "bot.pid").read_text())
        except (OSError, ValueError):
            return None


@asynccontextmanager
async def sandbox(data_dir: Path) -> AsyncIterator[Running]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "alphapy", "sandbox", "--port", "0", "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    output = bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_collect, process, output)
            await wait_until(
                lambda: b"Ctrl-C stops" in output or process.poll() is not None,
                within=START_WITHIN,
                what="the address of the page",
            )
            shown = output.decode()
            found = re.search(r"Chat here:\s+(http://\S+?)/?\n", shown)
            assert found is not None, shown
            async with httpx.AsyncClient(base_url=found[1], timeout=20) as http:
                running = Running(process, data_dir, http, output)
                await running.enter()
                yield running
            process.send_signal(signal.SIGINT)
            with trio.fail_after(STOP_WITHIN):
                assert await process.wait() == 0, output.decode()
    finally:
        if process.poll() is None:
            process.kill()


async def _collect(process: trio.Process, output: bytearray) -> None:
    assert process.stdout is not None
    async for chunk in process.stdout:
        output += chunk


async def test_a_person_chats_kills_the_bot_and_finds_everything_again(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as first:
        answer = await first.post(
            "slash",
            "ada",
            channel=first.channel,
            path="/cc add",
            options={
                "name": "hello",
                "trigger_type": "exact",
                "trigger": "!hello",
                "response": "Hello, {user.name}!",
            },
        )
        assert answer
        await first.post("say", "margaret", channel=first.channel, content="!hello")
        await first.heard("Hello, Margaret!")

        pid = first.bot_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await first.offline()
        await first.post("say", "linus", channel=first.channel, content="!hello")
        await wait_until(lambda: first.bot_pid not in {None, pid}, within=30, what="the bot's restart")
        await first.online()
        await first.heard("Hello, Linus!")
        await first.post("say", "alan", channel=first.channel, content="!hello")
        await first.heard("Hello, Alan!")
        await first.heard("Hello, Margaret!")
        second_pid = first.bot_pid
        assert second_pid is not None
        assert b"The bot ended (exit code -9); starting it again." in first.output
    assert b"Stopped." in first.output
    assert not psutil.pid_exists(second_pid)

    async with sandbox(tmp_path) as second:
        await second.heard("Hello, Margaret!")
        await second.post("say", "grace", channel=second.channel, content="!hello")
        await second.heard("Hello, Grace!")
        await sign_in_to_the_console(second)


async def sign_in_to_the_console(running: Running) -> None:
    """By hand, as Ada; who signs in otherwise is shown in tests/web/test_signin.py."""
    found = re.search(r"Bot's console: (http://\S+) ", running.output.decode())
    assert found is not None
    console = httpx.URL(found[1])
    async with httpx.AsyncClient(trust_env=False, headers={"Accept": "text/html"}, timeout=20) as browser:
        closed = await browser.get(console)
        assert closed.headers["Location"].startswith("/console/sign-in")
        to_discord = (await browser.get(console.join("/console/sign-in/discord"))).next_request
        assert to_discord is not None
        asked = to_discord.url
        form = dict(asked.params) | {"user_id": running.people["ada"]}
        back = (await browser.post(asked.copy_with(query=None), data=form)).next_request
        assert back is not None
        entered = await browser.get(back.url)
        assert (entered.status_code, entered.headers["Location"]) == (303, "/console")
        assert "Sign out <b>Ada</b>" in (await browser.get(console)).text


async def test_the_demo_holds() -> None:
    with trio.fail_after(120):
        done = await trio.run_process(
            [sys.executable, "-m", "alphapy", "sandbox", "--demo"],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    shown = done.stdout.decode()
    assert done.returncode == 0, shown + done.stderr.decode()
    assert "kill -9 the bot" in shown
    assert "14 checks held." in shown


async def test_a_taken_port_is_said_and_exits_with_1(tmp_path: Path) -> None:
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    try:
        with trio.fail_after(60):
            done = await trio.run_process(
                [
                    *(sys.executable, "-m", "alphapy", "sandbox", "--no-bot"),
                    *("--port", str(port), "--data-dir", str(tmp_path)),
                ],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
    finally:
        listener.close()
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr.decode()
    assert "--port 0" in done.stderr.decode()


async def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The sandbox command, run to its end."""
    with trio.fail_after(60):
        return await trio.run_process(
            [sys.executable, "-m", "alphapy", "sandbox", *arguments],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env={**os.environ, **environment},
        )


@pytest.mark.parametrize("phase", ["PostgreSQL", "the database's schema", "the bot"])
async def test_ctrl_c_during_the_start_stops_everything(phase: str, tmp_path: Path) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "alphapy", "sandbox", "--port", "0", "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_collect, process, output)
            await wait_until(
                lambda: f"… {phase}".encode() in output, within=START_WITHIN, what=f"the phase {phase}"
            )
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            with trio.fail_after(STOP_WITHIN):
                assert await process.wait() == 0, output.decode()
    finally:
        if process.poll() is None:
            process.kill()
    assert b"Stopped." in output
    assert b"Chat here" not in output
    assert b"Traceback" not in output, output.decode()
    await wait_until(
        lambda: not any(child.is_running() for child in children), within=10, what="the end of the children"
    )


async def test_a_second_sandbox_in_the_same_folder_is_refused_and_disturbs_nothing(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as first:
        pid = first.bot_pid
        refused = await run("--port", "0", "--data-dir", str(tmp_path))
        assert refused.returncode == 1
        assert "Another sandbox is using the folder" in refused.stderr.decode()
        assert first.bot_pid == pid
        await first.online()


async def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = await run("--data-dir", str(tmp_path / "file"))
    assert refused.returncode == 1
    assert "cannot be used" in refused.stderr.decode()
    assert "--data-dir" in refused.stderr.decode()
    assert "Traceback" not in refused.stderr.decode()


async def test_a_chat_that_cannot_be_read_is_said_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text("{broken")
    refused = await run("--no-bot", "--port", "0", "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert str(tmp_path / "sandbox.json") in refused.stderr.decode()
    assert (tmp_path / "sandbox.json").read_text() == "{broken"


async def test_a_bot_that_refuses_to_start_ends_the_sandbox_with_its_reason(tmp_path: Path) -> None:
    refused = await run("--port", "0", "--data-dir", str(tmp_path), LOG_LEVEL="LOUD")
    assert refused.returncode == 1
    assert "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR" in refused.stderr.decode()
    assert "bot.log" in refused.stderr.decode()


async def test_a_bot_set_up_for_discord_still_speaks_to_the_sandbox(tmp_path: Path) -> None:
    stranger = {
        "USE_TEST_BOT": "1",
        "BOT_TOKEN_TEST": "real.token",
        "DISCORD_GATEWAY_URL": "wss://127.0.0.1:1",
    }
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "alphapy", "sandbox", "--port", "0", "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **stranger},
    )
    output = bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_collect, process, output)
            await wait_until(
                lambda: b"Ctrl-C stops" in output or process.poll() is not None,
                within=START_WITHIN,
                what="the bot online",
            )
            assert b"Chat here" in output, output.decode()
            process.send_signal(signal.SIGHUP)
            with trio.fail_after(STOP_WITHIN):
                assert await process.wait() == 0, output.decode()
    finally:
        if process.poll() is None:
            process.kill()
