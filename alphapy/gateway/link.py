"""One connection of a shard, with all that lives and dies with it: codec, heartbeats, send limit.

The shard decides; the link reads, beats and sends. What goes wrong here is told to ``on_trouble`` as an
:class:`~alphapy.gateway.reconnect.Ending`, because the loop is listening meanwhile.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from alphapy.gateway.codec import Codec, Compression, Envelope, Malformed
from alphapy.gateway.connection import Disconnected
from alphapy.gateway.heartbeat import LONGEST_INTERVAL, SHORTEST_INTERVAL, Heartbeat, first_beat
from alphapy.gateway.opcodes import Opcode
from alphapy.gateway.order import Order
from alphapy.gateway.reconnect import Ending, EndKind
from alphapy.gateway.sendlimit import SendLimit, Urgency

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from alphapy.gateway.connection import Connection


class _Hello(msgspec.Struct):
    heartbeat_interval: float


_HELLO: Final = msgspec.json.Decoder(_Hello)


def read_hello(payload: Envelope) -> float | Malformed:
    """The heartbeat interval in seconds that a HELLO asks for."""
    size = len(bytes(payload.d))
    try:
        interval = _HELLO.decode(payload.d).heartbeat_interval / 1000
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Malformed("hello", str(error), size)
    if not SHORTEST_INTERVAL <= interval <= LONGEST_INTERVAL:
        return Malformed("hello", f"a heartbeat interval of {interval} s", size)
    return interval


class Link:
    """See the module. ``deadline`` is when the loop gives up listening; ``ready_since`` when READY came.

    ``live_from`` is the number of READY or RESUMED; what comes before that is a replay.
    """

    def __init__(
        self,
        connection: Connection,
        compression: Compression,
        *,
        on_trouble: Callable[[Ending], None],
        within: float,
    ) -> None:
        """``within``: seconds that one send may take."""
        self._connection = connection
        self._codec = Codec(compression)
        self._on_trouble = on_trouble
        self._within = within
        self._heartbeat: Heartbeat | None = None
        self._limit: SendLimit | None = None
        self._over = trio.Event()
        self.order = Order()
        self.deadline = math.inf
        self.ready_since: float | None = None
        self.live_from: int | None = None
        self.resume_sent = False
        self.resume_answered = False

    @property
    def greeted(self) -> bool:
        """Whether HELLO has come."""
        return self._heartbeat is not None

    @property
    def resumed_in_vain(self) -> bool:
        """Whether RESUME was sent and neither RESUMED nor op 9 came."""
        return self.resume_sent and not self.resume_answered

    def greet(self, interval: float) -> None:
        """Take note of HELLO."""
        self._heartbeat = Heartbeat(interval)
        self._limit = SendLimit(interval)

    async def receive(self) -> list[bytes | str]:
        """The messages that have come, at least one; the time until then counts as listening."""
        if self._heartbeat is not None:
            self._heartbeat.listening(trio.current_time())
        try:
            return await self._connection.receive()
        finally:
            if self._heartbeat is not None:
                self._heartbeat.heard(trio.current_time())

    def decode(self, message: bytes | str) -> list[Envelope | Malformed]:
        """The payloads that this message completes; raises BrokenStream."""
        return self._codec.feed(message)

    async def keep_beating(self, rng: random.Random, seq: Callable[[], int | None]) -> None:
        """Beat until cancelled or until the connection proves to be a zombie."""
        heartbeat = self._heartbeat
        if heartbeat is None:
            return
        await trio.sleep(first_beat(heartbeat.interval, rng))
        while not heartbeat.is_zombie(trio.current_time()):
            await self.beat(seq(), Urgency.SCHEDULED_BEAT)
            await trio.sleep(heartbeat.interval)
        self._on_trouble(Ending(EndKind.ZOMBIE, "no heartbeat ACK"))

    async def beat(self, seq: int | None, urgency: Urgency) -> None:
        """Send a beat; one that the gateway asked for is left out when there is no room for it."""
        if self._limit is None or self._heartbeat is None:
            return
        if urgency is Urgency.REQUESTED_BEAT and self._limit.delay(trio.current_time(), urgency) > 0:
            return
        self._heartbeat.sent(trio.current_time())  # before it leaves: the ACK may be read before we go on
        await self.send(Opcode.HEARTBEAT, seq, urgency)

    def acknowledged(self) -> float | None:
        """An ACK was read: its latency in seconds."""
        return None if self._heartbeat is None else self._heartbeat.acknowledged(trio.current_time())

    async def send(self, opcode: Opcode, data: object, urgency: Urgency) -> bool:
        """Send as soon as the limit allows; False when the connection has ended first.

        Once begun, a send is finished even if the caller is cancelled: half a frame would spoil the stream.
        """
        if self._limit is None:
            return False
        while True:
            now = trio.current_time()
            if self._limit.take(now, urgency):
                break
            with trio.move_on_after(self._limit.delay(now, urgency)):
                await self._over.wait()
                return False
        with trio.move_on_after(self._within, shield=True) as sending:
            try:
                await self._connection.send(msgspec.json.encode({"op": int(opcode), "d": data}))
            except Disconnected:
                return False  # the loop finds out by itself, and with the close code
        if sending.cancelled_caught:
            self._on_trouble(Ending(EndKind.LOST, f"a send took more than {self._within:g} s"))
            return False
        return True

    async def close(self, code: int, *, within: float) -> None:
        """Say good-bye with this close code, waiting ``within`` seconds for the answer at the most."""
        await self._connection.close(code, within=within)

    def abandon(self) -> None:
        """Nothing more is to be sent; who waits for room is told so."""
        self._over.set()
