"""The WebSocket connection: TLS, handshakes that fail, closing, messages of every size."""

from __future__ import annotations

import contextlib
import ssl
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from alphapy.gateway.connection import Connection, Disconnected, Unreachable, hold
from tests.support.gateway_server import HELLO, GatewayServer, Peer, accepted, ready
from tests.support.shards import running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TLS = Path(__file__).parent.parent / "support" / "tls"
MIB = 1024 * 1024


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "localhost.pem", TLS / "localhost.key")
    return context


async def talk(
    server: GatewayServer, conversation: Callable[[Connection], Awaitable[None]], *, deadline: float = 3.0
) -> None:
    """Connect to a gateway and do this with the connection."""
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        connection = await nursery.start(hold, server.url, deadline, None)
        with trio.fail_after(10):
            await conversation(connection)
        nursery.cancel_scope.cancel()


async def everything(connection: Connection) -> list[bytes | str]:
    """All messages until the connection is over."""
    messages: list[bytes | str] = []
    with contextlib.suppress(Disconnected):
        while True:
            messages += await connection.receive()
    return messages


async def refused(url: str, *, deadline: float = 1.0, context: ssl.SSLContext | None = None) -> str:
    """Why connecting to this address failed."""
    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(hold, url, deadline, context)
        except Unreachable as error:
            return str(error)
        finally:
            nursery.cancel_scope.cancel()
    raise AssertionError("it did not fail")


async def test_a_shard_speaks_tls_and_checks_the_certificate() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.send(ready(server))

    trusting = ssl.create_default_context(cafile=TLS / "localhost.pem")
    server = GatewayServer(script, ssl_context=server_tls())
    async with running(server, ssl_context=trusting) as bench:
        await bench.until("READY")
        assert server.url.startswith("wss://")
        why = await refused(server.url)
        assert why.startswith("TLS failed: ")
        assert "certificate" in why.lower()


async def test_the_largest_payload_passes_in_one_message_and_in_fragments() -> None:
    big = b"x" * (15 * MIB)

    async def script(peer: Peer) -> None:
        await peer.send_bytes(big)
        await peer.send_bytes(b"small")

    async def conversation(connection: Connection) -> None:
        received = await connection.receive()
        while len(received) < 2:
            received += await connection.receive()
        assert received == [big, b"small"]

    await talk(GatewayServer(script), conversation)


async def test_a_message_beyond_the_bound_ends_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.send_bytes(b"x" * (17 * MIB))

    async def conversation(connection: Connection) -> None:
        with pytest.raises(Disconnected) as caught:
            await connection.receive()
        assert caught.value.code == 1009

    await talk(GatewayServer(script), conversation)


async def test_a_burst_is_read_ahead_up_to_a_bound_and_comes_in_order() -> None:
    burst = [b"%d" % number + b"." * 3000 for number in range(2000)]

    async def script(peer: Peer) -> None:
        await trio.testing.wait_all_tasks_blocked()
        for message in burst:
            await peer.send_bytes(message)
        await peer.close(4000)

    async def conversation(connection: Connection) -> None:
        first = await connection.receive()
        await trio.testing.wait_all_tasks_blocked(0.05)
        ahead = await connection.receive()
        assert len(b"".join(map(bytes, ahead))) < 2 * MIB  # type: ignore[arg-type]
        assert len(ahead) > 16
        assert [*first, *ahead, *await everything(connection)] == burst

    await talk(GatewayServer(script), conversation)


async def test_what_came_before_a_close_is_still_received() -> None:
    async def script(peer: Peer) -> None:
        await peer.send_bytes(b"one")
        await peer.send_bytes(b"two")
        await peer.close(4008, "too fast")

    async def conversation(connection: Connection) -> None:
        assert await everything(connection) == [b"one", b"two"]
        with pytest.raises(Disconnected) as caught:
            await connection.receive()
        assert (caught.value.code, str(caught.value)) == (4008, "4008 too fast")
        with pytest.raises(Disconnected):
            await connection.send(b"{}")
        await connection.close(4900, within=1)

    await talk(GatewayServer(script), conversation)


async def test_a_broken_connection_has_no_code() -> None:
    async def script(peer: Peer) -> None:
        await peer.drop()

    async def conversation(connection: Connection) -> None:
        with pytest.raises(Disconnected) as caught:
            await connection.receive()
        assert caught.value.code is None

    await talk(GatewayServer(script), conversation)


async def test_closing_does_not_wait_for_ever_for_an_answer() -> None:
    """The other side is there, and does not answer the close frame."""

    async def deaf(stream: trio.SocketStream) -> None:
        await stream.send_all(accepted(await stream.receive_some(4096)))
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, deaf, 0, host="127.0.0.1"))
        url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        connection = await nursery.start(hold, url, 1.0, None)
        with trio.fail_after(2):
            await connection.close(4900, within=0.1)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\xff\x00\xff\r\n\r\n",
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: wrong\r\n\r\n"
        ),
    ],
)
async def test_whatever_answers_the_handshake_it_is_unreachable(answer: bytes) -> None:
    async def reply(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, reply, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        assert "handshake" in await refused(f"ws://127.0.0.1:{port}", deadline=0.3)
        nursery.cancel_scope.cancel()


async def test_a_server_that_does_not_even_answer_is_given_up() -> None:
    async def mute(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, mute, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        assert await refused(f"ws://127.0.0.1:{port}", deadline=0.1) == (
            "no answer to the WebSocket handshake within 0.1 s"
        )
        assert await refused(f"wss://127.0.0.1:{port}", deadline=0.1) == "TLS failed within 0.1 s"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("url", ["https://gateway.example", "wss://", "gateway", "", "ftp://x/y"])
async def test_an_address_that_is_none(url: str) -> None:
    assert "not a WebSocket address" in await refused(url)
