"""Raw clients of the sandbox, written from Discord's documents: they share no code with the bot."""

from __future__ import annotations

import json
import ssl
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import httpx
import pytest
import trio
import zstandard
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from alphapy.sandbox.demo import Demo, demo_world
from alphapy.sandbox.person import Person
from alphapy.sandbox.server import Sandbox, serve
from alphapy.sandbox.tuning import Tuning
from tests.support import openapi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JSON = dict[str, Any]
ALL_INTENTS = (1 << 17) - 1
NO_CONTENT = ALL_INTENTS & ~(1 << 15)
TOKEN = "sandbox-bot-token"
WITHIN = 5.0


@attrs.frozen
class Running:
    """A sandbox that serves the demo guild, and REST as its bot."""

    sandbox: Sandbox
    demo: Demo
    rest: httpx.AsyncClient

    def person(self, username: str) -> Person:
        return Person(self.demo.world, self.demo.users[username])

    def channel(self, name: str = "general") -> int:
        return self.demo.channels[name]

    @property
    def commands_url(self) -> str:
        return f"/applications/{self.demo.application_id}/commands"

    @property
    def general(self) -> str:
        return f"/channels/{self.channel()}"

    async def callback(self, interaction: JSON, kind: int, data: JSON | None = None) -> httpx.Response:
        body: JSON = {"type": kind}
        if data is not None:
            body["data"] = data
        return await self.rest.post(
            f"/interactions/{interaction['id']}/{interaction['token']}/callback", json=body
        )

    def webhook(self, interaction: JSON, rest: str = "") -> str:
        return f"/webhooks/{self.demo.application_id}/{interaction['token']}{rest}"


@asynccontextmanager
async def running(tuning: Tuning | None = None, demo: Demo | None = None) -> AsyncIterator[Running]:
    """Serve the demo guild until the block ends."""
    demo = demo or demo_world(tuning or Tuning.quick())
    async with trio.open_nursery() as nursery:
        sandbox: Sandbox = await nursery.start(serve, demo.world)
        violations = openapi.watch_answers(sandbox.requests)
        headers = {"Authorization": f"Bot {demo.token}"}
        # A bare TLS context spares every test the reading of certificates that plain HTTP never needs.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx.AsyncClient(
            base_url=sandbox.api_base, headers=headers, timeout=WITHIN, verify=tls
        ) as rest:
            yield Running(sandbox, demo, rest)
        nursery.cancel_scope.cancel()
    assert not violations, f"the sandbox answered as Discord's document does not: {violations}"


class Truncated(Exception):
    """The compressed stream ended in the middle of a payload."""


@attrs.define
class Gateway:
    """A gateway socket as a plain client holds it."""

    socket: WebSocketConnection
    compress: str | None = None
    seq: int | None = None
    session_id: str = ""
    received: list[JSON] = attrs.field(factory=list)
    _inflate: Any = None

    def __attrs_post_init__(self) -> None:
        if self.compress == "zlib-stream":
            self._inflate = zlib.decompressobj()
        elif self.compress == "zstd-stream":
            self._inflate = zstandard.ZstdDecompressor().decompressobj()

    async def receive(self) -> JSON:
        """The next payload, whole: one frame is one payload in Discord's streams."""
        with trio.fail_after(WITHIN):
            message = await self.socket.get_message()
        text = self._inflate.decompress(message).decode() if isinstance(message, bytes) else message
        try:
            payload: JSON = json.loads(text)
        except ValueError:
            raise Truncated(text) from None
        if payload["op"] == 0:
            self.seq = payload["s"]
            if payload["t"] == "READY":
                self.session_id = payload["d"]["session_id"]
        self.received.append(payload)
        return payload

    async def until(self, name: str) -> JSON:
        """The data of the next dispatch of this name; others are passed over (they stay in ``received``)."""
        while True:
            payload = await self.receive()
            if payload["op"] == 0 and payload["t"] == name:
                data: JSON = payload["d"]
                return data

    async def until_op(self, op: int) -> JSON:
        while True:
            payload = await self.receive()
            if payload["op"] == op:
                return payload

    async def send(self, op: int, data: Any) -> None:
        await self.socket.send_message(json.dumps({"op": op, "d": data}))

    async def identify(self, token: str = TOKEN, intents: int = ALL_INTENTS, **more: Any) -> None:
        properties = {"os": "linux", "browser": "test", "device": "test"}
        await self.send(2, {"token": token, "intents": intents, "properties": properties, **more})

    async def login(self, intents: int = ALL_INTENTS, **more: Any) -> JSON:
        """Hello, identify, READY."""
        await self.until_op(10)
        await self.identify(intents=intents, **more)
        return await self.until("READY")

    async def resume(self, session_id: str, seq: int | None, token: str = TOKEN) -> None:
        await self.until_op(10)
        await self.send(6, {"token": token, "session_id": session_id, "seq": seq})

    async def closed(self) -> tuple[int, str | None]:
        """How the server closed the socket."""
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await self.receive()
        reason = closed.value.reason
        assert reason is not None
        return reason.code, reason.reason

    def names(self) -> list[str]:
        return [payload["t"] for payload in self.received if payload["op"] == 0]


@asynccontextmanager
async def gateway(
    here: Running, compress: str | None = None, query: str | None = None
) -> AsyncIterator[Gateway]:
    """A socket to the gateway; it is dropped without a close frame at the end, so that the session stays."""
    if query is None:
        query = "/?v=10&encoding=json" + (f"&compress={compress}" if compress else "")
    address, port = here.sandbox.gateway_url.removeprefix("ws://").split(":")
    stream = await trio.open_tcp_stream(address, int(port))
    try:
        async with trio.open_nursery() as nursery:
            socket = await wrap_client_stream(
                nursery, stream, address, query or "/", max_message_size=1 << 24, receive_buffer_size=1 << 16
            )
            yield Gateway(socket, compress)
            nursery.cancel_scope.cancel()
    finally:
        await trio.aclose_forcefully(stream)
