"""A bounded log of the requests that REST has had, for contract checks and for the page."""

from __future__ import annotations

from collections import deque
from typing import Any

import attrs


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

    def add(self, record: Record) -> None:
        """Remember a request; the oldest one goes when the log is full."""
        self.records.append(record)
        self.total += 1

    def of(self, route: str) -> list[Record]:
        """The requests of a route such as ``"POST /channels/{channel_id}/messages"``."""
        return [record for record in self.records if f"{record.method} {record.route}" == route]
