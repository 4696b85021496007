"""The shard holds every recorded conversation (tests/transcripts/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from alphapy.gateway.codec import Compression
from alphapy.gateway.reconnect import FatalClose
from tests.support.gateway_server import GatewayServer, Peer
from tests.support.shards import Bench, HastyQueue, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TRANSCRIPTS = sorted((Path(__file__).parent.parent / "transcripts").glob("*.jsonl"))
Line = dict[str, Any]


def matches(expected: Any, found: Any) -> bool:
    """Whether what was found is what was expected, ``"*"`` standing for anything."""
    if expected == "*":
        return True
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(matches(expected[key], found[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(matches, expected, found))
    return bool(expected == found)


class Player:
    """Plays the gateway's part of a transcript."""

    def __init__(self, path: Path) -> None:
        header, *lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        self.header: Line = header
        self.connections: list[list[Line]] = []
        for line in lines:
            if "connects" in line:
                self.connections.append([])
            self.connections[-1].append(line)
        self.done = trio.Event()
        self.server = GatewayServer(*(self._script(index) for index in range(len(self.connections))))
        self.bench: Bench | None = None

    def _script(self, index: int) -> Callable[[Peer], Awaitable[None]]:
        async def script(peer: Peer) -> None:
            peer.acks = self.header.get("acks", True)
            peer.pieces = self.header.get("pieces")
            for line in self.connections[index]:
                await self._play(peer, line)
            if index == len(self.connections) - 1:
                self.done.set()

        return script

    async def _play(self, peer: Peer, line: Line) -> None:
        match line:
            case {"from": "client", "connects": wanted}:
                assert {"path": peer.path, **peer.query} == wanted
            case {"from": "client", "frame": frame}:
                found = await peer.expect(frame["op"])
                assert matches(frame, found), f"expected {frame}, got {found}"
            case {"from": "client", "beats": seq}:
                seen = len(peer.beats)
                await wait_until(lambda: seq in peer.beats[max(0, seen - 1) :], what=f"a beat with {seq}")
            case {"from": "client", "leaves": code}:
                with trio.fail_after(5):
                    await peer.left.wait()
                assert (
                    (peer.closed_with not in {1000, 1001})
                    if isinstance(code, str)
                    else peer.closed_with == code
                )
            case {"from": "gateway", "frame": frame}:
                await peer.send(json.loads(json.dumps(frame).replace("{url}", self.server.url)))
            case {"from": "gateway", "sends": text}:
                await peer.send_raw(text.encode())
            case {"from": "gateway", "sends_bytes": digits}:
                await peer.send_bytes(bytes.fromhex(digits))
            case {"from": "gateway", "closes": code}:
                await peer.close(code)
            case {"from": "gateway", "drops": True}:
                await peer.drop()
            case _:
                await self._look(line)

    async def _look(self, line: Line) -> None:
        bench = self.bench
        assert bench is not None
        match line:
            case {"from": "operator", "stops": how}:
                bench.stop_soon(sign_off=how == "for good")
            case {"from": "shard", "has_handed_on": names}:
                await wait_until(lambda: bench.names == names, what=f"{names}")
            case {"from": "shard", "is": wanted}:
                await wait_until(
                    lambda: {**self._facts(bench), **wanted} == self._facts(bench), what=f"{wanted}"
                )
            case _:
                raise AssertionError(f"what is this line? {line}")

    @staticmethod
    def _facts(bench: Bench) -> dict[str, Any]:
        statistics = bench.shard.statistics()
        return {
            "state": statistics.state.value,
            "session": statistics.session_id,
            "seq": statistics.seq,
            "reconnects": statistics.reconnects,
            "malformed": dict(statistics.malformed),
            "fatal": bench.fatal.code if bench.fatal is not None else None,
        }


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_transcript(path: Path) -> None:
    player = Player(path)
    compression = Compression(player.header.get("compression", "zstd-stream"))
    async with running(player.server, compression=compression, identify=HastyQueue()) as bench:
        player.bench = bench
        with trio.fail_after(10):
            await player.done.wait()
    assert len(player.server.peers) == len(player.connections)
    if bench.fatal is not None:
        assert isinstance(bench.fatal, FatalClose)


def test_every_close_code_and_reconnect_is_recorded() -> None:
    names = {path.stem for path in TRANSCRIPTS}
    assert {f"close_{code}" for code in (*range(4000, 4006), *range(4007, 4015))} <= names
    assert {"hello_to_ready", "resume_with_replay", "op_7", "op_9_resumable", "zombie", "split_zstd"} <= names
