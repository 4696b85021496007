"""What every route has in common (spec/api.md 7.1)."""

from __future__ import annotations

import logging
import re
import uuid
from typing import TYPE_CHECKING

import trio

from alphapy.storage.errors import DatabaseUnavailable
from alphapy.web.routing.front import BODY_LIMIT, CONCURRENT, FOR_HOOKS
from tests.support.waiting import wait_until
from tests.web.house import House, open_house

if TYPE_CHECKING:
    import pytest

    from alphapy.storage.pool import Pool

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


async def test_api_6_an_acceptable_request_id_is_echoed(house: House) -> None:
    answer = await house.get("/status", X_Request_ID="abc-1")
    assert answer.headers["X-Request-ID"] == "abc-1"


async def test_api_6_any_other_request_id_is_replaced(house: House) -> None:
    for given in ("a b", "", "x" * 129, "ä", "a;b"):
        answer = await house.http.get("/status", headers={b"X-Request-ID": given.encode()})
        assert UUID4.fullmatch(answer.headers["X-Request-ID"])
        assert uuid.UUID(answer.headers["X-Request-ID"]).version == 4


async def test_an_unknown_path_is_a_404_in_the_envelope(house: House) -> None:
    for path in ("/api/nothing", "/nothing", "//", "/api//health", "/api/health/"):
        answer = await house.get(path, X_Request_ID="me")
        assert answer.status_code == 404, path
        assert answer.json() == {"detail": "There is nothing at this address.", "code": "not_found"}
        assert answer.headers["X-Request-ID"] == "me"


async def test_a_wrong_method_is_told_the_right_ones(house: House) -> None:
    answer = await house.http.post("/api/health")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}
    assert answer.headers["X-Request-ID"]


async def test_nothing_below_api_is_stored_by_caches(house: House) -> None:
    for path in ("/api/health", "/api/ready", "/api/nothing", "/api/actors"):
        assert (await house.get(path)).headers["Cache-Control"] == "no-store"


async def raw(house: House, request: bytes) -> str:
    """What comes back, to the end of the connection, for exactly these bytes."""
    answer = b""
    async with await trio.open_tcp_stream("127.0.0.1", int(house.base.rpartition(":")[2])) as stream:
        await stream.send_all(request)
        with trio.fail_after(10):
            while data := await stream.receive_some(65536):
                answer += data
    return answer.decode()


async def test_a_large_body_is_refused(house: House) -> None:
    head = b"POST /api/nothing HTTP/1.1\r\nHost: localhost\r\n"
    for rest in (
        b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (BODY_LIMIT + 1, b"x" * (BODY_LIMIT + 1)),
    ):
        answer = await raw(house, head + rest)
        assert answer.startswith("HTTP/1.1 413")
        assert '"code":"too_large"' in answer
        assert "x-request-id" in answer


async def test_a_body_up_to_the_limit_is_taken_and_the_connection_goes_on(house: House) -> None:
    for _ in range(10):
        answer = await house.http.request("GET", "/status", content=b"x" * BODY_LIMIT)
        assert answer.status_code == 200
    assert (await house.http.post("/api/nothing", content=b"x" * BODY_LIMIT)).status_code == 404


async def test_a_body_that_does_not_come_is_not_waited_for(pool: Pool) -> None:
    async with open_house(pool, handler_seconds=0.1) as house:
        answer = await raw(
            house, b"GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf"
        )
        assert answer.startswith("HTTP/1.1 408")
        assert '"code":"timeout"' in answer


async def test_an_unforeseen_error_is_logged_with_the_id_and_told_without_details(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks() -> str:
        raise RuntimeError("the secret of the house")

    house.app.add_url_rule("/api/breaks", view_func=breaks)
    answer = await house.get("/api/breaks", X_Request_ID="broken-1")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text
    assert answer.headers["X-Request-ID"] == "broken-1"
    (record,) = [found for found in caplog.records if found.levelno == logging.ERROR]
    assert vars(record)["request_id"] == "broken-1"
    assert record.exc_info is not None
    assert "the secret of the house" in str(record.exc_info[1])


async def test_a_group_of_errors_is_answered_too(house: House) -> None:
    async def breaks() -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails)
            await trio.Event().wait()
        return ""

    async def fails() -> None:
        raise RuntimeError("inside")

    house.app.add_url_rule("/api/group", view_func=breaks)
    answer = await house.get("/api/group")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


async def test_a_database_that_is_away_is_a_503(house: House) -> None:
    async def asks() -> str:
        raise DatabaseUnavailable("host/db", "the words of hunter2")

    house.app.add_url_rule("/api/asks", view_func=asks)
    answer = await house.get("/api/asks")
    assert (answer.status_code, answer.json()["code"]) == (503, "db_unavailable")
    assert "hunter2" not in answer.text


async def test_a_handler_that_takes_too_long_is_given_up(pool: Pool) -> None:
    async with open_house(pool, handler_seconds=0.1) as house:
        ended = trio.Event()

        async def hangs() -> str:
            try:
                await trio.Event().wait()
            finally:
                ended.set()
            return ""

        house.app.add_url_rule("/api/hangs", view_func=hangs)
        answer = await house.get("/api/hangs", X_Request_ID="slow-1")
        assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
        assert answer.headers["X-Request-ID"] == "slow-1"
        assert ended.is_set()


async def test_a_client_that_goes_away_cancels_its_handler_and_nothing_else(house: House) -> None:
    begun, ended = trio.Event(), trio.Event()

    async def hangs() -> str:
        begun.set()
        try:
            await trio.Event().wait()
        finally:
            ended.set()
        return ""

    house.app.add_url_rule("/api/hangs", view_func=hangs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.get, "/api/hangs")
        await begun.wait()
        nursery.cancel_scope.cancel()
    with trio.fail_after(5):
        await ended.wait()
    assert (await house.get("/status")).status_code == 200


async def test_one_too_many_at_once_is_refused(house: House) -> None:
    running = 0
    release = trio.Event()

    async def waits() -> str:
        nonlocal running
        running += 1
        await release.wait()
        return "done"

    house.app.add_url_rule("/api/waits", view_func=waits)
    answers: list[int] = []

    async def ask(address: str) -> None:
        port = int(house.base.rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port, local_address=address) as stream:
            await stream.send_all(b"GET /api/waits HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answers.append(int((await stream.receive_some(4096)).split()[1]))

    async with trio.open_nursery() as nursery:
        for number in range(CONCURRENT - FOR_HOOKS):
            nursery.start_soon(ask, f"127.0.0.{2 + number % 4}")  # an address has fewer connections
        await wait_until(lambda: running == CONCURRENT - FOR_HOOKS, what="all to be under way")
        refused = await house.get("/status")
        release.set()
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert answers == [200] * (CONCURRENT - FOR_HOOKS)
    assert (await house.get("/status")).status_code == 200


async def test_while_the_service_stops_only_its_state_is_told(house: House) -> None:
    house.switches["stopping"] = True
    for path in ("/api/health", "/status"):
        assert (await house.get(path)).status_code == 200
    for path in ("/api/health/history", "/console", "/metrics", "/api/actors", "/api/nothing"):
        answer = await house.get(path)
        assert (answer.status_code, answer.headers["Connection"]) == (503, "close"), path
    assert (await house.get("/api/actors")).json()["code"] == "overloaded"


async def test_a_websocket_is_turned_away(house: House) -> None:
    port = int(house.base.rpartition(":")[2])
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(
            b"GET /console HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = b""
        with trio.fail_after(5):
            while not answer.endswith(b"}"):
                answer += await stream.receive_some(65536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"x-request-id" in answer.lower()
    assert b'"code":"bad_payload"' in answer
