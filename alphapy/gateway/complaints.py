"""What a shard logs of the gateway: how connections end, and payloads that make no sense, once a kind."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from alphapy.gateway.codec import Envelope, Malformed
from alphapy.gateway.reconnect import EndKind

if TYPE_CHECKING:
    from alphapy.gateway.events import MalformedEvent
    from alphapy.gateway.reconnect import Ending, NextStep

_log = logging.getLogger(__name__)


class Complaints:
    """What one shard had to skip."""

    def __init__(self, shard_id: int) -> None:
        self._shard_id = shard_id
        self._counts: Counter[str] = Counter()

    def snapshot(self) -> dict[str, int]:
        """The counts by kind."""
        return dict(self._counts)

    def count(self, malformed: Malformed) -> None:
        """Note a payload that was skipped."""
        self._counts[malformed.kind] += 1
        if self._counts[malformed.kind] == 1:
            _log.warning(
                "A gateway payload made no sense and was skipped; others of this kind are only counted",
                extra={
                    "event": "gateway_malformed",
                    "shard": self._shard_id,
                    "kind": malformed.kind,
                    "detail": malformed.detail,
                    "size": malformed.size,
                },
            )

    def payload(self, kind: str, detail: str, payload: Envelope) -> None:
        """Note an envelope that cannot be acted on."""
        self.count(Malformed(kind, detail, len(bytes(payload.d))))

    def event(self, error: MalformedEvent, size: int) -> None:
        """Note an event whose payload of this many bytes could not be decoded."""
        self.count(Malformed(f"event:{error.name}", f"{error.path}: {error.detail}", size))


def tell_ending(shard_id: int, ending: Ending, step: NextStep, *, resume: bool) -> None:
    """Log that a connection has ended, and what comes next."""
    asked_for = ending.kind in (EndKind.RECONNECT, EndKind.REWIND)
    _log.log(
        logging.INFO if asked_for and step.attempt == 1 else logging.WARNING,
        "The gateway connection has ended; trying again",
        extra={
            "event": "gateway_disconnected",
            "shard": shard_id,
            "ending": ending.kind.value,
            "code": ending.code,
            "detail": ending.detail,
            "attempt": step.attempt,
            "wait": round(step.wait, 2),
            "resume": resume,
        },
    )
