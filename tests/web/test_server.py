"""Who gets a connection, and what becomes of it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from alphapy.web.server import OF_ONE_ADDRESS, Door, PortTaken, serve_web
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"))))
def test_the_door_counts_who_is_there(moves: list[tuple[bool, str]]) -> None:
    door = Door(of_one_address=2, in_all=4)
    there: list[str] = []
    for comes, address in moves:
        if comes:
            has_room = there.count(address) < 2 and len(there) < 4
            assert door.enter(address) == has_room
            there += [address] if has_room else []
        elif address in there:
            door.leave(address)
            there.remove(address)
        assert door.total == len(there)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers everything but /breaks."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
    if scope["path"] == "/breaks":
        raise RuntimeError("inside")
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
async def port(nursery: trio.Nursery) -> AsyncIterator[int]:
    yield await nursery.start(serve_web, app, "127.0.0.1", 0)
    nursery.cancel_scope.cancel()


async def answer_from(port: int) -> bytes:
    answer = b""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(GET)
        while data := await stream.receive_some(65536):
            answer += data
    return answer


async def test_an_address_with_too_many_connections_gets_no_more_until_one_ends(port: int) -> None:
    async with AsyncExitStack() as held:
        streams = [
            await held.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
            for _ in range(OF_ONE_ADDRESS)
        ]
        assert await refused(port)
        other = partial(trio.open_tcp_stream, "127.0.0.1", port, local_address="127.0.0.2")
        async with await other() as stream:
            await stream.send_all(GET)
            assert (await stream.receive_some(65536)).startswith(b"HTTP/1.1 200")
        await streams[0].aclose()
        with trio.fail_after(10):
            while await refused(port):
                await trio.lowlevel.checkpoint()


async def refused(port: int) -> bool:
    """Whether a new connection is closed without an answer."""
    try:
        return await answer_from(port) == b""
    except trio.BrokenResourceError:
        return True


async def test_behind_proxies_an_address_is_many_people(nursery: trio.Nursery) -> None:
    port: int = await nursery.start(partial(serve_web, app, "127.0.0.1", 0, proxies=1))
    async with AsyncExitStack() as held:
        for _ in range(OF_ONE_ADDRESS + 10):
            await held.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
        assert (await answer_from(port)).startswith(b"HTTP/1.1 200")
    nursery.cancel_scope.cancel()


async def test_a_connection_that_breaks_is_logged_and_no_other_notices(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(GET.replace(b"/ ", b"/breaks ", 1))
        assert (await stream.receive_some(65536)).startswith(b"HTTP/1.1 500")
    assert (await answer_from(port)).startswith(b"HTTP/1.1 200")
    await wait_until(lambda: any(record.exc_info for record in caplog.records), what="a line of the log")


async def test_a_taken_port_is_said(port: int) -> None:
    with pytest.raises(PortTaken, match=f"cannot listen on 127.0.0.1:{port}"):
        await serve_web(app, "127.0.0.1", port)
