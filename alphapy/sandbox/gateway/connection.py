"""One client's socket: hello, identify or resume, heartbeats, dispatches in order, and how it ends.

Reading and writing are two tasks. The writer alone touches the compression context. A socket that ends leaves
its session to be resumed, unless the client closed with 1000 or 1001 or the session was declared invalid.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import attrs
import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from alphapy.sandbox import limits
from alphapy.sandbox.faults import ArmedGatewayFault, Faults, GatewayFault
from alphapy.sandbox.gateway import compression, intents
from alphapy.sandbox.gateway.codes import Close, Op

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.gateway.sessions import GatewaySession, Sessions
    from alphapy.sandbox.world.world import World

BETWEEN_FRAMES = frozenset(
    {
        GatewayFault.DROP,
        GatewayFault.RECONNECT,
        GatewayFault.INVALID_SESSION,
        GatewayFault.CLOSE,
        GatewayFault.REQUEST_HEARTBEAT,
    }
)
CLOSE_WITHIN = 1.0
"""Seconds that a client has to answer a close frame."""


class Closing(Exception):
    """The socket is to be closed: with this code, or without a close frame if it is None."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@attrs.define
class _Window:
    """How many payloads the client has sent in the present window."""

    started: float = 0.0
    count: int = 0


class Connection:
    """The server's side of one gateway socket."""

    def __init__(
        self,
        world: World,
        sessions: Sessions,
        faults: Faults,
        socket: WebSocketConnection,
        stream: trio.abc.Stream,
        resume_url: str,
    ) -> None:
        self._world = world
        self._tuning = world.tuning
        self._sessions = sessions
        self._faults = faults
        self._socket = socket
        self._stream = stream
        self._resume_url = resume_url
        self._encode: compression.Encoder = compression.plain
        self._session: GatewaySession | None = None
        self._sent = 0
        self._counted = False
        self._control: deque[bytes] = deque()
        self._wake = trio.Event()
        self._window = _Window()
        self._heartbeat_due = 0.0

    async def run(self, path: str) -> None:
        """Serve the socket until it ends; never raises for what a client does."""
        unlisten = self._faults.on_armed(self._rouse)
        closing = Closing(None)
        try:
            self._open(path)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                nursery.start_soon(self._watch_heartbeat)
                await self._read()
        except* Closing as ends:
            closing = _first(ends)
        except* ConnectionClosed:
            pass
        finally:
            unlisten()
            self._detach()
        await self._finish(closing)

    def _open(self, path: str) -> None:
        query = {key: values[-1] for key, values in parse_qs(urlsplit(path).query).items()}
        hello = {"heartbeat_interval": int(self._tuning.heartbeat_interval * 1000), "_trace": ["sandbox"]}
        self._control.append(_control(Op.HELLO, data=hello))
        self._heartbeat_due = self._world.monotonic() + self._tuning.heartbeat_interval * 2
        if query.get("v", "10") not in {"9", "10"}:
            raise Closing(Close.INVALID_VERSION, "The API version is not served")
        encode = compression.encoder(query.get("compress"))
        if encode is None or query.get("encoding", "json") != "json":
            raise Closing(Close.DECODE_ERROR, "The encoding or compression is unknown")
        self._encode = encode

    async def _finish(self, closing: Closing) -> None:
        if closing.code is None:
            await trio.aclose_forcefully(self._stream)
            return
        with trio.move_on_after(CLOSE_WITHIN):
            await self._socket.aclose(closing.code, closing.reason)

    def _detach(self) -> None:
        session = self._session
        if session is None:
            return
        reason = self._socket.closed
        ended_by_client = reason is not None and reason.code in {1000, 1001}
        if session.wake == self._rouse:
            session.wake = None
            session.detached_at = self._world.monotonic()
            if ended_by_client:
                self._sessions.end(session)
        if self._counted:
            self._world.note_connection(session.application_id, -1)

    # Reading

    async def _read(self) -> None:
        while True:
            try:
                message = await self._socket.get_message()
            except ConnectionClosed as closed:
                raise Closing(None) from closed
            self._count_send()
            self._receive(_decoded(message))

    def _count_send(self) -> None:
        now = self._world.monotonic()
        if now >= self._window.started + self._tuning.send_window:
            self._window = _Window(now, 0)
        self._window.count += 1
        if self._window.count > self._tuning.sends_per_window:
            raise Closing(Close.RATE_LIMITED, "Too many payloads in a minute")

    def _receive(self, payload: JSON) -> None:
        op, data = payload.get("op"), payload.get("d")
        if op == Op.HEARTBEAT:
            self._on_heartbeat()
        elif op == Op.IDENTIFY:
            self._on_identify(data)
        elif op == Op.RESUME:
            self._on_resume(data)
        elif op not in {Op.PRESENCE, Op.VOICE, Op.REQUEST_MEMBERS, Op.SOUNDBOARD}:
            raise Closing(Close.UNKNOWN_OPCODE, "The opcode is unknown")
        elif self._session is None:
            raise Closing(Close.NOT_AUTHENTICATED, "Identify first")
        elif op == Op.REQUEST_MEMBERS and isinstance(data, dict):
            self._sessions.members_chunks(self._session, data)

    def _on_heartbeat(self) -> None:
        self._heartbeat_due = self._world.monotonic() + self._tuning.heartbeat_interval * 2
        application_id = 0 if self._session is None else self._session.application_id
        if self._faults.due(application_id, frozenset({GatewayFault.WITHHOLD_ACKS})) is None:
            self._push(_control(Op.ACK))

    def _on_identify(self, data: Any) -> None:
        if self._session is not None:
            raise Closing(Close.ALREADY_AUTHENTICATED, "Already identified")
        if not isinstance(data, dict) or not isinstance(data.get("token"), str):
            raise Closing(Close.DECODE_ERROR, "Identify is malformed")
        application = self._world.applications.by_token(data["token"].removeprefix("Bot "))
        if application is None:
            raise Closing(Close.AUTHENTICATION_FAILED, "Authentication failed")
        shard = _shard(data.get("shard"))
        wanted = data.get("intents")
        if not isinstance(wanted, int) or wanted < 0 or wanted & ~intents.KNOWN:
            raise Closing(Close.INVALID_INTENTS, "The intents are invalid")
        if wanted & intents.PRIVILEGED & ~application.allowed_intents:
            raise Closing(Close.DISALLOWED_INTENTS, "A privileged intent is not allowed")
        self._require_shards(application.id, shard)
        if not self._sessions.admit(application.id, shard[0]):
            self._push(_control(Op.INVALID_SESSION, data=False))
            return
        session = self._sessions.create(application.id, wanted, shard)
        self._sessions.open_with_guilds(session, self._resume_url)
        self._attach(session, 0)

    def _require_shards(self, application_id: int, shard: tuple[int, int]) -> None:
        most = self._tuning.guilds_per_shard
        if most is None:
            return
        guilds = sum(1 for _ in self._world.guilds.of_user(application_id))
        if guilds > most * shard[1]:
            raise Closing(Close.SHARDING_REQUIRED, "The bot is in too many guilds for so few shards")

    def _on_resume(self, data: Any) -> None:
        if self._session is not None:
            raise Closing(Close.ALREADY_AUTHENTICATED, "Already identified")
        if not isinstance(data, dict) or not isinstance(data.get("seq"), int):
            raise Closing(Close.DECODE_ERROR, "Resume is malformed")
        application = self._world.applications.by_token(str(data.get("token")).removeprefix("Bot "))
        if application is None:
            raise Closing(Close.AUTHENTICATION_FAILED, "Authentication failed")
        session = self._sessions.find(data.get("session_id"))
        if session is None or session.application_id != application.id:
            self._push(_control(Op.INVALID_SESSION, data=False))
            return
        if data["seq"] > session.seq:
            self._sessions.end(session)
            raise Closing(Close.INVALID_SEQ, "The sequence number is in the future")
        if not session.covers(data["seq"]):
            self._sessions.end(session)
            self._push(_control(Op.INVALID_SESSION, data=False))
            return
        session.resume(data["seq"])
        self._attach(session, data["seq"])

    def _attach(self, session: GatewaySession, sent: int) -> None:
        if session.wake is not None:
            session.wake()
        session.wake = self._rouse
        self._session = session
        self._sent = sent
        self._counted = True
        self._world.note_connection(session.application_id, +1)
        self._rouse()

    # Writing

    def _push(self, payload: bytes) -> None:
        self._control.append(payload)
        self._rouse()

    def _rouse(self) -> None:
        self._wake.set()

    async def _write(self) -> None:
        while True:
            if self._control:
                await self._send(self._control.popleft())
            elif not await self._write_dispatch():
                self._wake = trio.Event()
                if not self._control and not self._pending():
                    await self._wake.wait()

    def _pending(self) -> bool:
        session = self._session
        return session is not None and (self._sent < session.seq or session.wake != self._rouse)

    async def _write_dispatch(self) -> bool:
        """Send what is next in the session's log; False when there is nothing to do."""
        session = self._session
        if session is None:
            return False
        if session.wake != self._rouse:
            raise Closing(Close.UNKNOWN_ERROR, "The session was resumed elsewhere")
        fault = self._faults.due(session.application_id, BETWEEN_FRAMES)
        if fault is not None:
            self._strike(session, fault)
            return True
        if self._sent >= session.seq:
            return False
        await self._dispatch(session)
        return True

    async def _dispatch(self, session: GatewaySession) -> None:
        number = self._sent + 1
        if session.skips(number):
            self._sent = number
            return
        frame = session.frame(number)
        if frame is None:
            raise Closing(Close.UNKNOWN_ERROR, "The client is too slow")
        self._sent = number
        if number > max(session.resumed, 1) and self._due(session, GatewayFault.OMIT):
            return
        if self._due(session, GatewayFault.TRUNCATE):
            encoded = self._encode(frame)
            await self._socket.send_message(encoded[: len(encoded) // 2])
            raise Closing(None)
        if number < session.seq and self._due(session, GatewayFault.REORDER):
            following = session.frame(number + 1)
            self._sent = number + 1
            await self._send(following or frame)
            self._faults.count_dispatch(session.application_id)
        twice = self._due(session, GatewayFault.DUPLICATE)
        await self._send(frame)
        if twice:
            await self._send(frame)
        self._faults.count_dispatch(session.application_id)

    def _due(self, session: GatewaySession, kind: GatewayFault) -> bool:
        return self._faults.due(session.application_id, frozenset({kind})) is not None

    def _strike(self, session: GatewaySession, fault: ArmedGatewayFault) -> None:
        if fault.kind in {GatewayFault.DROP, GatewayFault.CLOSE} and not fault.resumable:
            self._sessions.end(session)
        if fault.kind is GatewayFault.DROP:
            raise Closing(None)
        if fault.kind is GatewayFault.CLOSE:
            raise Closing(fault.close_code, "A scripted fault")
        if fault.kind is GatewayFault.RECONNECT:
            self._push(_control(Op.RECONNECT))
            return
        if fault.kind is GatewayFault.REQUEST_HEARTBEAT:
            self._push(_control(Op.HEARTBEAT))
            return
        self._push(_control(Op.INVALID_SESSION, data=fault.resumable))
        self._leave(session, resumable=fault.resumable)

    def _leave(self, session: GatewaySession, *, resumable: bool) -> None:
        """Part from a session that was declared invalid; the client may identify or resume on this socket."""
        session.wake = None
        session.detached_at = self._world.monotonic()
        if not resumable:
            self._sessions.end(session)
        self._session = None
        self._counted = False
        self._world.note_connection(session.application_id, -1)

    async def _send(self, payload: bytes) -> None:
        await self._socket.send_message(self._encode(payload))

    async def _watch_heartbeat(self) -> None:
        while True:
            pause = self._heartbeat_due - self._world.monotonic()
            if pause <= 0:
                raise Closing(Close.TIMED_OUT, "No heartbeat came")
            await trio.sleep(pause)


def _control(op: Op, *, data: object = None) -> bytes:
    return msgspec.json.encode({"t": None, "s": None, "op": int(op), "d": data})


def _decoded(message: str | bytes) -> JSON:
    if len(message) > limits.GATEWAY_PAYLOAD:
        raise Closing(Close.DECODE_ERROR, "The payload is too large")
    try:
        payload = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Closing(Close.DECODE_ERROR, "The payload is no JSON") from None
    if not isinstance(payload, dict):
        raise Closing(Close.DECODE_ERROR, "The payload is no object")
    return payload


def _shard(value: Any) -> tuple[int, int]:
    if value is None:
        return 0, 1
    fits = isinstance(value, list) and len(value) == 2 and all(isinstance(n, int) for n in value)
    if not fits or not 0 <= value[0] < value[1]:
        raise Closing(Close.INVALID_SHARD, "The shard is invalid")
    return value[0], value[1]


def _first(group: BaseExceptionGroup[Any]) -> Closing:
    """The ending with a code if there is one, else any."""
    found: list[Closing] = []
    pending: list[BaseException] = [group]
    while pending:
        item = pending.pop()
        if isinstance(item, BaseExceptionGroup):
            pending.extend(item.exceptions)
        elif isinstance(item, Closing):
            found.append(item)
    return next((closing for closing in found if closing.code is not None), found[0])
