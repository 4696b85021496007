"""Faults, scripted by count and never by chance: the nth dispatch, the nth request.

A gateway fault strikes after a number of further dispatches to one bot; 0 strikes at once. A REST fault
strikes requests of a route (or all) once ``after`` of them have gone through, ``times`` times.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


class GatewayFault(enum.Enum):
    """What can go wrong on the gateway."""

    DROP = "drop"
    """The TCP connection ends without a close frame."""
    RECONNECT = "reconnect"
    """Opcode 7."""
    INVALID_SESSION = "invalid_session"
    """Opcode 9, which says whether the session survives."""
    CLOSE = "close"
    """A close frame with ``close_code``."""
    TRUNCATE = "truncate"
    """The first half of a frame's compressed bytes, then the end of the connection."""
    DUPLICATE = "duplicate"
    """A dispatch arrives twice."""
    REORDER = "reorder"
    """A dispatch arrives after the one that follows it."""
    OMIT = "omit"
    """A dispatch that is no replay does not arrive; only a RESUME brings it."""
    WITHHOLD_ACKS = "withhold_acks"
    """``times`` heartbeats are not acknowledged."""
    REQUEST_HEARTBEAT = "request_heartbeat"
    """Opcode 1: the client is asked for a heartbeat at once."""


class RestFault(enum.Enum):
    """What can go wrong on REST."""

    USER_LIMIT = "user_limit"
    """A 429 of the bot's own bucket."""
    SHARED_LIMIT = "shared_limit"
    """A 429 of a limit shared with others."""
    GLOBAL_LIMIT = "global_limit"
    """A 429 of the bot's global limit."""
    EDGE_LIMIT = "edge_limit"
    """A 429 from the edge, whose body is no JSON."""
    SERVER_ERROR = "server_error"
    """``status`` instead of an answer; the request had no effect."""
    LOST_ANSWER = "lost_answer"
    """``status`` instead of an answer, although the request took effect."""
    SLOW = "slow"
    """The answer comes ``seconds`` late."""
    HANG = "hang"
    """No answer ever comes; the request had no effect."""


@attrs.define(kw_only=True)
class ArmedGatewayFault:
    """A gateway fault that waits for its dispatch.

    ``resumable`` False: a session that is dropped, closed or declared invalid is forgotten, and cannot be
    resumed.
    """

    kind: GatewayFault
    after: int = 0
    times: int = 1
    application_id: int | None = None
    close_code: int = 4000
    resumable: bool = True


@attrs.define(kw_only=True)
class ArmedRestFault:
    """A REST fault that waits for its request.

    ``route`` is method and template, None for every route; ``where`` are parameters that a request must
    have, such as ``{"channel_id": "123"}``.
    """

    kind: RestFault
    route: str | None = None
    where: Mapping[str, str] = attrs.field(factory=dict)
    after: int = 0
    times: int = 1
    status: int = 500
    seconds: float = 1.0


class Faults:
    """The faults that are armed."""

    def __init__(self) -> None:
        self.gateway: list[ArmedGatewayFault] = []
        self.rest: list[ArmedRestFault] = []
        self.struck: list[ArmedGatewayFault | ArmedRestFault] = []
        """Every fault that has struck, in order, for a test or a page to look at."""
        self._on_armed: list[Callable[[], None]] = []
        self._on_struck: list[Callable[[ArmedGatewayFault | ArmedRestFault], None]] = []

    def on_armed(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener when a gateway fault is armed; returns what ends it."""
        self._on_armed.append(listener)
        return lambda: self._on_armed.remove(listener)

    def on_struck(self, listener: Callable[[ArmedGatewayFault | ArmedRestFault], None]) -> Callable[[], None]:
        """Call the listener with each fault at the moment it strikes; returns what ends it."""
        self._on_struck.append(listener)
        return lambda: self._on_struck.remove(listener)

    def arm_gateway(
        self,
        kind: GatewayFault,
        *,
        after: int = 0,
        times: int = 1,
        application_id: int | None = None,
        close_code: int = 4000,
        resumable: bool = True,
    ) -> ArmedGatewayFault:
        """Arm a gateway fault: it strikes after ``after`` further dispatches to the bot (any bot if None)."""
        fault = ArmedGatewayFault(
            kind=kind,
            after=after,
            times=times,
            application_id=application_id,
            close_code=close_code,
            resumable=resumable,
        )
        self.gateway.append(fault)
        for listener in tuple(self._on_armed):
            listener()
        return fault

    def arm_rest(
        self,
        kind: RestFault,
        *,
        route: str | None = None,
        where: Mapping[str, str] | None = None,
        after: int = 0,
        times: int = 1,
        status: int = 500,
        seconds: float = 1.0,
    ) -> ArmedRestFault:
        """Arm a REST fault for a route such as ``"POST /channels/{channel_id}/messages"``."""
        fault = ArmedRestFault(
            kind=kind,
            route=route,
            where=where or {},
            after=after,
            times=times,
            status=status,
            seconds=seconds,
        )
        self.rest.append(fault)
        return fault

    def disarm(self) -> None:
        """Take every armed fault away."""
        self.gateway.clear()
        self.rest.clear()

    def count_dispatch(self, application_id: int) -> None:
        """Note that a dispatch went out to this bot."""
        for fault in self.gateway:
            if fault.application_id in {None, application_id} and fault.after > 0:
                fault.after -= 1

    def due(self, application_id: int, kinds: frozenset[GatewayFault]) -> ArmedGatewayFault | None:
        """A fault of these kinds whose time has come, counted as struck."""
        for fault in self.gateway:
            if fault.kind in kinds and fault.after == 0 and fault.application_id in {None, application_id}:
                self._strike(fault)
                if fault.times == 0:
                    self.gateway.remove(fault)
                return fault
        return None

    def for_request(self, route: str, parameters: Mapping[str, str]) -> ArmedRestFault | None:
        """The fault that strikes this request, counted as struck."""
        for fault in self.rest:
            if fault.route not in {None, route} or not fault.where.items() <= parameters.items():
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            self._strike(fault)
            if fault.times == 0:
                self.rest.remove(fault)
            return fault
        return None

    def _strike(self, fault: ArmedGatewayFault | ArmedRestFault) -> None:
        fault.times -= 1
        self.struck.append(attrs.evolve(fault))
        for listener in tuple(self._on_struck):
            listener(self.struck[-1])
