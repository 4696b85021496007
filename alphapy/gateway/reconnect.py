"""What to do after a connection has ended, pure: keep the session or not, how long to wait, or give up.

Rules: https://docs.discord.com/developers/events/gateway#disconnecting and #resuming
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import override

from alphapy.gateway.opcodes import SessionFate, close_meaning
from alphapy.pure.backoff import Backoff

if TYPE_CHECKING:
    import random

_STABLE: Final = 10.0
"""Seconds of READY after which a connection counts as a success, and back-off starts anew."""
_MOST_VAIN_RESUMES: Final = 3
_MOST_DEAD_ENDS: Final = 3


_BACKOFF: Final = Backoff(initial=1.0, factor=2.0, ceiling=60.0, jitter=0.5)


@attrs.frozen(kw_only=True)
class Patience:
    """How long a shard waits for what, in seconds. The defaults are meant for Discord."""

    connect: float = 10.0
    """For each of: the TCP connection, TLS, the answer to the WebSocket handshake."""
    find: float = 60.0
    """For the gateway's address."""
    hello: float = 20.0
    ready: float = 60.0
    """From IDENTIFY to READY; while resuming, from one replayed event to the next."""
    send: float = 10.0
    close: float = 1.0
    """For the close handshake; the socket is dropped afterwards in any case."""
    drain: float = 5.0
    """For the event at hand when told to stop."""
    invalid_session: tuple[float, float] = (1.0, 5.0)
    """Discord asks for a random wait in this range after op 9."""
    backoff: Backoff = _BACKOFF
    """Between attempts to reconnect."""


class EndKind(enum.Enum):
    """Why a connection ended, or did not come about."""

    UNREACHABLE = "unreachable"
    """No WebSocket connection: name, network, TLS or HTTP failed."""
    CLOSED = "closed"
    """The gateway closed it, with a code."""
    LOST = "lost"
    """It broke, or nothing could be sent."""
    ZOMBIE = "zombie"
    """No heartbeat ACK."""
    SILENT = "silent"
    """HELLO, READY or RESUMED did not come in time, or made no sense."""
    BROKEN_STREAM = "broken_stream"
    """What came could not be decompressed, or was too large."""
    RECONNECT = "reconnect"
    """The gateway asked us to reconnect (op 7)."""
    INVALID_SESSION = "invalid_session"
    """The gateway refused the session (op 9)."""
    REWIND = "rewind"
    """We want to read the log again from an earlier number."""
    STOPPED = "stopped"
    """We were told to stop."""


@attrs.frozen
class Ending:
    """How a connection ended. ``resumable`` is what op 9 says."""

    kind: EndKind
    detail: str = ""
    code: int | None = None
    resumable: bool = True


@attrs.frozen(kw_only=True)
class FatalClose(Exception):
    """The gateway refuses us until the operator has changed something; ``advice`` says what."""

    code: int
    name: str
    advice: str
    shard_id: int

    @override
    def __str__(self) -> str:
        return f"Discord's gateway refuses shard {self.shard_id} ({self.code}, {self.name}). {self.advice}"


@attrs.frozen(kw_only=True)
class NextStep:
    """``wait`` seconds, then RESUME or IDENTIFY; ``find_gateway``: not at the session's own address."""

    keep_session: bool
    wait: float
    find_gateway: bool
    attempt: int


class Reconnection:
    """Remembers what previous attempts came to."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._attempt = 0
        self._vain_resumes = 0
        self._dead_ends = 0

    def after(
        self, ending: Ending, *, ready_for: float | None, resumed_in_vain: bool, rng: random.Random
    ) -> NextStep:
        """Decide. ``ready_for``: seconds in READY, None when it was not reached.

        ``resumed_in_vain``: RESUME was sent, and neither RESUMED nor op 9 came. After three of these in a
        row the session is given up; after three unreachable addresses Discord is asked for another.
        """
        if ready_for is not None and ready_for >= _STABLE:
            self._attempt = 0
        self._attempt += 1
        self._vain_resumes = self._vain_resumes + 1 if resumed_in_vain else 0
        self._dead_ends = self._dead_ends + 1 if ending.kind is EndKind.UNREACHABLE else 0
        keep = _survives(ending) and self._vain_resumes < _MOST_VAIN_RESUMES
        if not keep:
            self._vain_resumes = 0
        return NextStep(
            keep_session=keep,
            wait=self._wait(ending, was_ready=ready_for is not None, rng=rng),
            find_gateway=not keep or self._dead_ends >= _MOST_DEAD_ENDS,
            attempt=self._attempt,
        )

    def _wait(self, ending: Ending, *, was_ready: bool, rng: random.Random) -> float:
        """Not at all after the first drop of a working connection; else with back-off."""
        wait = 0.0
        if self._attempt > 1 or not was_ready:
            wait = self._patience.backoff.delay(self._attempt - 1 if was_ready else self._attempt, rng)
        if ending.kind is EndKind.INVALID_SESSION:
            return max(wait, rng.uniform(*self._patience.invalid_session))
        return wait


def check_fatal(ending: Ending, shard_id: int) -> None:
    """Raise :class:`FatalClose` where reconnecting cannot help."""
    if ending.kind is EndKind.CLOSED and ending.code is not None:
        meaning = close_meaning(ending.code)
        if meaning.fate is SessionFate.FATAL:
            raise FatalClose(code=ending.code, name=meaning.name, advice=meaning.advice, shard_id=shard_id)


def _survives(ending: Ending) -> bool:
    if ending.kind is EndKind.INVALID_SESSION:
        return ending.resumable
    if ending.kind is EndKind.CLOSED and ending.code is not None:
        return close_meaning(ending.code).fate is SessionFate.SURVIVES
    return True
