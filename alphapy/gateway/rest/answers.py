"""What an answer of Discord says about rate limits, read out of its headers and body.

Header format: https://docs.discord.com/developers/topics/rate-limits#header-format
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping

import attrs
import msgspec

_LONGEST_WAIT = 24 * 3600.0
"""Seconds; a longer wait in a header is taken for this."""

_DEFAULT_WAIT = 5.0
"""Seconds to wait after a 429 that does not say how long."""


class Scope(enum.Enum):
    """Whose limit a 429 is about."""

    USER = "user"
    """The bot's own, on this bucket."""
    GLOBAL = "global"
    """The bot's own, on all requests that are authorised by its token."""
    SHARED = "shared"
    """The resource's, which others use too. Does not count as an invalid request."""
    EDGE = "edge"
    """Of what stands before Discord (Cloudflare): it concerns our address, so every request."""


@attrs.frozen
class Bucket:
    """The state of a bucket when Discord took a request: permits in its window, and seconds until it ends."""

    name: str
    limit: int
    remaining: int
    reset_after: float


@attrs.frozen
class Answer:
    """What the limiter learns from an answer. ``scope`` is None unless it is a 429; seconds to wait then."""

    status: int
    bucket: Bucket | None = None
    scope: Scope | None = None
    retry_after: float = 0.0

    @property
    def counts_as_invalid(self) -> bool:
        """Whether Discord counts it towards its ban for invalid requests."""
        return self.status in {401, 403} or (self.status == 429 and self.scope is not Scope.SHARED)


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """The rate-limit part of an answer; header names in lower case. Nonsense counts as absent."""
    bucket = _bucket(headers)
    if status != 429:
        return Answer(status, bucket)
    told = _error_body(body)
    scope = _scope(headers, told)
    wait = _seconds(told.get("retry_after")) if told is not None else None
    if wait is None:
        wait = _seconds(headers.get("retry-after"))
    return Answer(status, bucket, scope, _DEFAULT_WAIT if wait is None else wait)


def _bucket(headers: Mapping[str, str]) -> Bucket | None:
    name = headers.get("x-ratelimit-bucket")
    limit, remaining = _count(headers.get("x-ratelimit-limit")), _count(headers.get("x-ratelimit-remaining"))
    reset_after = _seconds(headers.get("x-ratelimit-reset-after"))
    if not name or not limit or remaining is None or reset_after is None:
        return None
    return Bucket(name, limit, min(remaining, limit), reset_after)


def _scope(headers: Mapping[str, str], told: Mapping[str, object] | None) -> Scope:
    if told is None:
        return Scope.EDGE
    if headers.get("x-ratelimit-global", "").lower() == "true" or told.get("global") is True:
        return Scope.GLOBAL
    name = headers.get("x-ratelimit-scope", "").lower()
    return {"global": Scope.GLOBAL, "shared": Scope.SHARED}.get(name, Scope.USER)


def _error_body(body: bytes) -> Mapping[str, object] | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return min(seconds, _LONGEST_WAIT) if math.isfinite(seconds) and seconds >= 0 else None
