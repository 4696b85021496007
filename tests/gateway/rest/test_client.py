"""The client against a real HTTP server on loopback."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.config import Secret
from alphapy.gateway.models.outgoing import File
from alphapy.gateway.rest import routes
from alphapy.gateway.rest.client import USER_AGENT, Call, Patience, RestClient
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.limiter import Bounds, Limiter
from alphapy.gateway.rest.tickets import Priority
from tests.gateway.rest.conftest import TOKEN
from tests.support.http_server import Answerer, Fault, Received, Reply, scripted_server
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.rest.conftest import Connect, Line

READ = Call(routes.GATEWAY.to())
CREATE = routes.CREATE_MESSAGE.to(channel_id=1)
SEND = Call(CREATE, json={"content": "hello"})
FINE = Reply(200, {"id": "5"})


def in_turn(*replies: Reply | Fault) -> Answerer:
    """Each reply once, the last one from then on."""
    left: Iterator[Reply | Fault] = iter(replies)

    def answer(_received: Received) -> Reply | Fault:
        return next(left, replies[-1])

    return answer


def too_many(seconds: float, scope: str = "user") -> Reply:
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": scope == "global"}
    return Reply(429, body, {"X-RateLimit-Scope": scope, "Retry-After": str(int(seconds) + 1)})


def sends(line: Line, count: int) -> Call:
    return Call(CREATE, json={"content": f"number {count}"})


async def failure(line: Line, call: Call) -> DiscordError:
    with pytest.raises(DiscordError) as caught:
        await line.client.request(call)
    return caught.value


async def test_a_request_carries_who_we_are(connect: Connect) -> None:
    async with connect(in_turn(FINE)) as line:
        assert await line.client.request(SEND) == b'{"id": "5"}'
    (received,) = line.received
    assert received.method == "POST"
    assert received.target == "/api/v10/channels/1/messages"
    assert received.headers["authorization"] == f"Bot {TOKEN}"
    assert received.headers["user-agent"] == USER_AGENT
    assert received.headers["content-type"] == "application/json"
    assert received.json == {"content": "hello"}


async def test_a_request_by_token_does_not_carry_the_bots(connect: Connect) -> None:
    target = routes.RESPOND.to(interaction_id=1, interaction_token="t")
    async with connect(in_turn(Reply(204))) as line:
        assert await line.client.request(Call(target, json={"type": 5})) == b""
    assert "authorization" not in line.received[0].headers


async def test_a_reason_is_encoded_and_fits(connect: Connect) -> None:
    target = routes.DELETE_MESSAGE.to(channel_id=1, message_id=2)
    async with connect(in_turn(Reply(204))) as line:
        await line.client.request(Call(target, reason="règle\r\nX: y"))
        await line.client.request(Call(target, reason="x" * 600))
        await line.client.request(Call(target, reason="  "))
    reasons = [received.headers.get("x-audit-log-reason") for received in line.received]
    assert reasons == ["r%C3%A8gle%20X%3A%20y", "x" * 509 + "...", None]


async def test_a_query_is_sent(connect: Connect) -> None:
    target = routes.FOLLOW_UP.to(webhook_id=1, webhook_token="t")
    async with connect(in_turn(FINE)) as line:
        await line.client.request(Call(target, json={"content": "x"}, query={"thread_id": "7"}))
    assert line.received[0].target.endswith("/webhooks/1/t?thread_id=7")


async def test_files_are_sent_as_a_form(connect: Connect) -> None:
    file = File(name="a.png", content=b"\x89PNG", content_type="image/png")
    async with connect(in_turn(FINE)) as line:
        await line.client.request(Call(CREATE, json={"content": "x"}, files=(file,)))
    (received,) = line.received
    assert received.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="payload_json"' in received.body
    assert b'{"content":"x"}' in received.body
    assert b'name="files[0]"; filename="a.png"' in received.body
    assert b"\x89PNG" in received.body


async def test_a_bucket_is_respected_under_load(connect: Connect) -> None:
    ends, used, breaches = 0.0, 0, 0

    def answer(_received: Received) -> Reply:
        nonlocal ends, used, breaches
        now = trio.current_time()
        if now >= ends:
            ends, used = now + 0.15, 0
        used += 1
        breaches += used > 3
        headers = {"X-RateLimit-Bucket": "b", "X-RateLimit-Limit": "3"}
        headers |= {"X-RateLimit-Remaining": str(max(0, 3 - used))}
        return Reply(200, {"id": "1"}, headers | {"X-RateLimit-Reset-After": f"{ends - now:.3f}"})

    async with connect(answer) as line:
        async with trio.open_nursery() as nursery:
            for number in range(14):
                nursery.start_soon(line.client.request, sends(line, number))
        statistics = line.client.statistics()
    assert breaches == 0
    assert statistics.answers == {"2xx": 14}
    assert statistics.waits >= 10
    assert statistics.waited_seconds > 0.15


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
async def test_a_429_is_sat_out_as_told_even_for_a_post(connect: Connect, scope: str) -> None:
    async with connect(in_turn(too_many(0.15, scope), FINE)) as line:
        started = trio.current_time()
        await line.client.request(SEND)
        assert trio.current_time() - started >= 0.15
        statistics = line.client.statistics()
    assert statistics.rate_limited == {scope: 1}
    assert statistics.requests == 2
    assert statistics.repeats == 0
    assert statistics.limiter.invalid == (scope != "shared")


async def test_a_429_of_the_edge_holds_up_everything(connect: Connect) -> None:
    edge = Reply(429, b"error code: 1015", {"Retry-After": "900"})
    async with connect(in_turn(edge, FINE)) as line:
        error = await failure(line, SEND)
        assert (error.kind, error.retry_after, error.status) == (DiscordErrorKind.RATE_LIMITED, 900.0, 429)
        callback = routes.RESPOND.to(interaction_id=1, interaction_token="t")
        error = await failure(line, Call(callback, json={"type": 5}))
        assert error.kind is DiscordErrorKind.RATE_LIMITED
        assert not error.sent
        assert error.retry_after == pytest.approx(900.0, abs=2)
    assert len(line.received) == 1


async def test_endless_429s_end(connect: Connect) -> None:
    async with connect(in_turn(too_many(0.001))) as line:
        error = await failure(line, SEND)
    assert error.kind is DiscordErrorKind.RATE_LIMITED
    assert error.attempts == len(line.received) == 6


@pytest.mark.parametrize("trouble", [Reply(502, b"<html>"), Fault.DROP, Fault.HALF])
async def test_what_is_idempotent_is_repeated(connect: Connect, trouble: Reply | Fault) -> None:
    async with connect(in_turn(trouble, trouble, FINE)) as line:
        assert await line.client.request(READ) == b'{"id": "5"}'
        assert line.client.statistics().repeats == 2
    assert len(line.received) == 3


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(Reply(500, {"message": "500"}), DiscordErrorKind.SERVER), (Fault.DROP, DiscordErrorKind.TRANSPORT)],
)
async def test_what_is_not_is_reported_as_in_doubt(
    connect: Connect, trouble: Reply | Fault, kind: DiscordErrorKind
) -> None:
    async with connect(in_turn(trouble)) as line:
        error = await failure(line, SEND)
    assert error.kind is kind
    assert error.in_doubt
    assert len(line.received) == 1


async def test_an_enforced_nonce_makes_a_post_repeatable(connect: Connect) -> None:
    call = Call(CREATE, json={"content": "x", "nonce": "n", "enforce_nonce": True}, repeatable=True)
    async with connect(in_turn(Fault.DROP, Reply(503), FINE)) as line:
        await line.client.request(call)
    assert len(line.received) == 3


async def test_repeats_end(connect: Connect) -> None:
    async with connect(in_turn(Reply(503))) as line:
        error = await failure(line, READ)
        assert line.client.statistics().answers == {"5xx": 4}
    assert (error.kind, error.attempts) == (DiscordErrorKind.SERVER, 4)


async def test_a_server_that_hangs_meets_the_deadline(connect: Connect) -> None:
    async with connect(in_turn(Fault.HANG)) as line:
        started = trio.current_time()
        error = await failure(line, Call(READ.target, deadline=0.2))
        assert trio.current_time() - started < 1.5
        assert error.kind is DiscordErrorKind.TIMED_OUT
        assert error.in_doubt
        statistics = line.client.statistics()
        assert statistics.timed_out == 1
        assert statistics.limiter.in_flight == 0


async def test_an_attempt_that_hangs_is_given_up_and_repeated() -> None:
    async with (
        scripted_server(in_turn(Fault.HANG, FINE)) as server,
        RestClient(
            Secret(TOKEN), server.base_url, patience=Patience(operation=0.1, first_pause=0.01)
        ) as client,
    ):
        assert await client.request(READ) == b'{"id": "5"}'
        assert client.statistics().transport_failures == 1


async def test_cancellation_gives_the_permit_back(connect: Connect) -> None:
    async with connect(in_turn(Fault.HANG)) as line:
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(line.client.request, sends(line, number))
            await wait_until(lambda: line.server.open_requests == 1)
            nursery.cancel_scope.cancel()
        statistics = line.client.statistics()
        assert statistics.limiter.in_flight == 0
        assert set(statistics.limiter.waiting.values()) == {0}


async def test_nobody_listening_is_no_doubt() -> None:
    async with RestClient(
        Secret(TOKEN), "http://127.0.0.1:9/api/v10", patience=Patience(first_pause=0.01)
    ) as client:
        with pytest.raises(DiscordError) as caught:
            await client.request(SEND)
        assert caught.value.kind is DiscordErrorKind.TRANSPORT
        assert not caught.value.in_doubt
        assert caught.value.attempts == 4
        assert client.statistics().limiter.in_flight == 0


async def test_a_redirect_is_not_followed(connect: Connect) -> None:
    async with connect(in_turn(Reply(302, b"", {"Location": "/elsewhere"}))) as line:
        error = await failure(line, READ)
    assert (error.kind, error.status) == (DiscordErrorKind.MALFORMED, 302)
    assert len(line.received) == 1


async def test_a_body_that_cannot_be_unpacked_is_malformed(connect: Connect) -> None:
    async with connect(in_turn(Reply(200, b"not gzip", {"Content-Encoding": "gzip"}))) as line:
        error = await failure(line, SEND)
        assert line.client.statistics().limiter.in_flight == 0
    assert error.kind is DiscordErrorKind.MALFORMED
    assert error.in_doubt


async def test_too_many_waiting_are_refused(connect: Connect) -> None:
    limiter = Limiter(Bounds(waiting_per_lane=1))
    async with connect(in_turn(Fault.HANG)) as line:
        client = RestClient(Secret(TOKEN), line.server.base_url, limiter=limiter)
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(client.request, sends(line, 1))
            await wait_until(lambda: line.server.open_requests == 1)
            nursery.start_soon(client.request, sends(line, 2))
            await wait_until(
                lambda: client.statistics().limiter.waiting[Priority.OTHER] == 1,
                what="the second one waiting",
            )
            with pytest.raises(DiscordError) as caught:
                await client.request(SEND)
            assert caught.value.kind is DiscordErrorKind.REFUSED
            assert caught.value.transient
            assert client.statistics().refused == 1
            nursery.cancel_scope.cancel()


async def test_an_attempt_whose_turn_comes_too_late_is_not_made(connect: Connect) -> None:
    async with connect(in_turn(Fault.HANG)) as line, trio.open_nursery() as nursery:
        nursery.start_soon(line.client.request, SEND)
        await wait_until(lambda: line.server.open_requests == 1)
        error = await failure(line, Call(CREATE, json={"content": "late"}, deadline=0.1))
        assert error.kind is DiscordErrorKind.TIMED_OUT
        assert not error.sent
        nursery.cancel_scope.cancel()


async def test_no_secret_reaches_a_log_a_repr_or_an_error(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    interaction_token = "interaction-token-that-nobody-may-see"
    target = routes.RESPOND.to(interaction_id=1, interaction_token=interaction_token)
    texts = []
    async with connect(
        in_turn(too_many(0.01), Reply(500), Reply(404, {"message": "Unknown", "code": 10062}))
    ) as line:
        for call in (Call(target, json={"type": 5}, repeatable=True), READ):
            error = await failure(line, call)
            texts += [str(error), repr(error), repr(call), repr(line.client)]
    texts += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert any("rate limited" in text for text in texts)
    for text in texts:
        assert TOKEN not in text
        assert interaction_token not in text


async def test_a_long_answer_does_not_hold_up_the_global_limit() -> None:
    """A permit is free again a second after the answer began, not after it was complete."""
    limiter = Limiter(Bounds(global_limit=1, global_seconds=1.0))
    slow = Reply(200, {"id": "5"}, body_after=0.7)
    async with (
        scripted_server(in_turn(slow)) as server,
        RestClient(Secret(TOKEN), server.base_url, limiter=limiter) as client,
    ):
        await client.request(SEND)
        complete = trio.current_time()
        await client.request(SEND)
    assert trio.current_time() - complete < 1.0 + 0.7
