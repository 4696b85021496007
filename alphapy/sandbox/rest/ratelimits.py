"""REST rate limits, decided in pure code: buckets by route and major parameter, one global limit per bot.

Source: https://discord.com/developers/docs/topics/rate-limits. Discord does not publish the numbers and asks
clients to learn them from the headers; these are of the size that is seen in practice.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDINARY = (50, 1.0)
"""Requests and seconds of a route that is not listed."""
BUCKETS: Mapping[str, tuple[int, float]] = {
    "POST /channels/{channel_id}/messages": (5, 5.0),
    "PATCH /channels/{channel_id}/messages/{message_id}": (5, 5.0),
    "DELETE /channels/{channel_id}/messages/{message_id}": (5, 1.0),
    "POST /channels/{channel_id}/messages/bulk-delete": (1, 1.0),
    "GET /channels/{channel_id}/messages": (5, 1.0),
    "POST /channels/{channel_id}/typing": (5, 5.0),
    "PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me": (1, 0.25),
    "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me": (1, 0.25),
    "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/{user_id}": (1, 0.25),
    "PATCH /channels/{channel_id}": (5, 15.0),
    "POST /guilds/{guild_id}/channels": (10, 10.0),
    "PATCH /guilds/{guild_id}/members/{user_id}": (10, 10.0),
    "PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}": (10, 10.0),
    "DELETE /guilds/{guild_id}/members/{user_id}/roles/{role_id}": (10, 10.0),
    "PUT /applications/{application_id}/commands": (5, 20.0),
    "PUT /applications/{application_id}/guilds/{guild_id}/commands": (5, 20.0),
    "POST /webhooks/{application_id}/{token}": (5, 2.0),
    "PATCH /webhooks/{application_id}/{token}/messages/@original": (5, 2.0),
    "PATCH /webhooks/{application_id}/{token}/messages/{message_id}": (5, 2.0),
}
_MAJOR = ("channel_id", "guild_id", "token")


@attrs.frozen(kw_only=True)
class Verdict:
    """Whether a request may pass, and what the headers say. ``scope`` is set on a refusal."""

    allowed: bool
    bucket: str
    limit: int
    remaining: int
    reset_after: float
    retry_after: float = 0.0
    scope: str | None = None

    def headers(self, now: float) -> dict[str, str]:
        """The rate-limit headers; ``now`` is Unix time in seconds."""
        shown = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": f"{now + self.reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{self.reset_after:.3f}",
            "X-RateLimit-Bucket": self.bucket,
        }
        if self.scope is not None:
            shown |= {"Retry-After": str(math.ceil(self.retry_after)), "X-RateLimit-Scope": self.scope}
        if self.scope == "global":
            shown = {
                "Retry-After": shown["Retry-After"],
                "X-RateLimit-Scope": "global",
                "X-RateLimit-Global": "true",
            }
        return shown


@attrs.define
class _Window:
    until: float
    used: int = 0


class RateLimits:
    """Counts requests in fixed windows. Every instant comes in; nothing here waits."""

    def __init__(
        self,
        *,
        enforced: bool = True,
        global_limit: tuple[int, float] = (50, 1.0),
        overrides: Mapping[str, tuple[int, float]] | None = None,
    ) -> None:
        self.enforced = enforced
        self._global = global_limit
        self._sizes = {**BUCKETS, **(overrides or {})}
        self._windows: dict[tuple[int, str, str], _Window] = {}
        self._global_windows: dict[int, _Window] = {}

    def take(
        self, now: float, client: int, route: str, parameters: Mapping[str, object], *, exempt: bool = False
    ) -> Verdict:
        """Decide about one request of a client; ``exempt`` frees it of the global limit."""
        limit, window = self._sizes.get(route, ORDINARY)
        bucket = hashlib.sha256(route.encode()).hexdigest()[:32]
        if not self.enforced:
            return Verdict(allowed=True, bucket=bucket, limit=limit, remaining=limit - 1, reset_after=window)
        if not exempt:
            late = self._take_global(now, client)
            if late > 0:
                return Verdict(
                    allowed=False,
                    bucket=bucket,
                    limit=limit,
                    remaining=0,
                    reset_after=late,
                    retry_after=late,
                    scope="global",
                )
        major = "/".join(str(parameters[name]) for name in _MAJOR if name in parameters)
        entry = self._windows.get((client, route, major))
        if entry is None or now >= entry.until:
            self._forget(now)
            entry = self._windows[client, route, major] = _Window(now + window)
        reset_after = entry.until - now
        if entry.used >= limit:
            return Verdict(
                allowed=False,
                bucket=bucket,
                limit=limit,
                remaining=0,
                reset_after=reset_after,
                retry_after=reset_after,
                scope="user",
            )
        entry.used += 1
        return Verdict(
            allowed=True, bucket=bucket, limit=limit, remaining=limit - entry.used, reset_after=reset_after
        )

    def _take_global(self, now: float, client: int) -> float:
        limit, window = self._global
        entry = self._global_windows.get(client)
        if entry is None or now >= entry.until:
            entry = self._global_windows[client] = _Window(now + window)
        if entry.used >= limit:
            return entry.until - now
        entry.used += 1
        return 0.0

    def _forget(self, now: float) -> None:
        if len(self._windows) > 10_000:
            self._windows = {key: entry for key, entry in self._windows.items() if entry.until > now}
