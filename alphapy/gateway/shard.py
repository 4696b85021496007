"""A shard: one gateway session kept alive over one connection after another.

*One state* (:class:`ShardState`) *and one loop*: connect, listen until the connection has ended, decide what
its ending means (:mod:`alphapy.gateway.reconnect`, pure), wait, connect again. Every reason to leave a
connection is an :class:`~alphapy.gateway.reconnect.Ending`; the loop takes it from what it reads, or another
task hands it in through :class:`~alphapy.gateway.attention.Attention`.

*In order.* Dispatches are awaited one at a time, by their numbers (:mod:`alphapy.gateway.order`). While
``on_dispatch`` waits for room, nothing is read: the socket is the queue. Heartbeats go on from a task of
their own, and their ACKs are not missed meanwhile (:mod:`alphapy.gateway.heartbeat`).

*Nothing lost.* The sequence number advances after ``on_dispatch`` has returned, so what was not handed on
comes again after a RESUME. Leaving never sends 1000 or 1001, except to sign off.

*Failure modes.* Whatever the network or the gateway does ends in another attempt with back-off, except close
codes that only the operator can mend: :class:`~alphapy.gateway.reconnect.FatalClose`. A payload that makes
no sense is counted, logged once per kind, and skipped. An exception of ``on_dispatch`` other than
:class:`~alphapy.gateway.events.MalformedEvent` is a bug and ends :meth:`Shard.run`.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

import trio

from alphapy.gateway import requests
from alphapy.gateway.attention import Attention
from alphapy.gateway.codec import BrokenStream, Compression, Envelope, Malformed
from alphapy.gateway.complaints import Complaints, tell_ending
from alphapy.gateway.connection import Connection, Disconnected, Unreachable, hold
from alphapy.gateway.events import MalformedEvent, Ready, decode
from alphapy.gateway.heartbeat import LatencyWindow
from alphapy.gateway.link import Link, read_hello
from alphapy.gateway.opcodes import RESUMABLE_CLOSE, SIGN_OFF_CLOSE, Intents, Opcode
from alphapy.gateway.reconnect import Ending, EndKind, NextStep, Patience, Reconnection, check_fatal
from alphapy.gateway.rest.errors import DiscordError
from alphapy.gateway.sendlimit import Urgency
from alphapy.gateway.session import SessionTrack
from alphapy.gateway.shard_facts import Dispatch, ShardState, ShardStatistics

if TYPE_CHECKING:
    import random
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from alphapy.environment import Secret
    from alphapy.gateway.identify import IdentifyQueue, Permit
    from alphapy.gateway.session import GatewaySession
    from alphapy.pure.ids import GuildId, UserId

__all__ = ["Dispatch", "Shard", "ShardState", "ShardStatistics"]

_log = logging.getLogger(__name__)

_POLITE: Final = frozenset(
    {
        EndKind.RECONNECT,
        EndKind.INVALID_SESSION,
        EndKind.SILENT,
        EndKind.BROKEN_STREAM,
        EndKind.REWIND,
        EndKind.STOPPED,
    }
)
"""Endings after which the other side is told that we leave; from the rest no answer is to be expected."""


_SLICE: Final = 0.005
"""Seconds that messages are acted upon before everybody else has a turn."""


class Shard:
    """See the module. ``run`` once; the other methods may be called from any task."""

    def __init__(
        self,
        *,
        token: Secret,
        intents: Intents,
        find_gateway: Callable[[], Awaitable[str]],
        on_dispatch: Callable[[Dispatch], Awaitable[None]],
        identify: IdentifyQueue,
        rng: random.Random,
        shard_id: int = 0,
        shard_count: int = 1,
        session: GatewaySession | None = None,
        on_state: Callable[[ShardState], None] = lambda _state: None,
        compression: Compression = Compression.ZSTD,
        patience: Patience | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """``find_gateway`` gives the gateway's URL; it may raise DiscordError or OSError, and is asked again.

        ``on_dispatch`` is awaited for each dispatch in order. ``on_state`` is called on every change and
        must not block. ``session`` is one to RESUME. ``ssl_context``: None for the usual checks.
        """
        self.shard_id = shard_id
        self._shard_count = shard_count
        self._token = token
        self._intents = intents
        self._find_gateway = find_gateway
        self._on_dispatch = on_dispatch
        self._on_state = on_state
        self._identify = identify
        self._rng = rng
        self._compression = compression
        self._patience = patience if patience is not None else Patience()
        self._ssl_context = ssl_context

        self._state = ShardState.CONNECTING
        self._state_since: float | None = None
        self._track = SessionTrack(session)
        self._link: Link | None = None
        self._permit: Permit | None = None
        self._ask_for_address = False

        self._attention = Attention()
        self._stopping = self._sign_off = self._draining = False
        self._life = trio.CancelScope()
        self._finished = trio.Event()

        self._latency = LatencyWindow()
        self._complaints = Complaints(shard_id)
        self._received = self._duplicates = self._reconnects = 0
        self._last_ending: str | None = None

    @property
    def state(self) -> ShardState:
        """What the shard is doing."""
        return self._state

    @property
    def session(self) -> GatewaySession | None:
        """The session as it could be resumed now: up to the last event that was handed on."""
        return self._track.session

    def statistics(self) -> ShardStatistics:
        """The shard as it is now."""
        now = trio.current_time()
        return ShardStatistics(
            shard_id=self.shard_id,
            shard_count=self._shard_count,
            state=self._state,
            in_state=0.0 if self._state_since is None else now - self._state_since,
            latency=self._latency.statistics(now),
            seq=self._track.seq,
            session_id=self._track.session_id,
            received=self._received,
            duplicates=self._duplicates,
            reconnects=self._reconnects,
            malformed=self._complaints.snapshot(),
            last_ending=self._last_ending,
        )

    def drain(self) -> None:
        """Hand on nothing more, but keep the connection alive until :meth:`stop`."""
        self._draining = True
        if self._link is not None:
            self._enter(ShardState.DRAINING)
            self._attention.wake()

    async def stop(self, *, sign_off: bool = False) -> None:
        """Finish the event at hand, leave, and return once :meth:`run` has.

        The session stays resumable, unless ``sign_off``: then it ends, and the bot shows offline at once.
        """
        self._stopping, self._sign_off = True, sign_off
        if self._state_since is None:
            return  # never run, and now it will not
        if self._state is not ShardState.CLOSED:
            self._enter(ShardState.DRAINING)
        self._attention.interrupt(Ending(EndKind.STOPPED))
        with trio.move_on_after(self._patience.drain):
            await self._finished.wait()
        self._life.cancel(reason="the event at hand took too long")
        await self._finished.wait()

    def rewind(self, seq: int) -> None:
        """Reconnect, and have everything behind this number of the session sent again."""
        self._track.go_back_later(seq)
        self._attention.interrupt(Ending(EndKind.REWIND, f"to read again from {seq}"))

    async def request_members(
        self,
        guild_id: GuildId,
        *,
        query: str = "",
        limit: int = 0,
        user_ids: Sequence[UserId] = (),
        nonce: str | None = None,
    ) -> bool:
        """Ask for members (op 8), which come as GUILD_MEMBERS_CHUNK: those whose name begins with ``query``.

        All of them for an empty one, with ``limit`` 0; or at most 100 given by their ids. False when there
        is no READY connection, or it was lost while this waited for room in the send limit.
        """
        link = self._link
        if link is None or link.ready_since is None:
            return False
        wanted = requests.members(guild_id, query=query, limit=limit, user_ids=user_ids, nonce=nonce)
        return await link.send(Opcode.REQUEST_GUILD_MEMBERS, wanted, Urgency.ORDINARY)

    async def run(self) -> None:
        """Keep the session alive until :meth:`stop`; raises FatalClose where the operator has to act."""
        reconnection = Reconnection(self._patience)
        try:
            with self._life:
                while not self._stopping:
                    self._enter(ShardState.CONNECTING)
                    ending = await self._attempt()
                    if ending.kind is EndKind.STOPPED:
                        break
                    step = self._settle(reconnection, ending)
                    await self._attention.wait(trio.sleep, step.wait)
        finally:
            self._link = None
            self._enter(ShardState.CLOSED)
            self._finished.set()

    def _settle(self, reconnection: Reconnection, ending: Ending) -> NextStep:
        """Take the consequences of an ending, and forget the connection."""
        link, self._link = self._link, None
        self._attention.settle()
        ready_since = link.ready_since if link is not None else None
        self._last_ending = f"{ending.kind.value}: {ending.detail}" if ending.detail else ending.kind.value
        check_fatal(ending, self.shard_id)
        step = reconnection.after(
            ending,
            ready_for=None if ready_since is None else trio.current_time() - ready_since,
            resumed_in_vain=link is not None and link.resumed_in_vain,
            rng=self._rng,
        )
        self._ask_for_address = step.find_gateway
        self._reconnects += 1
        if not step.keep_session:
            self._track.forget()
        if self._track.go_back():
            _log.info("The log is read again", extra={"event": "gateway_rewound", "shard": self.shard_id})
        tell_ending(self.shard_id, ending, step, resume=self._track.session_id is not None)
        return step

    async def _attempt(self) -> Ending:
        """One connection from finding the gateway to leaving it."""
        try:
            found = await self._find()
            if isinstance(found, Ending):
                return found
            if self._track.session_id is None and not await self._attention.wait(self._take_turn):
                return Ending(EndKind.STOPPED)
            async with trio.open_nursery() as nursery:
                ending = await self._converse(nursery, found)
                nursery.cancel_scope.cancel(reason=f"the connection has ended: {ending.kind.value}")
            return ending
        finally:
            self._return_turn()

    async def _find(self) -> str | Ending:
        """The address to connect to: the session's own, or Discord's."""
        session = self._track.session
        if session is not None and not self._ask_for_address:
            return session.resume_url
        deadline = trio.current_time() + self._patience.find
        try:
            found = await self._attention.wait(self._find_gateway, deadline=deadline)
        except (DiscordError, OSError) as error:
            return Ending(EndKind.UNREACHABLE, f"the gateway's address could not be had: {error}")
        if found is not None:
            return found
        late = Ending(EndKind.UNREACHABLE, "the gateway's address did not come in time")
        return self._attention.verdict or late

    async def _take_turn(self) -> bool:
        self._permit = await self._identify.acquire(self.shard_id)
        return True

    def _return_turn(self) -> None:
        if self._permit is not None:
            self._permit.give_back()
            self._permit = None

    async def _converse(self, nursery: trio.Nursery, url: str) -> Ending:
        """Connect, listen, leave."""
        address = requests.gateway_address(url, self._compression.value)
        try:
            connection: Connection | None = await self._attention.wait(
                nursery.start, hold, address, self._patience.connect, self._ssl_context
            )
        except Unreachable as error:
            return Ending(EndKind.UNREACHABLE, error.detail)
        if connection is None:
            return Ending(EndKind.STOPPED)
        link = self._link = Link(
            connection, self._compression, on_trouble=self._attention.interrupt, within=self._patience.send
        )
        link.deadline = trio.current_time() + self._patience.hello
        try:
            ending = await self._listen(nursery, link)
        except Disconnected as over:
            ending = Ending(EndKind.LOST if over.code is None else EndKind.CLOSED, over.detail, over.code)
        link.abandon()
        if ending.kind in _POLITE:
            code = SIGN_OFF_CLOSE if self._sign_off else RESUMABLE_CLOSE
            await link.close(code, within=self._patience.close)
        return ending

    async def _listen(self, nursery: trio.Nursery, link: Link) -> Ending:
        """Read and act until something ends the connection."""
        while True:
            messages: list[bytes | str] | None = await self._attention.wait(
                trio.sleep_forever if self._draining else link.receive,
                deadline=min(link.deadline, link.order.due),
            )
            if self._attention.verdict is not None:
                return self._attention.verdict
            ending = None
            if messages is not None:  # what has come may fill the gap, however late it is read
                ending = await self._take_all(nursery, link, messages)
            elif trio.current_time() >= link.deadline:
                return Ending(EndKind.SILENT, f"nothing came while {self._state.value}")
            if ending is None and trio.current_time() >= link.order.due:
                ending = await self._close_gap(link)
            if ending is not None:
                return ending

    async def _close_gap(self, link: Link) -> Ending | None:
        """A number does not come: have it sent again, or go on without it; a replay may leave numbers out."""
        is_replay = link.live_from is None or self._track.seq < link.live_from
        if not is_replay and not self._draining and self._track.ask_again():
            return Ending(EndKind.REWIND, f"event {self._track.seq + 1} did not come")
        await self._hand_on(link.order.release())
        return None

    async def _take_all(
        self, nursery: trio.Nursery, link: Link, messages: Sequence[bytes | str]
    ) -> Ending | None:
        """Act on messages one after the other, with a checkpoint now and then: nobody waits for a burst."""
        slice_ends = trio.current_time() + _SLICE
        for message in messages:
            ending = await self._take(nursery, link, message)
            if ending is not None or self._draining:
                return ending
            if trio.current_time() >= slice_ends:
                await trio.lowlevel.checkpoint()
                if self._attention.verdict is not None:
                    return self._attention.verdict
                slice_ends = trio.current_time() + _SLICE
        return None

    async def _take(self, nursery: trio.Nursery, link: Link, message: bytes | str) -> Ending | None:
        """Act on the payloads that a message completes."""
        try:
            payloads = link.decode(message)
        except BrokenStream as error:
            self._complaints.count(Malformed(error.kind, error.detail, len(message)))
            return Ending(EndKind.BROKEN_STREAM, str(error))
        for payload in payloads:
            if isinstance(payload, Malformed):
                self._complaints.count(payload)
                continue
            ending = await self._obey(nursery, link, payload)
            if ending is not None or self._attention.verdict is not None:
                return ending or self._attention.verdict
            if self._draining:
                break
        return None

    async def _obey(self, nursery: trio.Nursery, link: Link, payload: Envelope) -> Ending | None:
        """Do what one payload asks for."""
        match payload.op:
            case Opcode.DISPATCH:
                return await self._dispatch(link, payload)
            case Opcode.HEARTBEAT_ACK:
                latency = link.acknowledged()
                if latency is not None:
                    self._latency.record(trio.current_time(), latency)
            case Opcode.HEARTBEAT:
                await link.beat(self._track.seq or None, Urgency.REQUESTED_BEAT)
            case Opcode.HELLO:
                return await self._greet(nursery, link, payload)
            case Opcode.RECONNECT:
                return Ending(EndKind.RECONNECT, "the gateway asked for it")
            case Opcode.INVALID_SESSION:
                link.resume_answered = True
                resumable = bytes(payload.d) == b"true"
                detail = "resumable" if resumable else "not resumable"
                return Ending(EndKind.INVALID_SESSION, detail, resumable=resumable)
            case _:
                self._complaints.payload("opcode", f"opcode {payload.op} is not for clients", payload)
        return None

    async def _greet(self, nursery: trio.Nursery, link: Link, payload: Envelope) -> Ending | None:
        """HELLO: begin to beat, then IDENTIFY or RESUME."""
        interval = read_hello(payload)
        if isinstance(interval, Malformed):
            self._complaints.count(interval)
            return Ending(EndKind.SILENT, "HELLO made no sense")
        if link.greeted:
            self._complaints.payload("hello", "a second HELLO", payload)
            return None
        link.greet(interval)
        link.deadline = trio.current_time() + self._patience.ready
        nursery.start_soon(link.keep_beating, self._rng, lambda: self._track.seq or None)
        token, session = self._token.reveal(), self._track.session
        if session is None:
            self._enter(ShardState.IDENTIFYING)
            if self._permit is not None:
                self._permit.used()
            identity = requests.identify(token, self._intents, self.shard_id, self._shard_count)
            await link.send(Opcode.IDENTIFY, identity, Urgency.SCHEDULED_BEAT)
        else:
            self._enter(ShardState.RESUMING)
            link.resume_sent = True
            claim = requests.resume(token, session.session_id, session.seq)
            await link.send(Opcode.RESUME, claim, Urgency.SCHEDULED_BEAT)
        return None

    async def _dispatch(self, link: Link, payload: Envelope) -> Ending | None:
        """Hand on an event, READY and RESUMED included, after the shard has taken note of them."""
        name, seq = payload.t, payload.s
        if name is None or seq is None or seq < 1:
            self._complaints.payload("dispatch", "a dispatch without name or number", payload)
            return None
        if name == "READY":
            ending = self._begin(link, payload)
            if ending is not None:
                return ending
        session_id = self._track.session_id
        if session_id is None:
            self._complaints.payload("dispatch", "a dispatch before READY", payload)
            return None
        if name == "RESUMED":
            self._resumed(link, seq)
        if self._track.is_repeated(seq) or seq in link.order:
            self._duplicates += 1
            return None
        if self._state is ShardState.RESUMING:
            link.deadline = trio.current_time() + self._patience.ready
        dispatch = Dispatch(name, payload.d, seq, session_id, self.shard_id)
        await self._hand_on(link.order.take(dispatch, self._track.seq, trio.current_time()))
        return await self._close_gap(link) if link.order.is_full else None

    async def _hand_on(self, dispatches: Sequence[Dispatch]) -> None:
        for dispatch in dispatches:
            if self._draining:
                return
            try:
                await self._on_dispatch(dispatch)
            except MalformedEvent as error:
                self._complaints.event(error, len(bytes(dispatch.data)))
            self._received += 1
            self._track.handed_on(dispatch.seq)

    def _begin(self, link: Link, payload: Envelope) -> Ending | None:
        """READY: a new session."""
        try:
            ready = decode("READY", payload.d)
        except MalformedEvent as error:
            self._complaints.event(error, len(bytes(payload.d)))
            return Ending(EndKind.SILENT, "READY made no sense")
        if isinstance(ready, Ready):
            self._track.begin(ready.session_id, ready.resume_gateway_url)
            self._return_turn()
            self._arrive(link, payload.s)
            _log.info(
                "The gateway session is ready",
                extra={"event": "gateway_ready", "shard": self.shard_id, "guilds": len(ready.guilds)},
            )
        return None

    def _resumed(self, link: Link, seq: int) -> None:
        link.resume_answered = True
        self._arrive(link, seq)
        _log.info(
            "The gateway session is resumed",
            extra={"event": "gateway_resumed", "shard": self.shard_id, "seq": self._track.seq},
        )

    def _arrive(self, link: Link, seq: int | None) -> None:
        link.deadline = math.inf
        link.live_from = seq
        link.ready_since = trio.current_time()
        self._enter(ShardState.READY)

    def _enter(self, state: ShardState) -> None:
        if (self._draining or self._stopping) and state is not ShardState.CLOSED:
            state = ShardState.DRAINING
        if self._state is state and self._state_since is not None:
            return
        self._state, self._state_since = state, trio.current_time()
        self._on_state(state)
