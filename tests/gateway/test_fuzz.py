"""Mutated frames and payloads never crash a shard, nor wedge it.

A few thousand in the normal run; ALPHAPY_FUZZ=200000 for the full one. The seed is printed with a failure
and set by ALPHAPY_FUZZ_SEED.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio

from alphapy.gateway.codec import BrokenStream, Codec, Compression, Envelope
from alphapy.gateway.connection import Disconnected, Unreachable, hold
from alphapy.gateway.events import SUBSCRIBABLE, MalformedEvent, decode
from alphapy.gateway.guilds import GuildCache
from tests.gateway.test_events import PAYLOADS
from tests.support.gateway_server import Compressor, GatewayServer, Peer, accepted, dispatch, ready
from tests.support.shards import QUICK, HastyQueue, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.gateway.shard import Dispatch

ROUNDS = int(os.environ.get("ALPHAPY_FUZZ", "4000"))
WIRE_ROUNDS = ROUNDS // 2
"""Over a real socket, for each compression."""
SEED = int(os.environ.get("ALPHAPY_FUZZ_SEED", "20260101"))
A_ROUND = 40
"""Payloads between two proofs of life."""

_ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    2**70,
    1e308,
    "",
    "x",
    "9" * 400,
    "\x00\ud800",
    [],
    {},
    [[]],
    {"": {}},
]


def samples() -> list[dict[str, Any]]:
    """Whole envelopes of every kind; not READY, whose resume address would lead into the world."""
    events = [{"op": 0, "s": 5, "t": name, "d": data} for name, data in PAYLOADS.items() if name != "READY"]
    return [*events, {"op": 1, "d": None}, {"op": 11}, {"op": 10, "d": {"heartbeat_interval": 45000}}]


class Mutator:
    """Damages payloads, reproducibly."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._samples = samples()
        self._seq = 1

    def payload(self) -> bytes:
        """An envelope with its structure or its bytes damaged, or both."""
        envelope = json.loads(json.dumps(self.rng.choice(self._samples)))
        if envelope["op"] == 0:
            self._seq += 1
            envelope["s"] = self._seq
        for _ in range(self.rng.choice([0, 1, 1, 2, 5])):
            envelope = self._value(envelope, self.rng.randrange(1, 6))
        data = json.dumps(envelope).encode(errors="surrogatepass")
        return self.bytes(data) if self.rng.random() < 0.5 else data

    def bytes(self, data: bytes) -> bytes:
        """The same bytes, some of them changed, gone, doubled, or cut off."""
        changed = bytearray(data)
        for _ in range(self.rng.choice([1, 1, 2, 8])):
            if not changed:
                break
            at = self.rng.randrange(len(changed))
            match self.rng.randrange(5):
                case 0:
                    changed[at] = self.rng.randrange(256)
                case 1:
                    del changed[at : at + self.rng.randrange(1, 9)]
                case 2:
                    changed[at:at] = changed[at : at + self.rng.randrange(1, 9)]
                case 3:
                    del changed[at:]
                case _:
                    changed[at:at] = self.rng.choice(
                        [b'"', b"{", b"}", b"[", b"\\", b"\x00", b"\xff", b"9" * 30]
                    )
        return bytes(changed)

    def _value(self, value: Any, depth: int) -> Any:
        """One value somewhere in the structure replaced, removed, or added."""
        if depth and isinstance(value, dict) and value:
            key = self.rng.choice(list(value))
            if self.rng.random() < 0.2:
                return {name: one for name, one in value.items() if name != key}
            return {**value, key: self._value(value[key], depth - 1)}
        if depth and isinstance(value, list) and value:
            at = self.rng.randrange(len(value))
            return [*value[:at], self._value(value[at], depth - 1), *value[at + 1 :]]
        return self.rng.choice(_ODD)


def without_resume_address(data: bytes) -> bool:
    """Whether this cannot be taken for a READY."""
    return b"READY" not in data


def test_no_payload_gets_past_the_decoders_except_as_a_typed_error() -> None:
    """Every mutated payload is an event or a MalformedEvent; the cache takes every event."""
    mutator, cache, found = Mutator(SEED), GuildCache(), Counter[str]()
    codec = Codec(Compression.PLAIN)
    for _ in range(ROUNDS):
        for envelope in codec.feed(mutator.payload()):
            if not isinstance(envelope, Envelope):
                found["envelope"] += 1
            elif envelope.t in SUBSCRIBABLE:
                try:
                    cache.apply(decode(str(envelope.t), envelope.d))
                    found["event"] += 1
                except MalformedEvent:
                    found["malformed"] += 1
    assert all(found[kind] > ROUNDS / 50 for kind in ("envelope", "event", "malformed")), (SEED, found)


@pytest.mark.parametrize("compression", [Compression.ZSTD, Compression.ZLIB])
def test_no_stream_gets_past_the_codec_except_as_a_typed_error(compression: Compression) -> None:
    """Damaged streams end in BrokenStream, or wait for more, or give envelopes; memory stays bounded."""
    mutator, found = Mutator(SEED + 1), Counter[str]()
    while found.total() < ROUNDS // 4:
        compress, codec = Compressor(compression.value), Codec(compression, limit=1_000_000)
        try:
            for _ in range(8):
                message = compress(mutator.payload())
                found["fed"] += 1
                codec.feed(message if mutator.rng.random() < 0.7 else mutator.bytes(message))
        except BrokenStream:
            found["broken"] += 1
    assert found["broken"] > 10, (SEED, found)


class Hostile:
    """A gateway that sends damaged payloads, frames and bytes, and asks for a sign of life in between.

    Each connection greets properly; then come rounds of forty mutants, each ended by a dispatch ALIVE with a
    number of its own. A round counts as survived when the shard has handed that on, or has left.
    """

    def __init__(self, seed: int, *, raw: float) -> None:
        self.mutator = Mutator(seed)
        self.raw = raw
        self.sent = 0
        self.seq = 1_000_000_000
        self.server = GatewayServer(self.script)
        self.survived = set[int]()
        self.done = trio.Event()

    async def script(self, peer: Peer) -> None:
        await peer.send({"op": 10, "d": {"heartbeat_interval": 400}})
        await wait_until(lambda: bool(peer.inbox) or peer.left.is_set())
        if peer.left.is_set():
            return
        opening = await peer.take()
        self.seq += 1  # far from the mutants' numbers
        if opening["op"] == 2:
            await peer.send(ready(self.server, seq=self.seq))
        else:
            await peer.send(dispatch(self.seq, "RESUMED", {}))
        while self.sent < WIRE_ROUNDS and not peer.left.is_set():
            for _ in range(A_ROUND):
                await self.mutant(peer)
            if not await self.alive(peer):
                return
        self.done.set()

    async def mutant(self, peer: Peer) -> None:
        self.sent += 1
        chance = self.mutator.rng.random()
        if chance < self.raw / 2:
            await peer.send_bytes(self.mutator.bytes(b"\x28\xb5\x2f\xfd" + self.mutator.payload()))
        elif chance < self.raw:
            async with peer.socket._stream_lock:  # an ACK may be on its way
                await peer.stream.send_all(self.frame())
        else:
            payload = self.mutator.payload()
            if without_resume_address(payload):
                await peer.send_raw(payload)

    def frame(self) -> bytes:
        """Bytes where a WebSocket frame should begin; not a close frame, which might be a fatal one."""
        first = self.mutator.rng.choice(
            [0x80, 0x81, 0x82, 0x83, 0x8B, 0x89, 0x8A, 0xC2, 0x01, 0x02, 0x00, 0xFF]
        )
        return bytes([first]) + self.mutator.rng.randbytes(self.mutator.rng.randrange(1, 40))

    async def alive(self, peer: Peer) -> bool:
        """Whether the shard still hands things on; it may also have left, which is as good."""
        self.seq += 1
        await peer.send(dispatch(self.seq, "ALIVE", {"n": self.sent}))
        await wait_until(
            lambda: peer.left.is_set() or self.sent in self.survived,
            within=30,
            what=f"life after {self.sent}",
        )
        return not peer.left.is_set()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("compression", "raw"), [(Compression.ZSTD, 0.01), (Compression.ZLIB, 0.0), (Compression.PLAIN, 0.0)]
)
async def test_a_shard_survives_a_hostile_gateway(
    compression: Compression, raw: float, caplog: pytest.LogCaptureFixture
) -> None:
    """It is never crashed and never stuck; what was bad is counted, and logged once per kind."""
    hostile, cache = Hostile(SEED + 2, raw=raw), GuildCache()

    async def consume(one: Dispatch) -> None:
        await trio.lowlevel.checkpoint()
        if one.name == "ALIVE":
            hostile.survived.add(json.loads(bytes(one.data))["n"])
        elif one.name in SUBSCRIBABLE:
            cache.apply(decode(one.name, one.data))

    patience = attrs.evolve(QUICK, invalid_session=(0.001, 0.002), close=0.05)
    async with running(
        hostile.server, on_dispatch=consume, compression=compression, identify=HastyQueue(), patience=patience
    ) as bench:
        await hostile.done.wait()
        statistics = bench.shard.statistics()
    print(SEED, statistics)  # noqa: T201 - shown with a failure
    assert hostile.sent >= WIRE_ROUNDS
    assert statistics.malformed["json"] > 0, SEED
    assert statistics.malformed["envelope"] > 0, SEED
    logged = Counter(
        vars(record)["kind"]
        for record in caplog.records
        if getattr(record, "event", "") == "gateway_malformed"
    )
    assert set(logged.values()) == {1}
    assert set(logged) == set(statistics.malformed)


async def test_no_answer_to_a_handshake_and_no_bytes_after_it_get_past_the_connection() -> None:
    """Whatever is on the other side: the connection is refused, or over, with a typed error."""
    mutator, found = Mutator(SEED + 3), Counter[str]()

    async def hostile(stream: trio.SocketStream) -> None:
        request = await stream.receive_some(4096)
        if not request:
            return  # the client had no patience
        answer = accepted(request)
        if mutator.rng.random() < 0.5:
            answer = mutator.bytes(answer)
        try:
            await stream.send_all(answer + mutator.rng.randbytes(mutator.rng.randrange(60)))
            await stream.send_eof()
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as server:
        listeners = await server.start(partial(trio.serve_tcp, hostile, 0, host="127.0.0.1"))
        url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        for _ in range(ROUNDS // 10):
            async with trio.open_nursery() as nursery:
                try:
                    connection = await nursery.start(hold, url, 0.02, None)
                    while True:
                        await connection.receive()
                        found["received"] += 1
                except Unreachable:
                    found["unreachable"] += 1
                except Disconnected:
                    found["disconnected"] += 1
                nursery.cancel_scope.cancel()
        server.cancel_scope.cancel()
    assert found["unreachable"] > ROUNDS / 100, (SEED, found)
    assert found["disconnected"] > ROUNDS / 100, (SEED, found)
