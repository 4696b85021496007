"""Faults on the wire, each scripted by count."""

from __future__ import annotations

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed

from alphapy.sandbox.faults import GatewayFault, RestFault
from tests.sandbox.clients import Gateway, Running, Truncated, gateway, running

SEND = "POST /channels/{channel_id}/messages"


def _say(here: Running, *words: str) -> None:
    for word in words:
        here.person("alan").say(here.channel(), word)


async def _contents(bot: Gateway, count: int) -> list[str]:
    return [(await bot.until("MESSAGE_CREATE"))["content"] for _ in range(count)]


async def _recovered(here: Running, bot: Gateway, count: int) -> list[str]:
    async with gateway(here) as again:
        await again.resume(bot.session_id, bot.seq)
        return await _contents(again, count)


async def test_the_socket_drops_after_the_nth_dispatch_and_the_session_resumes() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        fault = here.sandbox.faults.arm_gateway(GatewayFault.DROP, after=2)
        _say(here, "one", "two", "three")
        assert await _contents(bot, 2) == ["one", "two"]
        with pytest.raises(ConnectionClosed) as closed:
            await bot.receive()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1006
        assert await _recovered(here, bot, 1) == ["three"]
        assert [struck.kind for struck in here.sandbox.faults.struck] == [fault.kind]
        assert here.sandbox.faults.gateway == []


@pytest.mark.parametrize("code", [4000, 4009, 1001])
async def test_a_scripted_close_code_strikes_at_once(code: int) -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        here.sandbox.faults.arm_gateway(GatewayFault.CLOSE, close_code=code)
        assert (await bot.closed())[0] == code
        _say(here, "missed")
        assert await _recovered(here, bot, 1) == ["missed"]


async def test_op_7_asks_for_a_reconnect_and_leaves_the_session() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        here.sandbox.faults.arm_gateway(GatewayFault.RECONNECT, after=1)
        assert (await bot.until_op(7))["d"] is None
        _say(here, "missed")
        assert await _recovered(here, bot, 1) == ["missed"]


async def test_op_9_resumable_keeps_the_session_and_the_other_ends_it() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        here.sandbox.faults.arm_gateway(GatewayFault.INVALID_SESSION, resumable=True)
        assert (await bot.until_op(9))["d"] is True
        await bot.send(6, {"token": here.demo.token, "session_id": bot.session_id, "seq": bot.seq})
        await bot.until("RESUMED")
        here.sandbox.faults.arm_gateway(GatewayFault.INVALID_SESSION, resumable=False)
        assert (await bot.until_op(9))["d"] is False
        await bot.send(6, {"token": here.demo.token, "session_id": bot.session_id, "seq": bot.seq})
        assert (await bot.until_op(9))["d"] is False
        await bot.identify()
        await bot.until("READY")


@pytest.mark.parametrize("kind", [GatewayFault.DROP, GatewayFault.CLOSE])
async def test_a_session_that_is_dropped_can_be_forgotten_with_it(kind: GatewayFault) -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        here.sandbox.faults.arm_gateway(kind, resumable=False)
        with pytest.raises(ConnectionClosed):
            await bot.receive()
        await _refused(here, bot)


async def test_all_sessions_are_forgotten_at_once() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        here.sandbox.forget_sessions()
        assert (await bot.closed())[0] == 4000
        await _refused(here, bot)


async def _refused(here: Running, bot: Gateway) -> None:
    async with gateway(here) as again:
        await again.resume(bot.session_id, bot.seq)
        assert (await again.until_op(9))["d"] is False


async def test_heartbeats_go_unanswered_as_often_as_asked() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        here.sandbox.faults.arm_gateway(GatewayFault.WITHHOLD_ACKS, times=2)
        for _ in range(3):
            await bot.send(1, bot.seq)
        assert (await bot.receive())["op"] == 11
        _say(here, "next")
        assert (await bot.receive())["t"] == "MESSAGE_CREATE"


@pytest.mark.parametrize("compress", ["zlib-stream", "zstd-stream", None])
async def test_a_stream_is_cut_in_the_middle_of_a_frame(compress: str | None) -> None:
    async with running() as here, gateway(here, compress) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        here.sandbox.faults.arm_gateway(GatewayFault.TRUNCATE, after=1)
        _say(here, "whole", "cut " + "x" * 500)
        assert await _contents(bot, 1) == ["whole"]
        with pytest.raises((Truncated, ConnectionClosed)):
            await bot.receive()
        assert (await _recovered(here, bot, 1))[0].startswith("cut")


async def test_a_dispatch_arrives_twice_or_late() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        here.sandbox.faults.arm_gateway(GatewayFault.DUPLICATE)
        _say(here, "one")
        assert await _contents(bot, 2) == ["one", "one"]
        here.sandbox.faults.arm_gateway(GatewayFault.REORDER)
        _say(here, "two", "three")
        assert await _contents(bot, 2) == ["three", "two"]


async def test_a_fault_for_one_bot_leaves_the_other_alone() -> None:
    async with running() as here, gateway(here) as bot:
        await bot.login()
        here.sandbox.faults.arm_gateway(GatewayFault.DROP, application_id=1)
        _say(here, "still here")
        assert await _contents(bot, 1) == ["still here"]
        here.sandbox.faults.disarm()
        assert here.sandbox.faults.gateway == []


@pytest.mark.parametrize(
    ("kind", "scope", "everywhere"),
    [
        (RestFault.USER_LIMIT, "user", False),
        (RestFault.SHARED_LIMIT, "shared", False),
        (RestFault.GLOBAL_LIMIT, "global", True),
    ],
)
async def test_scripted_429s_look_like_discords(kind: RestFault, scope: str, *, everywhere: bool) -> None:
    async with running() as here:
        here.sandbox.faults.arm_rest(kind, route=SEND, after=1, seconds=0.25)
        statuses = []
        for _ in range(3):
            answer = await here.rest.post(f"{here.general}/messages", json={"content": "hi"})
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                assert answer.json()["retry_after"] == 0.25
                assert answer.json()["global"] is everywhere
                assert answer.headers["X-RateLimit-Scope"] == scope
                assert answer.headers["Retry-After"] == "1"
                assert ("X-RateLimit-Global" in answer.headers) is everywhere
        assert statuses == [200, 429, 200]


async def test_a_429_from_the_edge_is_no_json() -> None:
    async with running() as here:
        here.sandbox.faults.arm_rest(RestFault.EDGE_LIMIT)
        answer = await here.rest.get("/users/@me")
        assert (answer.status_code, answer.headers["Content-Type"]) == (429, "text/plain")
        assert "X-RateLimit-Scope" not in answer.headers


async def test_a_server_error_has_no_effect_and_a_lost_answer_has() -> None:
    async with running() as here:
        here.sandbox.faults.arm_rest(RestFault.SERVER_ERROR, status=502)
        here.sandbox.faults.arm_rest(RestFault.LOST_ANSWER, status=503)
        for word, status in (("first", 502), ("second", 503)):
            answer = await here.rest.post(f"{here.general}/messages", json={"content": word})
            assert answer.status_code == status
        said = [message["content"] for message in here.person("ada").visible_messages(here.channel())]
        assert said == ["second"]


async def test_slow_and_hanging_answers() -> None:
    async with running() as here:
        here.sandbox.faults.arm_rest(RestFault.SLOW, route="GET /users/@me", seconds=0.1)
        before = trio.current_time()
        assert (await here.rest.get("/users/@me")).status_code == 200
        assert trio.current_time() - before >= 0.1
        here.sandbox.faults.arm_rest(RestFault.HANG, route="GET /users/@me")
        with pytest.raises(httpx.ReadTimeout):
            await here.rest.get("/users/@me", timeout=0.2)
        assert (await here.rest.get("/users/@me")).status_code == 200


async def test_a_fault_may_strike_one_channel_only_and_tells_when_it_does() -> None:
    async with running() as here:
        struck: list[object] = []
        unlisten = here.sandbox.faults.on_struck(lambda fault: struck.append(fault.kind))
        here.sandbox.faults.arm_rest(
            RestFault.SERVER_ERROR, route=SEND, where={"channel_id": str(here.channel("support"))}
        )
        for place, status in (("general", 200), ("support", 500), ("support", 200)):
            path = f"/channels/{here.channel(place)}/messages"
            assert (await here.rest.post(path, json={"content": "hi"})).status_code == status
        assert struck == [RestFault.SERVER_ERROR]
        unlisten()
        here.sandbox.faults.arm_rest(RestFault.SERVER_ERROR, route=SEND)
        await here.rest.post(f"{here.general}/messages", json={"content": "hi"})
        assert len(struck) == 1
