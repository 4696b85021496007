"""A real HTTP server on loopback, in the same Trio run, that answers as the test says."""

from __future__ import annotations

import enum
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import h11
import trio


class Fault(enum.Enum):
    """Instead of an answer."""

    HANG = enum.auto()
    """Nothing, for ever."""
    DROP = enum.auto()
    """The connection closes."""
    HALF = enum.auto()
    """Half of an answer, then the connection closes."""


@attrs.frozen
class Received:
    """A request as it came; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@attrs.frozen
class Reply:
    """An answer; a body that is not bytes is sent as JSON."""

    status: int = 200
    body: object = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body_after: float = 0.0
    """Seconds between the head of the answer and its body."""


Answerer = Callable[[Received], Reply | Fault]


class ScriptedServer:
    """Where it listens, and what it has received."""

    def __init__(self, answer: Answerer, port: int) -> None:
        self.answer = answer
        self.base_url = f"http://127.0.0.1:{port}/api/v10"
        self.received: list[Received] = []
        self.open_requests = 0

    async def talk(self, stream: trio.SocketStream) -> None:
        """One connection, until either side closes it."""
        connection = h11.Connection(h11.SERVER)
        async with stream:
            try:
                while await self._exchange(stream, connection):
                    connection.start_next_cycle()
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                return

    async def _exchange(self, stream: trio.SocketStream, connection: h11.Connection) -> bool:
        received = await _read(stream, connection)
        if received is None:
            return False
        self.received.append(received)
        self.open_requests += 1
        try:
            reply = self.answer(received)
            if reply is Fault.HANG:
                await trio.sleep_forever()
            if isinstance(reply, Fault):
                if reply is Fault.HALF:
                    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                return False
            await _write(stream, connection, reply)
        finally:
            self.open_requests -= 1
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


@asynccontextmanager
async def scripted_server(answer: Answerer) -> AsyncIterator[ScriptedServer]:
    """A server on a free port for as long as the block runs."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = ScriptedServer(answer, listeners[0].socket.getsockname()[1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, server.talk, listeners)
        try:
            yield server
        finally:
            nursery.cancel_scope.cancel()


async def _read(stream: trio.SocketStream, connection: h11.Connection) -> Received | None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
            return Received(request.method.decode(), request.target.decode(), headers, body)
        else:
            return None


async def _write(stream: trio.SocketStream, connection: h11.Connection, reply: Reply) -> None:
    body, headers = reply.body, dict(reply.headers)
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    headers["Content-Length"] = str(len(body))
    response = h11.Response(status_code=reply.status, headers=list(headers.items()))
    for event in (response, h11.Data(data=body), h11.EndOfMessage()):
        data = connection.send(event)
        if isinstance(event, h11.Data):
            await trio.sleep(reply.body_after)
        if data:
            await stream.send_all(data)
