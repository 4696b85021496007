"""What a shard tells of itself, and what it hands on."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs
import msgspec

from alphapy.gateway.heartbeat import LatencyStatistics


class ShardState(enum.Enum):
    """What a shard is doing."""

    CONNECTING = "connecting"
    """Finding the gateway, waiting for its turn or for back-off, connecting, waiting for HELLO."""
    IDENTIFYING = "identifying"
    RESUMING = "resuming"
    READY = "ready"
    DRAINING = "draining"
    """Told to stop: nothing is handed on any more."""
    CLOSED = "closed"


@attrs.frozen
class Dispatch:
    """An event as the gateway sent it, its payload raw: see :func:`alphapy.gateway.events.decode`."""

    name: str
    data: msgspec.Raw
    seq: int
    session_id: str
    shard_id: int


@attrs.frozen(kw_only=True)
class ShardStatistics:
    """A shard at one moment; ``in_state`` is the seconds since it entered its state.

    ``received`` dispatches were handed on since the start, ``duplicates`` dropped; ``malformed`` counts the
    payloads that were skipped, by kind.
    """

    shard_id: int
    shard_count: int
    state: ShardState
    in_state: float
    latency: LatencyStatistics
    seq: int
    session_id: str | None
    received: int
    duplicates: int
    reconnects: int
    malformed: Mapping[str, int]
    last_ending: str | None
