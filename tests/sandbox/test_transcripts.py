"""The sandbox holds every recorded conversation too: here the test plays the client's part.

The golden transcripts (tests/transcripts/README.md) are played to the shard elsewhere. What they say of the
gateway must come out of the sandbox by the same client frames, its faults and its world: the frames, in
order, with the same numbers, and the same close codes.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import attrs
import pytest
import trio
from trio_websocket import ConnectionClosed

from alphapy.sandbox.demo import Demo
from alphapy.sandbox.faults import GatewayFault
from alphapy.sandbox.person import Person
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.world import World
from tests.sandbox.clients import Gateway, Running, gateway, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

Line = dict[str, Any]

TRANSCRIPTS = sorted((Path(__file__).parent.parent / "transcripts").glob("*.jsonl"))
NOT_THE_SANDBOXS = {
    "malformed": "the sandbox sends no nonsense",
    "close_4012": "the sandbox refuses a version before it says HELLO (test_gateway.py)",
    "broken_stream": "the sandbox breaks a stream by ending it (GatewayFault.TRUNCATE), never by wrong bytes",
}
PLAYED = [path for path in TRANSCRIPTS if path.stem not in NOT_THE_SANDBOXS]
GUILDS, GUILD_MESSAGES, MESSAGE_CONTENT = 1 << 0, 1 << 9, 1 << 15
BRIEFEST_MS = 5000
"""Of heartbeats: the beats of a transcript are few, and a busy machine may be slow between two of them."""


def _op(line: Line) -> int | None:
    op: int | None = line.get("frame", {}).get("op")
    return op


def _event(line: Line) -> str | None:
    """The name of a dispatch; None for any other line."""
    name: str | None = line["frame"].get("t") if line["from"] == "gateway" and "frame" in line else None
    return name


def town(world: World) -> Demo:
    """The world of the transcripts: ann's guild Home with one channel, and the bot in it."""
    ann = world.users.create("ann")
    guild = world.guilds.create("Home", ann)
    guild.roles[guild.id]["permissions"] = "1024"
    bot = world.applications.create("alphapy", ann, tokens=("hush",))
    channel = world.channels.create(ann, guild.id, {"name": "general"})
    world.members.join(guild.id, bot.id)
    return Demo(
        world=world,
        guild_id=guild.id,
        application_id=bot.id,
        token="hush",
        users={"ann": ann},
        channels={"general": int(channel["id"])},
        roles={},
    )


class Names:
    """Which of the sandbox's ids stands for each of the transcript's, to its end."""

    def __init__(self) -> None:
        self.ours: dict[str, str] = {}

    def same(self, recorded: str, found: Any) -> bool:
        if not isinstance(found, str):
            return False
        return self.ours.setdefault(recorded, found) == found

    def compare(self, recorded: Any, found: Any, key: str = "") -> Iterator[str]:
        """Where what was found is not what was recorded. More fields than recorded are welcome."""
        if isinstance(recorded, dict) and isinstance(found, dict):
            for name, value in recorded.items():
                if name not in found:
                    yield f"{key}.{name} is missing"
                else:
                    yield from self.compare(value, found[name], f"{key}.{name}")
        elif isinstance(recorded, list) and isinstance(found, list):
            if recorded and len(recorded) != len(found):
                yield f"{key} has {len(found)} entries, not {len(recorded)}"
            for number, (one, other) in enumerate(zip(recorded, found, strict=False)):
                yield from self.compare(one, other, f"{key}[{number}]")
        elif key.endswith((".id", "_id")) and isinstance(recorded, str):
            if not self.same(recorded, found):
                yield f"{key} is {found!r}, which is not what stood for {recorded!r} before"
        elif key.endswith(".timestamp"):
            datetime.fromisoformat(found)
        elif key.endswith(".resume_gateway_url"):
            if not re.fullmatch(r"wss?://[^/]+", found):
                yield f"{key} is {found!r}"
        elif key.endswith((".discriminator", ".flags")):  # any bot's own
            if type(recorded) is not type(found):
                yield f"{key} is {found!r}"
        elif recorded != found or type(recorded) is not type(found):
            yield f"{key} is {found!r}, not {recorded!r}"


@attrs.frozen
class Cause:
    """What a client does so that the gateway has a reason for a close code before READY."""

    token: str = "hush"
    intents: int | None = None
    shard: tuple[int, int] = (0, 1)


CAUSES = {
    4004: Cause(token="wrong"),
    4010: Cause(shard=(3, 2)),
    4013: Cause(intents=1 << 40),
    4014: Cause(intents=MESSAGE_CONTENT),
}


class Client:
    """Plays the client's part of a transcript."""

    def __init__(self, path: Path) -> None:
        self.header, *self.lines = (json.loads(line) for line in path.read_text("utf-8").splitlines())
        self.names = Names()
        self.shift = 0.0
        self.said = 0
        self.expected = 0
        self.drop_is_armed = False
        self.interval = max(self.lines[1]["frame"]["d"]["heartbeat_interval"], BRIEFEST_MS)
        self.code = next((line["closes"] for line in self.lines if "closes" in line), 0)
        self.cause = CAUSES.get(self.code, Cause())
        self.messages = list(self._messages())
        answers = zip(map(_op, self.lines), map(_op, self.lines[1:]), strict=False)
        self.invalid_after = {asked for asked, answer in answers if answer == 9}
        self.withhold = not self.header.get("acks", True) and all(_op(line) != 11 for line in self.lines)

    def _messages(self) -> Iterator[tuple[str, bool]]:
        """Every message, and whether the client misses it at first: it comes between RESUME and RESUMED."""
        replaying = False
        for line in self.lines:
            replaying = (replaying or _op(line) == 6) and _event(line) != "RESUMED"
            if _event(line) == "MESSAGE_CREATE":
                yield line["frame"]["d"]["content"], replaying

    def town(self) -> Demo:
        """The world that the transcript tells of, and what in it leads to what the transcript tells."""
        tuning = Tuning(
            heartbeat_interval=self.interval / 1000,
            identify_window=5.0 if 2 in self.invalid_after else 0.0,
            session_lifetime=-1.0 if 6 in self.invalid_after else 300.0,
            guilds_per_shard=0 if self.code == 4011 else None,
        )
        demo = town(World(tuning, monotonic=lambda: trio.current_time() + self.shift))
        if self.code == 4014:
            demo.world.applications.get(demo.application_id).allowed_intents = 0
        return demo

    async def play(self, here: Running) -> None:
        """The whole transcript."""
        self.faults = here.sandbox.faults
        self.ann = Person(here.demo.world, here.demo.users["ann"])
        self.channel = here.channel()
        if 2 in self.invalid_after:
            async with gateway(here) as earlier:
                await earlier.login(token="hush", intents=0)
        starts = [number for number, line in enumerate(self.lines) if "connects" in line]
        for start, end in zip(starts, [*starts[1:], len(self.lines)], strict=True):
            await self._connection(here, self.lines[start:end])

    async def _connection(self, here: Running, lines: list[Line]) -> None:
        query = dict(lines[0]["connects"])
        del query["path"]  # the sandbox's resume address has none
        async with gateway(here, query.get("compress"), f"/?{urlencode(query)}") as socket:
            for number, line in enumerate(lines[1:], 1):
                await self._line(socket, line, lines[number + 1 :])

    async def _line(self, socket: Gateway, line: Line, later: list[Line]) -> None:
        match line:
            case {"from": "gateway", "frame": frame}:
                await self._expect(socket, frame)
            case {"from": "client", "frame": frame}:
                self._prepare(later)
                await self._send(socket, frame)
            case {"from": "client", "beats": seq}:
                assert socket.seq == seq
                await socket.send(1, seq)
                if self.header.get("acks", True):
                    assert (await socket.receive())["op"] == 11
            case {"from": "client", "leaves": code}:
                await self._leave(socket, 4900 if isinstance(code, str) else code)
            case {"from": "gateway", "closes": code}:
                if socket.seq is not None:
                    self.faults.arm_gateway(GatewayFault.CLOSE, close_code=code)
                assert (await socket.closed())[0] == code
                self._say_what_is_missed()
            case {"from": "gateway", "drops": True}:
                if not self.drop_is_armed:
                    self.faults.arm_gateway(GatewayFault.DROP)
                self.drop_is_armed = False
                assert (await socket.closed())[0] == 1006
                self._say_what_is_missed()
            case {"from": "shard" | "operator"}:
                pass
            case _:
                raise AssertionError(f"what is this line? {line}")

    async def _expect(self, socket: Gateway, frame: Line) -> None:
        """Bring about what the gateway does by itself, and compare what comes."""
        if frame["t"] == "MESSAGE_CREATE":
            self.expected += 1
            self._say(until=self.expected)
        elif frame["op"] == 7:
            self.faults.arm_gateway(GatewayFault.RECONNECT)
        elif frame["op"] == 1:
            self.faults.arm_gateway(GatewayFault.REQUEST_HEARTBEAT)
        elif frame["op"] == 9 and socket.seq is not None:
            self.faults.arm_gateway(GatewayFault.INVALID_SESSION, resumable=frame["d"])
        if frame["op"] == 10:
            frame = {**frame, "d": {"heartbeat_interval": self.interval}}
        found = await socket.receive()
        assert list(self.names.compare(frame, found)) == [], found

    def _prepare(self, later: list[Line]) -> None:
        """Arm what strikes in the middle of the replay that a client's frame begins."""
        for number, line in enumerate(later):
            if _event(line) == "RESUMED" or "connects" in line:
                return
            if "drops" in line and _op(later[0]) == 0 and _event(later[0]) != "READY":
                dispatches = sum(1 for one in later[:number] if _op(one) == 0)
                self.faults.arm_gateway(GatewayFault.DROP, after=dispatches)
                self.drop_is_armed = True
                return

    async def _send(self, socket: Gateway, frame: Line) -> None:
        data = dict(frame["d"])
        if frame["op"] == 2:
            usual = GUILD_MESSAGES | MESSAGE_CONTENT
            if any(_event(line) == "GUILD_CREATE" for line in self.lines):
                usual |= GUILDS
            data |= {
                "token": self.cause.token,
                "intents": self.cause.intents or usual,
                "properties": {"os": "linux", "browser": "alphapy", "device": "alphapy"},
                "shard": self.cause.shard,
            }
        elif frame["op"] == 6:
            data |= {"token": "hush", "session_id": self.names.ours[data["session_id"]]}
        await socket.send(frame["op"], data)

    async def _leave(self, socket: Gateway, code: int) -> None:
        if self.withhold:
            self.faults.arm_gateway(GatewayFault.WITHHOLD_ACKS)
            await socket.send(1, socket.seq)
            await wait_until(lambda: bool(self.faults.struck), what="a heartbeat without an answer")
        await socket.socket.aclose(code)
        with pytest.raises(ConnectionClosed):
            await socket.receive()
        self.shift += 10.0
        self._say_what_is_missed()

    def _say_what_is_missed(self) -> None:
        missed = [missed for _, missed in self.messages[self.said :]]
        self._say(until=self.said + (missed.index(False) if False in missed else len(missed)))

    def _say(self, *, until: int) -> None:
        for text, _ in self.messages[self.said : until]:
            self.ann.say(self.channel, text)
        self.said = max(self.said, until)


@pytest.mark.parametrize("path", PLAYED, ids=lambda path: path.stem)
async def test_the_sandbox_says_what_the_transcript_says(path: Path) -> None:
    client = Client(path)
    async with running(demo=client.town()) as here:
        with trio.fail_after(10):
            await client.play(here)
    assert client.said == len(client.messages)
    assert here.sandbox.faults.gateway == []


def test_only_what_the_sandbox_never_does_is_left_out() -> None:
    assert NOT_THE_SANDBOXS.keys() <= {path.stem for path in TRANSCRIPTS}
    assert len(PLAYED) >= 30
