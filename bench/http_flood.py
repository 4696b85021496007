"""What a flood of HTTP requests from one address costs everybody else: members, and other callers.

``.venv/bin/python -m bench.http_flood [seconds]``. The bot is a process of its own; the local Discord and the
usual talk share another, and the flood is a third. The flood comes from 127.0.0.2: 2,000 requests a second,
on whichever of its connections is free, else on a new one, answered or not. Other callers ask ``/api/health``
five times a second, from ten other addresses. "Flooded beside": the same flood, at another process, which
shows what of it is the machine's own doing.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import attrs
import psutil
import trio

from bench.isolation import SETTLE, Scene, _columns, others, scene
from tests.campaigns.engine import TREE
from tests.campaigns.ground import fresh_ground, own_server
from tests.support.postgres import TEMPLATE

RATE = 2000
"""Requests of the flood in a second."""
MOST = 1000
"""Connections that the flood holds."""
FLOOD = "127.0.0.2"
CALLERS = [f"127.0.0.{number}" for number in range(10, 20)]
CALL_EVERY = 0.2
REQUEST = b"GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"


BESIDE = """
import socket
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(listener.getsockname()[1], flush=True)
while True:
    listener.accept()[0].close()
"""


@attrs.define
class Flooder:
    """The third process: sends at its rate, whatever comes back."""

    port: int
    free: list[socket.socket] = attrs.field(factory=list)
    busy: set[socket.socket] = attrs.field(factory=set)
    selector: selectors.BaseSelector = attrs.field(factory=selectors.DefaultSelector)
    counts: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(("sent", "hung up on"), 0))

    def run(self, seconds: float) -> None:
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            while self.counts["sent"] < passed * RATE:
                self.counts["sent"] += 1
                self.send()
            for key, _ in self.selector.select(0.001):
                self.receive(key.fileobj)  # type: ignore[arg-type]
        for connection in [*self.free, *self.busy]:
            connection.close()

    def send(self) -> None:
        if not self.free and len(self.busy) >= MOST:
            self.counts["hung up on"] += 1
            return
        connection = self.free.pop() if self.free else self.connect()
        if connection is None:
            return
        self.busy.add(connection)
        try:
            connection.sendall(REQUEST)
        except OSError:
            self.lose(connection)

    def connect(self) -> socket.socket | None:
        connection = socket.socket()
        connection.bind((FLOOD, 0))
        try:
            connection.connect(("127.0.0.1", self.port))
        except OSError:
            connection.close()
            self.counts["hung up on"] += 1
            return None
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ)
        return connection

    def receive(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.lose(connection)
            return
        if connection in self.busy and data.startswith(b"HTTP/1.1 "):
            what = f"answered {data[9:12].decode()}"
            self.counts[what] = self.counts.get(what, 0) + 1
            self.busy.discard(connection)
            self.free.append(connection)

    def lose(self, connection: socket.socket) -> None:
        self.selector.unregister(connection)
        connection.close()
        if connection in self.busy:
            self.busy.discard(connection)
            self.counts["hung up on"] += 1
        elif connection in self.free:
            self.free.remove(connection)


async def measure(seconds: float, folder: Path) -> None:
    with ExitStack() as stack:
        databases = stack.enter_context(own_server(folder))
        await trio.to_thread.run_sync(databases.ensure_template, folder / "template.lock")
        heads = ("answers to messages, ms", "interactions, ms", "other callers, ms")
        print(f"{'':<14}" + "".join(f"{head:^34}" for head in heads))
        print(f"{'':<14}" + f"{'count':>7}{'median':>9}{'99%':>9}{'longest':>9}" * 3 + f"{'bot CPU':>9}")
        for name, target in (("calm", None), ("flooded", True), ("flooded beside", False)):
            with fresh_ground(databases, TEMPLATE, None) as ground:
                async with scene(ground, folder) as here:
                    await row(here, name, seconds, at_the_bot=target)


async def row(here: Scene, name: str, seconds: float, *, at_the_bot: bool | None) -> None:
    """One line of the table; ``at_the_bot`` is whom the flood is for, None: there is none."""
    town, port = here.town, here.bot.port
    calls: list[float] = []
    async with trio.open_nursery() as nursery:
        target = port if at_the_bot else await nursery.start(stand_beside)
        flood = None if at_the_bot is None else await start_flood(target, seconds + 2 * SETTLE)
        await trio.sleep(SETTLE)
        process = psutil.Process(here.bot.pid)
        spent, begun = process.cpu_times(), trio.current_time()
        town.said.clear()
        town.answers.clear()
        town.acknowledged.clear()
        nursery.start_soon(call, port, calls)
        with trio.move_on_after(seconds):
            await others(town)
        await trio.sleep(SETTLE)
        now = process.cpu_times()
        busy = (now.user + now.system - spent.user - spent.system) / (trio.current_time() - begun)
        nursery.cancel_scope.cancel()
    said = {said.message_id: said.at for said in town.said}
    answers = [answer.at - said[answer.reply_to] for answer in town.answers if answer.reply_to in said]
    figures = (
        _columns(answers, len(said)),
        _columns(list(town.acknowledged.values()), len(said) // 2),
        _columns(calls, int((seconds + SETTLE) / CALL_EVERY)),
    )
    print(f"{name:<14}" + "".join(figures) + f"{busy:>9.0%}", flush=True)
    if flood is not None and flood.stdout is not None:
        counts = json.loads(bytes(await flood.stdout.receive_some(65536)))
        print("  the flood: " + ", ".join(f"{what} {count}" for what, count in counts.items()), flush=True)
        await flood.wait()


async def stand_beside(task_status: trio.TaskStatus[int]) -> None:
    """A process that hangs up on everybody: what the flood costs the machine without the bot."""
    process = await trio.lowlevel.open_process([sys.executable, "-c", BESIDE], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        task_status.started(int(await process.stdout.receive_some(100)))
        await trio.sleep_forever()
    finally:
        process.kill()


async def start_flood(port: int, seconds: float) -> trio.Process:
    command = [sys.executable, "-m", "bench.http_flood", "--flood", str(port), str(seconds)]
    return await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, cwd=TREE)


async def call(port: int, calls: list[float]) -> None:
    """The other callers: each request on a connection of its own."""
    number = 0
    async with trio.open_nursery() as nursery:
        while True:
            nursery.start_soon(one_call, port, CALLERS[number % len(CALLERS)], calls)
            number += 1
            await trio.sleep(CALL_EVERY)


async def one_call(port: int, address: str, calls: list[float]) -> None:
    begun = trio.current_time()
    async with await trio.open_tcp_stream("127.0.0.1", port, local_address=address) as stream:
        await stream.send_all(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await stream.receive_some(65536)
    if answer.startswith(b"HTTP/1.1 200"):
        calls.append(trio.current_time() - begun)


def be_the_flood(port: int, seconds: float) -> None:
    """The third process."""
    flooder = Flooder(port)
    flooder.run(seconds)
    print(json.dumps(flooder.counts))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--flood"]:
        be_the_flood(int(sys.argv[2]), float(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory(prefix="alphapy-bench-") as scratch:
            trio.run(measure, float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, Path(scratch))
