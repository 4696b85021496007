"""The shard against a scripted gateway on a real socket: sessions, endings, stopping."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import attrs
import pytest
import trio
import trio.testing

from alphapy.environment import Secret
from alphapy.gateway import requests
from alphapy.gateway.codec import Compression
from alphapy.gateway.events import decode
from alphapy.gateway.identify import IdentifyQueue
from alphapy.gateway.opcodes import ALPHAPY_INTENTS
from alphapy.gateway.reconnect import FatalClose, Patience
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.session import GatewaySession
from alphapy.gateway.shard import Dispatch, Shard, ShardState
from alphapy.pure.ids import GuildId, UserId
from tests.support.gateway_server import HELLO, GatewayServer, Peer, dispatch, ready
from tests.support.shards import QUICK, HastyQueue, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BRISK_HELLO = {"op": 10, "d": {"heartbeat_interval": 60}}
STEADY_HELLO = {"op": 10, "d": {"heartbeat_interval": 300}}
"""Slow enough that a busy machine does not look like a zombie."""


def greeting(*more: Callable[[Peer], Awaitable[None]]) -> GatewayServer:
    """A gateway that gives READY on its first connection, then does what ``more`` says, one each."""

    async def first(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.send(ready(server))
        if more:
            await more[0](peer)

    server = GatewayServer(first, *more[1:])
    return server


async def resuming(peer: Peer) -> None:
    """Accept the RESUME and say so."""
    await peer.send(HELLO)
    frame = await peer.expect(6)
    await peer.send(dispatch(frame["d"]["seq"] + 1, "RESUMED", {}))


async def test_hello_identify_ready_dispatch() -> None:
    identities: list[object] = []

    async def script(peer: Peer) -> None:
        await peer.send(HELLO)
        identities.append((await peer.expect(2))["d"])
        await peer.send(
            ready(server), dispatch(2, "GUILD_CREATE", {"id": "5"}), dispatch(3, "UNHEARD_OF", {"x": 1})
        )

    server = GatewayServer(script)
    async with running(server, shard_id=2, shard_count=4) as bench:
        await bench.until("UNHEARD_OF")
        assert bench.names == ["READY", "GUILD_CREATE", "UNHEARD_OF"]
        assert bench.payloads("UNHEARD_OF") == [{"x": 1}]
        assert bench.received[1] == Dispatch("GUILD_CREATE", bench.received[1].data, 2, "s1", 2)
        assert bench.shard.session == GatewaySession("s1", f"{server.url}/resume", 3)
        statistics = bench.shard.statistics()
        assert statistics.state is ShardState.READY
        assert (statistics.received, statistics.seq, statistics.reconnects) == (3, 3, 0)
        assert statistics.in_state >= 0
        assert bench.states == [ShardState.CONNECTING, ShardState.IDENTIFYING, ShardState.READY]
    identity = identities[0]
    assert isinstance(identity, dict)
    assert identity["token"] == "hush"
    assert identity["shard"] == [2, 4]
    assert identity["intents"] == int(ALPHAPY_INTENTS)


@pytest.mark.parametrize("compression", list(Compression))
async def test_transport_compression_is_asked_for_and_read(compression: Compression) -> None:
    async def more(peer: Peer) -> None:
        peer.pieces = 3
        await peer.send(dispatch(2, "MESSAGE_CREATE", {"content": "ä" * 3000}))

    async with running(greeting(more), compression=compression) as bench:
        await bench.until("MESSAGE_CREATE")
        assert bench.payloads("MESSAGE_CREATE") == [{"content": "ä" * 3000}]
        assert bench.server.peers[0].compression == compression.value
        assert bench.shard.statistics().malformed == {}


async def test_a_dropped_connection_is_resumed_and_replayed_at_the_sessions_own_address() -> None:
    async def drop(peer: Peer) -> None:
        await peer.send(dispatch(2, "A", {}), dispatch(3, "B", {}))
        await wait_until(lambda: bench.names[-1:] == ["B"])
        await peer.drop()

    async def replay(peer: Peer) -> None:
        await peer.send(HELLO)
        assert (await peer.expect(6))["d"] == {"token": "hush", "session_id": "s1", "seq": 3}
        await peer.send(dispatch(4, "C", {}), dispatch(5, "RESUMED", {}), dispatch(6, "D", {}))

    async with running(greeting(drop, replay)) as bench:
        await bench.until("D")
        assert bench.names == ["READY", "A", "B", "C", "RESUMED", "D"]
        assert [peer.path for peer in bench.server.peers] == ["/", "/resume"]
        assert bench.states[2:] == [
            ShardState.READY,
            ShardState.CONNECTING,
            ShardState.RESUMING,
            ShardState.READY,
        ]
        assert bench.shard.statistics().reconnects == 1


async def test_a_stored_session_is_resumed_from_its_low_water_mark() -> None:
    async def replay(peer: Peer) -> None:
        await peer.send(HELLO)
        assert (await peer.expect(6))["d"]["seq"] == 40
        await peer.send(dispatch(41, "A", {}), dispatch(42, "RESUMED", {}))

    server = GatewayServer(replay)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        stored = GatewaySession("stored", f"{server.url}/here", 40)
        async with running(server, session=stored) as bench:
            await bench.until("RESUMED")
            assert [one.session_id for one in bench.received] == ["stored", "stored"]
        nursery.cancel_scope.cancel()


async def test_a_dispatch_that_comes_twice_is_handed_on_once_and_late_ones_in_their_turn() -> None:
    async def more(peer: Peer) -> None:
        await peer.send(
            dispatch(2, "A", {}),
            dispatch(2, "A", {}),
            dispatch(4, "C", {}),
            dispatch(3, "B", {}),
            dispatch(5, "D", {}),
        )

    async with running(greeting(more)) as bench:
        await bench.until("D")
        assert bench.names == ["READY", "A", "B", "C", "D"]
        assert bench.shard.statistics().duplicates == 1
        assert bench.shard.statistics().seq == 5


async def test_a_number_that_does_not_come_is_asked_for_once_and_then_done_without() -> None:
    async def with_a_gap(peer: Peer) -> None:
        await peer.send(dispatch(3, "B", {}))

    async def the_same_again(peer: Peer) -> None:
        await peer.send(HELLO)
        assert (await peer.expect(6))["d"]["seq"] == 1
        await peer.send(dispatch(3, "B", {}), dispatch(4, "RESUMED", {}))

    async with running(greeting(with_a_gap, the_same_again)) as bench:
        await bench.until("B")
        await bench.until("RESUMED")
        assert bench.names == ["READY", "B", "RESUMED"]
        assert bench.shard.statistics().reconnects == 1


async def test_a_replay_may_leave_numbers_out() -> None:
    """As the gateway does with the RESUMED of an earlier time."""

    async def drop(peer: Peer) -> None:
        await peer.drop()

    async def replay(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(6)
        await peer.send(dispatch(3, "A", {}), dispatch(5, "RESUMED", {}), dispatch(6, "B", {}))

    async with running(greeting(drop, replay)) as bench:
        await bench.until("B")
        assert bench.names == ["READY", "A", "RESUMED", "B"]
        assert bench.shard.statistics().reconnects == 1


async def test_op_7_reconnects_and_resumes_at_once() -> None:
    async def reconnect(peer: Peer) -> None:
        await peer.send({"op": 7, "d": None})

    async with running(greeting(reconnect, resuming)) as bench:
        await bench.until("RESUMED")
        assert bench.server.peers[0].closed_with == 4900


async def test_op_9_resumable_resumes() -> None:
    async def invalid(peer: Peer) -> None:
        await peer.send({"op": 9, "d": True})

    async with running(greeting(invalid, resuming)) as bench:
        await bench.until("RESUMED")


async def test_op_9_in_answer_to_a_resume_starts_a_new_session() -> None:
    async def drop(peer: Peer) -> None:
        await peer.drop()

    async def refuse(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(6)
        await peer.send({"op": 9, "d": False})

    async def anew(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.send(ready(bench.server, session_id="s2"))

    async with running(greeting(drop, refuse, anew), identify=HastyQueue()) as bench:
        await bench.until("READY", times=2)
        assert bench.shard.session == GatewaySession("s2", f"{bench.server.url}/resume", 1)
        assert [peer.path for peer in bench.server.peers] == ["/", "/resume", "/"]


@pytest.mark.parametrize("code", [1000, 1001, 4000, 4001, 4002, 4003, 4005, 4008, 4321])
async def test_a_close_that_the_session_survives_is_resumed_from(code: int) -> None:
    async def close(peer: Peer) -> None:
        await peer.close(code, "because")

    async with running(greeting(close, resuming)) as bench:
        await bench.until("RESUMED")
        assert bench.shard.statistics().last_ending == "closed: because"


@pytest.mark.parametrize("code", [4007, 4009])
async def test_a_close_that_ends_the_session_leads_to_a_new_one(code: int) -> None:
    async def close(peer: Peer) -> None:
        await peer.close(code)

    async def anew(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.send(ready(bench.server, session_id="s2"))

    async with running(greeting(close, anew), identify=HastyQueue()) as bench:
        await bench.until("READY", times=2)


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
async def test_a_fatal_close_ends_the_shard_with_advice(code: int) -> None:
    async def close(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.close(code)

    server = GatewayServer(close)
    states: list[ShardState] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        shard = lonely_shard(server, on_state=states.append)
        with pytest.raises(FatalClose) as caught:
            await shard.run()
        nursery.cancel_scope.cancel()
    assert caught.value.code == code
    assert states[-1] is ShardState.CLOSED
    assert len(server.peers) == 1


def lonely_shard(server: GatewayServer, **options: object) -> Shard:
    async def find() -> str:
        return server.url

    async def ignore(_dispatch: Dispatch) -> None:
        await trio.lowlevel.checkpoint()

    chosen: dict[str, object] = {
        "identify": IdentifyQueue(),
        "rng": random.Random(5),
        "patience": QUICK,
    } | options
    return Shard(
        token=Secret("hush"),
        intents=ALPHAPY_INTENTS,
        find_gateway=find,
        on_dispatch=ignore,
        **chosen,  # type: ignore[arg-type]
    )


# Heartbeats.


async def test_heartbeats_carry_the_sequence_and_their_latency_is_known() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(BRISK_HELLO)
        await peer.expect(2)
        await peer.send(ready(server, seq=7))
        await wait_until(lambda: 7 in peer.beats)

    server = GatewayServer(script)
    async with running(server) as bench:
        await bench.until("READY")
        await wait_until(lambda: bench.shard.statistics().latency.samples >= 3)
        assert 7 in server.peers[0].beats
        latency = bench.shard.statistics().latency.last
        assert latency is not None
        assert 0 < latency < 2
        assert len(server.peers) == 1


async def test_op_1_is_answered_with_a_beat_at_once() -> None:
    async def more(peer: Peer) -> None:
        await peer.send({"op": 1, "d": None})
        await wait_until(lambda: peer.beats == [1])
        await peer.send(dispatch(2, "DONE", {}))

    async with running(greeting(more)) as bench:
        await bench.until("DONE")


async def test_a_flood_of_op_1_stays_within_the_send_limit() -> None:
    async def more(peer: Peer) -> None:
        for _ in range(300):
            await peer.send({"op": 1, "d": None})
        await peer.send(dispatch(2, "DONE", {}))

    async with running(greeting(more)) as bench:
        await bench.until("DONE")
        assert 100 < len(bench.server.peers[0].beats) < 120


async def test_a_zombie_is_left_and_the_session_resumed() -> None:
    async def zombie(peer: Peer) -> None:
        peer.acks = False
        await peer.send(BRISK_HELLO)
        await peer.expect(2)
        await peer.send(ready(server))

    server = GatewayServer(zombie, resuming)
    async with running(server) as bench:
        await bench.until("RESUMED")
        assert bench.shard.statistics().last_ending == "zombie: no heartbeat ACK"
        assert server.peers[0].closed_with not in {1000, 1001}


async def test_while_a_dispatch_waits_for_room_beats_go_on_and_it_is_no_zombie() -> None:
    gate = trio.Event()

    async def hold(one: Dispatch) -> None:
        if one.name == "HEAVY":
            await gate.wait()

    async def script(peer: Peer) -> None:
        await peer.send(STEADY_HELLO)
        await peer.expect(2)
        await peer.send(
            ready(server), dispatch(2, "HEAVY", {}), *(dispatch(n, "NEXT", {}) for n in range(3, 200))
        )
        before = len(peer.beats)
        await wait_until(lambda: len(peer.beats) >= before + 4)
        gate.set()

    server = GatewayServer(script)
    async with running(server, on_dispatch=hold) as bench:
        await bench.until("NEXT", times=197)
        assert bench.shard.statistics().reconnects == 0
        beats = len(server.peers[0].beats)
        await wait_until(lambda: len(server.peers[0].beats) >= beats + 3)
        assert bench.shard.statistics().reconnects == 0
        assert [one.seq for one in bench.received] == list(range(1, 200))


# What makes no sense.


async def test_malformed_payloads_are_counted_logged_once_and_skipped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuse(one: Dispatch) -> None:
        await trio.lowlevel.checkpoint()
        if one.name == "MESSAGE_CREATE":
            decode(one.name, one.data)

    async def more(peer: Peer) -> None:
        for _ in range(3):
            await peer.send_raw(b'{"op":"zero"}')
            await peer.send_raw(b'{"op":0,"d":{]}')
            await peer.send({"op": 77})
            await peer.send({"op": 0, "d": {}, "s": None, "t": "X"})
        await peer.send(HELLO, dispatch(2, "MESSAGE_CREATE", {"content": "hidden"}), dispatch(3, "DONE", {}))

    async with running(greeting(more), on_dispatch=refuse) as bench:
        await bench.until("DONE")
        assert bench.shard.statistics().malformed == {
            "envelope": 3,
            "json": 3,
            "opcode": 3,
            "dispatch": 3,
            "hello": 1,
            "event:MESSAGE_CREATE": 1,
        }
        assert bench.shard.statistics().reconnects == 0
    kinds = [
        vars(record)["kind"]
        for record in caplog.records
        if getattr(record, "event", "") == "gateway_malformed"
    ]
    assert sorted(kinds) == sorted(set(kinds))
    assert len(kinds) == 6
    assert "hidden" not in caplog.text


async def test_a_broken_compression_stream_is_left_and_the_session_resumed() -> None:
    async def more(peer: Peer) -> None:
        await peer.send_bytes(b"\x00 this is not zstd")

    async with running(greeting(more, resuming)) as bench:
        await bench.until("RESUMED")
        assert bench.shard.statistics().malformed == {"compression": 1}


async def test_a_dispatch_before_ready_is_skipped() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.send(dispatch(1, "EARLY", {}), ready(server, seq=1), dispatch(2, "LATER", {}))

    server = GatewayServer(script)
    async with running(server) as bench:
        await bench.until("LATER")
        assert bench.names == ["READY", "LATER"]


@pytest.mark.parametrize("hello", [{}, {"heartbeat_interval": "soon"}, {"heartbeat_interval": 0}, [], None])
async def test_a_hello_that_makes_no_sense_is_tried_again(hello: object) -> None:
    async def script(peer: Peer) -> None:
        await peer.send({"op": 10, "d": hello})

    async def sound(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.send(ready(server))

    server = GatewayServer(script, sound)
    async with running(server) as bench:
        await bench.until("READY")
        assert bench.shard.statistics().malformed == {"hello": 1}


async def test_a_ready_that_makes_no_sense_is_tried_again() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.send(dispatch(1, "READY", {"user": {}}))

    async def sound(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(2)
        await peer.send(ready(server))

    server = GatewayServer(script, sound)
    async with running(server, identify=HastyQueue()) as bench:
        await bench.until("READY")
        assert bench.names == ["READY"]
        assert bench.shard.statistics().malformed == {"event:READY": 1}


# Reaching the gateway.


async def answering(peer: Peer, server: GatewayServer) -> None:
    """Give the client whatever it asks for."""
    await peer.send(HELLO)
    frame = await peer.take()
    if frame["op"] == 2:
        await peer.send(ready(server))
    else:
        await peer.send(dispatch(frame["d"]["seq"] + 1, "RESUMED", {}))


@pytest.mark.parametrize("first", [[], [HELLO]], ids=["no HELLO", "neither READY nor RESUMED"])
@pytest.mark.parametrize("stored", [False, True])
async def test_silence_is_not_waited_for_for_ever(first: list[dict[str, object]], stored: bool) -> None:
    async def silent(peer: Peer) -> None:
        await peer.send(*first)

    server = GatewayServer(silent, lambda peer: answering(peer, server))
    impatient = attrs.evolve(QUICK, hello=0.3, ready=0.3)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        session = GatewaySession("s", f"{server.url}/resume", 4) if stored else None
        async with running(server, patience=impatient, identify=HastyQueue(), session=session) as bench:
            await bench.until("RESUMED" if stored else "READY")
            assert server.peers[0].closed_with == 4900
            assert str(bench.shard.statistics().last_ending).startswith("silent: nothing came while ")
        nursery.cancel_scope.cancel()


async def test_a_long_replay_has_all_the_time_it_needs_as_long_as_it_goes_on() -> None:
    async def replay(peer: Peer) -> None:
        await peer.send(HELLO)
        await peer.expect(6)
        for seq in range(2, 10):
            await trio.sleep(0.2)
            await peer.send(dispatch(seq, "MISSED", {}))
        await peer.send(dispatch(10, "RESUMED", {}))

    async def drop(peer: Peer) -> None:
        await peer.drop()

    async with running(greeting(drop, replay), patience=attrs.evolve(QUICK, ready=1.0)) as bench:
        await bench.until("RESUMED")
        assert bench.shard.statistics().reconnects == 1


async def test_a_session_that_resumes_is_kept_however_often_the_connection_breaks() -> None:
    async def drop(peer: Peer) -> None:
        await peer.drop()

    async def resume_and_drop(peer: Peer) -> None:
        await resuming(peer)
        await wait_until(lambda: bench.names[-1] == "RESUMED")
        await peer.drop()

    async with running(greeting(drop, *[resume_and_drop] * 5, resuming)) as bench:
        await bench.until("RESUMED", times=6)
        assert bench.names == ["READY", *["RESUMED"] * 6]


async def test_a_refused_handshake_is_tried_again() -> None:
    server = greeting()
    server.refuse_with = [503, 401]
    async with running(server) as bench:
        await bench.until("READY")
        assert bench.shard.statistics().reconnects == 2
        assert bench.shard.statistics().last_ending == (
            "unreachable: the WebSocket handshake was answered with HTTP status 401"
        )


async def test_names_ports_and_rest_that_fail_are_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"ws://127.0.0.1:{unused.getsockname()[1]}"
    answers: list[Exception | str] = [
        socket.gaierror(-2, "Name or service not known"),
        DiscordError(
            kind=DiscordErrorKind.SERVER, route="GET /gateway/bot", message="bad gateway", status=502
        ),
        dead,
        "https:/no-host",
        "wss://",
    ]

    async def find() -> str:
        await trio.lowlevel.checkpoint()
        if not answers:
            return server.url
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = greeting()
    async with running(server, find_gateway=find) as bench:
        await bench.until("READY")
        assert bench.shard.statistics().reconnects == 5
    details = [
        vars(record)["detail"]
        for record in caplog.records
        if getattr(record, "event", "") == "gateway_disconnected"
    ]
    assert [
        any(part in detail for part in ("Name or service", "502", "refused", "not a WebSocket address"))
        for detail in details
    ] == [True] * 5, details


async def test_a_dead_resume_address_is_replaced() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"ws://127.0.0.1:{unused.getsockname()[1]}"
    server = GatewayServer(resuming)
    async with running(server, session=GatewaySession("s", dead, 4)) as bench:
        await bench.until("RESUMED")
        assert bench.shard.statistics().reconnects == 3
        assert bench.shard.session == GatewaySession("s", dead, 5)


# Stopping.


async def test_stopping_keeps_the_session_resumable() -> None:
    async with running(greeting()) as bench:
        await bench.until("READY")
        await bench.shard.stop()
        assert bench.shard.state is ShardState.CLOSED
        assert bench.states[-2:] == [ShardState.DRAINING, ShardState.CLOSED]
        assert bench.shard.session is not None
        await bench.server.peers[0].left.wait()
        assert bench.server.peers[0].closed_with == 4900


async def test_signing_off_ends_the_session() -> None:
    async with running(greeting()) as bench:
        await bench.until("READY")
        await bench.shard.stop(sign_off=True)
        await bench.server.peers[0].left.wait()
        assert bench.server.peers[0].closed_with == 1000


async def test_cancelling_drops_the_socket_without_a_close_frame() -> None:
    server = greeting()
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        shard = lonely_shard(server)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(shard.run)
                await wait_until(lambda: shard.state is ShardState.READY)
                scope.cancel()
        assert shard.state is ShardState.CLOSED
        await server.peers[0].left.wait()
        assert server.peers[0].closed_with not in {1000, 1001}
        nursery.cancel_scope.cancel()


async def test_stopping_finishes_the_event_at_hand() -> None:
    started, gate = trio.Event(), trio.Event()

    async def slow(one: Dispatch) -> None:
        if one.name == "SLOW":
            started.set()
            await gate.wait()

    async def more(peer: Peer) -> None:
        await peer.send(dispatch(2, "SLOW", {}), dispatch(3, "NEVER", {}))

    async with running(greeting(more), on_dispatch=slow) as bench:
        await started.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.shard.stop)
            await wait_until(lambda: bench.shard.state is ShardState.DRAINING)
            gate.set()
        assert bench.names == ["READY", "SLOW"]
        assert bench.shard.session is not None
        assert bench.shard.session.seq == 2


async def test_an_event_that_hangs_does_not_stop_the_stop_and_will_be_replayed() -> None:
    started = trio.Event()

    async def hang(one: Dispatch) -> None:
        if one.name == "HANGS":
            started.set()
            await trio.sleep_forever()

    async def more(peer: Peer) -> None:
        await peer.send(dispatch(2, "HANGS", {}))

    async with running(greeting(more), on_dispatch=hang, patience=attrs.evolve(QUICK, drain=0.05)) as bench:
        await started.wait()
        await bench.shard.stop()
        assert bench.shard.session is not None
        assert bench.shard.session.seq == 1


async def test_draining_hands_on_nothing_more_but_keeps_beating() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(BRISK_HELLO)
        await peer.expect(2)
        await peer.send(ready(server))
        await wait_until(lambda: bench.shard.state is ShardState.DRAINING)
        await peer.send(dispatch(2, "LATE", {}))
        before = len(peer.beats)
        await wait_until(lambda: len(peer.beats) >= before + 5)
        kept.set()

    kept = trio.Event()
    server = GatewayServer(script)
    async with running(server) as bench:
        await bench.until("READY")
        bench.shard.drain()
        with trio.fail_after(5):
            await kept.wait()
        assert bench.names == ["READY"]
        assert len(server.peers) == 1
        await bench.shard.stop()
        assert server.peers[0].closed_with == 4900


async def test_draining_takes_effect_between_two_payloads_of_one_message() -> None:
    async def drain(one: Dispatch) -> None:
        await trio.lowlevel.checkpoint()
        if one.name == "ONE":
            bench.shard.drain()

    async def more(peer: Peer) -> None:
        await peer.send_together(dispatch(2, "ONE", {}), dispatch(3, "TWO", {}))

    async with running(greeting(more), on_dispatch=drain) as bench:
        await bench.until("ONE")
        await bench.until_state(ShardState.DRAINING)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert bench.names == ["READY", "ONE"]


async def test_a_shard_that_waits_for_its_next_attempt_stops_at_once() -> None:
    async def find() -> str:
        await trio.lowlevel.checkpoint()
        raise OSError("no network")

    async with running(GatewayServer(), find_gateway=find, patience=Patience()) as bench:
        await wait_until(lambda: bench.shard.statistics().reconnects >= 1)
        with trio.fail_after(0.5):
            await bench.shard.stop()


async def test_a_shard_that_waits_for_its_turn_stops_at_once() -> None:
    queue = IdentifyQueue()
    permit = await queue.acquire(0)
    async with running(greeting(), identify=queue) as bench:
        await wait_until(lambda: queue.statistics().waiting == 1)
        with trio.fail_after(0.5):
            await bench.shard.stop()
        assert queue.statistics().waiting == 0
    permit.give_back()


async def test_a_shard_that_never_ran_can_be_stopped() -> None:
    shard = lonely_shard(GatewayServer())
    await shard.stop()
    await shard.run()
    assert shard.state is ShardState.CLOSED


# Asking for members.


async def test_members_are_asked_for_by_name_or_id_when_ready() -> None:
    asked: list[object] = []

    async def more(peer: Peer) -> None:
        asked.extend([(await peer.expect(8))["d"] for _ in range(2)])
        await peer.send(dispatch(2, "DONE", {}))

    async with running(greeting(more)) as bench:
        assert not await bench.shard.request_members(GuildId(5))
        await bench.until("READY")
        assert await bench.shard.request_members(GuildId(5), nonce="n")
        assert await bench.shard.request_members(GuildId(5), user_ids=[UserId(7), UserId(8)])
        await bench.until("DONE")
    assert asked == [
        {"guild_id": "5", "limit": 0, "query": "", "nonce": "n"},
        {"guild_id": "5", "limit": 0, "user_ids": ["7", "8"]},
    ]


async def test_requests_wait_for_room_and_are_given_up_with_the_connection() -> None:
    async def more(peer: Peer) -> None:
        for _ in range(112):
            await peer.expect(8)
        await trio.testing.wait_all_tasks_blocked(0.02)
        await peer.drop()

    results: list[bool] = []

    async def ask(shard: Shard) -> None:
        results.append(await shard.request_members(GuildId(5)))

    async with running(greeting(more, resuming)) as bench:
        await bench.until("READY")
        async with trio.open_nursery() as nursery:
            for _ in range(130):
                nursery.start_soon(ask, bench.shard)
        await bench.until("RESUMED")
    assert results == [True] * 112 + [False] * 18


async def test_a_caller_that_gives_up_halfway_does_not_spoil_the_stream() -> None:
    """Cancelled while a frame is half sent, because the gateway is slow to read: the frame is finished."""

    async def slow(peer: Peer) -> None:
        peer.be_deaf()
        await given_up.wait()
        peer.hearing.set()
        await peer.send({"op": 1})
        await wait_until(lambda: len(peer.beats) > 0)
        await peer.send(dispatch(2, "DONE", {}))

    async def ask() -> None:
        for _ in range(100):
            await bench.shard.request_members(GuildId(5), query="x" * 500_000)

    given_up = trio.Event()
    async with running(greeting(slow)) as bench:
        await bench.until("READY")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked(0.05)
            nursery.cancel_scope.cancel()
            given_up.set()
        await bench.until("DONE")
        assert bench.shard.statistics().reconnects == 0


async def test_a_gateway_that_does_not_read_is_left() -> None:
    async def deaf(peer: Peer) -> None:
        peer.be_deaf()
        await peer.expect(8)

    async with running(greeting(deaf, resuming), patience=attrs.evolve(QUICK, send=0.2)) as bench:
        await bench.until("READY")
        while await bench.shard.request_members(GuildId(5), query="x" * 1_000_000):
            pass
        await bench.until("RESUMED")
        assert bench.shard.statistics().last_ending == "lost: a send took more than 0.2 s"


async def test_an_address_that_does_not_come_is_asked_for_again() -> None:
    asked = 0

    async def find() -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            await trio.sleep_forever()
        return server.url

    server = greeting()
    async with running(server, find_gateway=find, patience=attrs.evolve(QUICK, find=0.05)) as bench:
        await bench.until("READY")
        assert bench.shard.statistics().last_ending == (
            "unreachable: the gateway's address did not come in time"
        )


def test_a_request_names_at_most_a_hundred_members() -> None:
    with pytest.raises(ValueError, match="at most 100"):
        requests.members(GuildId(1), query="", limit=0, user_ids=[UserId(n) for n in range(101)], nonce=None)
