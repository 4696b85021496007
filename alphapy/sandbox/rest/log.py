"""A bounded log of the requests that REST has had, for contract checks and for the page."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.frozen(kw_only=True)
class Record:
    """One request: ``path`` without the version prefix, ``route`` its template (empty for an unknown one)."""

    method: str
    path: str
    route: str
    query: dict[str, str]
    body: Any
    files: int
    reason: str | None
    application_id: int | None
    status: int


class RequestLog:
    """The newest requests, oldest first; ``total`` counts all of them."""

    def __init__(self, limit: int) -> None:
        self.records: deque[Record] = deque(maxlen=limit)
        self.total = 0
        self._listeners: list[Callable[[Record, Any], None]] = []

    def add(self, record: Record, answer: Any = None) -> None:
        """Remember a request; the oldest one goes when the log is full. The answer's body is not kept."""
        self.records.append(record)
        self.total += 1
        for listener in tuple(self._listeners):
            listener(record, answer)

    def listen(self, listener: Callable[[Record, Any], None]) -> None:
        """Call ``listener`` with every further request and the JSON body of its answer (None of an error)."""
        self._listeners.append(listener)

    def of(self, route: str) -> list[Record]:
        """The requests of a route such as ``"POST /channels/{channel_id}/messages"``."""
        return [record for record in self.records if f"{record.method} {record.route}" == route]
