"""A scripted gateway on a real loopback socket, speaking trio-websocket's server side.

A test gives one script per connection. A script says what the gateway sends and waits for what the client
sends; heartbeats are answered by themselves unless ``acks`` is off. After its script a connection stays open
until the client leaves.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import trio
import trio_websocket
import zstandard

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

JSON = dict[str, Any]
HELLO: JSON = {"op": 10, "d": {"heartbeat_interval": 45_000}, "s": None, "t": None}
_BROKEN = (
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)


class Compressor:
    """The sending side of one compression stream."""

    def __init__(self, name: str) -> None:
        self._zstd = zstandard.ZstdCompressor().compressobj() if name == "zstd-stream" else None
        self._zlib = zlib.compressobj() if name == "zlib-stream" else None

    def __call__(self, data: bytes) -> bytes:
        if self._zstd is not None:
            return self._zstd.compress(data) + self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        if self._zlib is not None:
            return self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        return data


@attrs.define(eq=False)
class Peer:
    """One connection, seen from the gateway."""

    socket: trio_websocket.WebSocketConnection
    stream: trio.abc.Stream
    path: str
    query: dict[str, str]
    acks: bool = True
    hearing: trio.Event = attrs.field(factory=trio.Event)
    """Nothing is read before this is set; it is, to begin with."""
    pieces: int | None = None
    """Cut every compressed message into pieces of this many bytes, a WebSocket message each."""
    beats: list[Any] = attrs.field(factory=list)
    beat_times: list[float] = attrs.field(factory=list)
    closed_with: int | None = None
    left: trio.Event = attrs.field(factory=trio.Event)
    _compress: Compressor = attrs.field(init=False)
    inbox: deque[JSON] = attrs.field(factory=deque, init=False)

    def __attrs_post_init__(self) -> None:
        self._compress = Compressor(self.compression)
        self.hearing.set()

    def be_deaf(self) -> None:
        """Read nothing more, after the next payload, until ``hearing`` is set."""
        self.hearing = trio.Event()

    async def send_together(self, *frames: JSON) -> None:
        """Send several payloads in one binary message."""
        await self.send_bytes(b"".join(self._compress(json.dumps(frame).encode()) for frame in frames))

    @property
    def compression(self) -> str:
        """The transport compression that the client asked for."""
        return self.query.get("compress", "")

    async def send(self, *frames: JSON) -> None:
        """Send payloads, compressed as the client asked for."""
        for frame in frames:
            await self.send_raw(json.dumps(frame, separators=(",", ":")).encode())

    async def send_raw(self, data: bytes) -> None:
        """Send these bytes as if they were a payload."""
        if not self.compression:
            await self.socket.send_message(data.decode(errors="replace"))
            return
        packed = self._compress(data)
        size = self.pieces or len(packed) or 1
        for start in range(0, len(packed), size):
            await self.send_bytes(packed[start : start + size])

    async def send_bytes(self, data: bytes) -> None:
        """Send this binary message as it is."""
        await self.socket.send_message(data)

    async def expect(self, op: int, *, within: float = 5.0) -> JSON:
        """The next payload that is not a heartbeat; it must have this opcode."""
        frame = await self.take(within=within)
        assert frame["op"] == op, f"expected op {op}, got {frame}"
        return frame

    async def take(self, *, within: float = 5.0) -> JSON:
        """The next payload that is not a heartbeat."""
        await wait_until(lambda: bool(self.inbox), within=within, what="a payload from the client")
        return self.inbox.popleft()

    async def close(self, code: int, reason: str = "") -> None:
        """Close with this code."""
        with trio.move_on_after(1):
            await self.socket.aclose(code, reason)

    async def drop(self) -> None:
        """Break the connection without a word."""
        await trio.aclose_forcefully(self.stream)

    async def read(self) -> None:
        """Receive until the client has left."""
        try:
            while True:
                await self.hearing.wait()
                frame = json.loads(await self.socket.get_message())
                if frame["op"] != 1:
                    self.inbox.append(frame)
                    continue
                self.beats.append(frame["d"])
                self.beat_times.append(trio.current_time())
                if self.acks:
                    await self.send({"op": 11})
        except _BROKEN:
            reason = self.socket.closed
            self.closed_with = reason.code if reason is not None else None
        finally:
            self.left.set()


class GatewayServer:
    """Serves one script per connection, in order; the last one again for any further connection."""

    def __init__(
        self, *scripts: Callable[[Peer], Awaitable[None]], ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._scripts: Sequence[Callable[[Peer], Awaitable[None]]] = scripts
        self._ssl = ssl_context
        self.peers: list[Peer] = []
        self.refuse_with: list[int] = []
        """HTTP statuses with which the next handshakes are refused."""
        self.url = ""

    async def serve(self, *, task_status: trio.TaskStatus[GatewayServer]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        scheme = "ws" if self._ssl is None else "wss"
        self.url = f"{scheme}://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._accept, listeners)
            task_status.started(self)

    async def _accept(self, plain: trio.SocketStream) -> None:
        stream: Any = plain
        if self._ssl is not None:
            stream = trio.SSLStream(plain, self._ssl, server_side=True, https_compatible=True)
        try:
            async with trio.open_nursery() as nursery:
                request = await trio_websocket.wrap_server_stream(
                    nursery, stream, receive_buffer_size=1 << 18
                )
                if self.refuse_with:
                    await request.reject(self.refuse_with.pop(0), body=b"no")
                else:
                    await self._serve(nursery, request, stream)
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            rest = group.split(_BROKEN)[1]
            if rest is not None:
                raise rest from None
        except _BROKEN:
            pass
        finally:
            await trio.aclose_forcefully(plain)

    async def _serve(
        self, nursery: trio.Nursery, request: trio_websocket.WebSocketRequest, stream: trio.abc.Stream
    ) -> None:
        peer = Peer(
            await request.accept(),
            stream,
            path=urlsplit(request.path).path,
            query=dict(parse_qsl(urlsplit(request.path).query)),
        )
        self.peers.append(peer)
        nursery.start_soon(peer.read)
        script = self._scripts[min(len(self.peers), len(self._scripts)) - 1]
        with contextlib.suppress(*_BROKEN):
            await script(peer)
        await peer.left.wait()


def accepted(request: bytes) -> bytes:
    """The answer that opens a WebSocket, for tests that write the bytes themselves."""
    key = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    magic = key.split(b":")[1].strip() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    proof = base64.b64encode(hashlib.sha1(magic).digest())  # noqa: S324 - RFC 6455 has it so
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
    )


def dispatch(seq: int, name: str, data: object) -> JSON:
    """A dispatch."""
    return {"op": 0, "d": data, "s": seq, "t": name}


def ready(server: GatewayServer, *, seq: int = 1, session_id: str = "s1", guilds: Sequence[int] = ()) -> JSON:
    """A READY whose resume URL is the server's own, under the path /resume."""
    return dispatch(
        seq,
        "READY",
        {
            "v": 10,
            "user": {"id": "10", "username": "alphapy", "bot": True},
            "session_id": session_id,
            "resume_gateway_url": f"{server.url}/resume",
            "guilds": [{"id": str(guild), "unavailable": True} for guild in guilds],
            "application": {"id": "11", "flags": 0},
            "shard": [0, 1],
        },
    )
