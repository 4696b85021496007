"""A WebSocket connection to the gateway: trio-websocket, with its failures turned into ours.

We open the stream ourselves, so that it is certainly closed, and so that leaving never says 1000: closing
normally would end the Discord session (https://docs.discord.com/developers/events/gateway#disconnecting).
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import attrs
import h11
import trio
import trio_websocket
from typing_extensions import override
from wsproto.utilities import ProtocolError

from alphapy.gateway.codec import MAX_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_QUEUED: Final = 1024
"""Messages read ahead, ..."""
_QUEUED_BYTES: Final = 1024 * 1024
"""... and bytes of them, by as much as one message more. Beyond that, the socket is the queue."""
_RECEIVE_BYTES: Final = 64 * 1024
_PORTS: Final = {"ws": 80, "wss": 443}
_BROKEN: Final = (
    ProtocolError,
    h11.ProtocolError,
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    OSError,
    ValueError,  # wsproto decodes header values without asking whether they are ASCII
)
"""What trio-websocket's reading task may end with when the other side misbehaves or goes away."""


@attrs.frozen
class Unreachable(Exception):
    """There is no connection; ``detail`` says which step failed and how."""

    detail: str

    @override
    def __str__(self) -> str:
        return self.detail


@attrs.frozen
class Disconnected(Exception):
    """The connection is over: with the gateway's close ``code``, or None when it broke."""

    code: int | None
    detail: str

    @override
    def __str__(self) -> str:
        return self.detail if self.code is None else f"{self.code} {self.detail}"


class _Ahead:
    """Stands between trio-websocket's reading task and its own queue of messages.

    That queue lets every other task of the process run once for each message, even while it has room: a burst
    would be read no faster than everybody else takes turns. This one takes a message at once while there is
    room, and waits only when there is none. It holds on to two attributes that trio-websocket does not
    document; tests/gateway/test_connection.py fails when they are not what they were.
    """

    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self._into: trio.MemorySendChannel[bytes | str] = socket._send_channel  # noqa: SLF001 - see above
        self._out: trio.MemoryReceiveChannel[bytes | str] = socket._recv_channel  # noqa: SLF001
        self._bytes = 0
        self._room = trio.lowlevel.ParkingLot()
        socket._send_channel = self  # type: ignore[assignment]  # noqa: SLF001

    async def send(self, message: bytes | str) -> None:
        """Called by the reading task."""
        while self._bytes >= _QUEUED_BYTES:
            await self._room.park()
        self._bytes += len(message)
        try:
            self._into.send_nowait(message)
        except trio.WouldBlock:
            await self._into.send(message)

    async def aclose(self) -> None:
        """Called by trio-websocket when the connection is over."""
        await self._into.aclose()

    async def receive(self) -> list[bytes | str]:
        """Everything that has been read, and at least one message; raises what a memory channel raises."""
        messages = [await self._out.receive()]
        try:
            while True:
                messages.append(self._out.receive_nowait())
        except (trio.WouldBlock, trio.EndOfChannel):
            pass
        self._bytes -= sum(map(len, messages))
        self._room.unpark_all()
        return messages


class Connection:
    """An open connection."""

    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self._socket = socket
        self._ahead = _Ahead(socket)

    async def receive(self) -> list[bytes | str]:
        """The messages that have come, at least one; always a checkpoint.

        What came before a close is still given out. Raises :class:`Disconnected`.
        """
        try:
            return await self._ahead.receive()
        except (trio.ClosedResourceError, trio.EndOfChannel):
            raise _disconnected(self._socket.closed) from None

    async def send(self, payload: bytes) -> None:
        """Send JSON as a text message; cancelled halfway, it spoils the stream. Raises Disconnected."""
        try:
            await self._socket.send_message(payload.decode())
        except trio_websocket.ConnectionClosed as closed:
            raise _disconnected(closed.reason) from None
        except ProtocolError as error:
            raise Disconnected(None, f"the connection is closing: {error}") from error

    async def close(self, code: int, *, within: float) -> None:
        """Say good-bye with this code and wait for the answer, ``within`` seconds at the most."""
        with trio.move_on_after(within, shield=True):
            try:
                await self._socket.aclose(code)
            except _BROKEN:
                return


async def hold(
    url: str,
    deadline: float,
    ssl_context: ssl.SSLContext | None,
    *,
    task_status: trio.TaskStatus[Connection],
) -> None:
    """Connect, hand out the :class:`Connection`, and hold it until it is over or this task is cancelled.

    ``deadline``: seconds for each step. Raises :class:`Unreachable` before it has started, nothing after.
    """
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    if not host or port is None:
        raise Unreachable(f"not a WebSocket address: {url!r}")
    context = (ssl_context or ssl.create_default_context()) if parts.scheme == "wss" else None
    stream = await _open_stream(host, port, context, deadline)
    try:
        await _converse(
            stream,
            host=host if parts.port is None else f"{host}:{port}",
            resource=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            deadline=deadline,
            task_status=task_status,
        )
    finally:
        await trio.aclose_forcefully(stream)


_T = TypeVar("_T")
_Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


async def _open_stream(host: str, port: int, context: ssl.SSLContext | None, deadline: float) -> _Stream:
    plain = await _step("no connection", deadline, partial(trio.open_tcp_stream, host, port))
    if context is None:
        return plain
    secure = trio.SSLStream(plain, context, server_hostname=host, https_compatible=True)
    try:
        await _step("TLS failed", deadline, secure.do_handshake)
    except BaseException:
        await trio.aclose_forcefully(plain)
        raise
    return secure


async def _step(what: str, deadline: float, step: Callable[[], Awaitable[_T]]) -> _T:
    try:
        with trio.fail_after(deadline):
            return await step()
    except trio.TooSlowError:
        raise Unreachable(f"{what} within {deadline:g} s") from None
    except (OSError, trio.BrokenResourceError) as error:
        raise Unreachable(f"{what}: {error} ({_root(error)})") from error


async def _converse(
    stream: _Stream, *, host: str, resource: str, deadline: float, task_status: trio.TaskStatus[Connection]
) -> None:
    """Run trio-websocket's reading task. Its failures end up in ``receive``; here they are dropped."""
    started = False
    try:
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(deadline) as handshake:
                socket = await trio_websocket.wrap_client_stream(
                    nursery,
                    stream,
                    host,
                    resource,
                    message_queue_size=_QUEUED,
                    max_message_size=MAX_PAYLOAD,
                    receive_buffer_size=_RECEIVE_BYTES,
                )
                started = True
                task_status.started(Connection(socket))
            if handshake.cancelled_caught:
                nursery.cancel_scope.cancel(reason="no answer to the handshake")
    except BaseExceptionGroup as group:
        rest = group.split(_BROKEN)[1]
        if rest is not None:
            raise rest from None
        if not started:
            raise Unreachable(_refusal(group)) from group
        return
    if not started:
        raise Unreachable(f"no answer to the WebSocket handshake within {deadline:g} s")


def _root(error: BaseException) -> BaseException:
    """What an error came from: its innermost cause, the first one of a group."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif error.__cause__ is not None:
            error = error.__cause__
        else:
            return error


def _refusal(broken: BaseException) -> str:
    first = _root(broken)
    if isinstance(first, trio_websocket.ConnectionRejected):
        return f"the WebSocket handshake was answered with HTTP status {first.status_code}"
    return f"the WebSocket handshake failed: {first!r}"


def _disconnected(reason: trio_websocket.CloseReason | None) -> Disconnected:
    if reason is None or reason.code == 1006:
        return Disconnected(None, "the connection broke")
    return Disconnected(reason.code, reason.reason or reason.name)
