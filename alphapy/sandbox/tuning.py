"""The local Discord's intervals and allowances: Discord's own by default, smaller where a test says so."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Tuning:
    """Numbers that a test or an operator may change; every duration is in seconds.

    ``buckets`` overrides a route's rate limit, by its template: ``{"POST /channels/{channel_id}/messages":
    (1, 0.5)}`` means one request in half a second.
    """

    heartbeat_interval: float = 41.25
    acknowledge_within: float = 3.0
    """An interaction that nobody has acknowledged by then has failed."""
    token_lifetime: float = 900.0
    """How long an interaction's token serves follow-ups."""
    session_lifetime: float = 300.0
    """How long a gateway session without a socket can still be resumed."""
    replay_limit: int = 25_000
    """Dispatches kept per gateway session."""
    sends_per_window: int = 120
    send_window: float = 60.0
    max_concurrency: int = 1
    identify_window: float = 5.0
    """In each window, every ``max_concurrency`` bucket admits one identify."""
    guilds_per_shard: int | None = None
    """Close with 4011 beyond this many guilds per shard (Discord: 2500). None asks for no sharding."""
    session_starts: int = 1000
    session_start_window: float = 86_400.0
    rate_limits: bool = True
    global_limit: int = 50
    global_window: float = 1.0
    buckets: Mapping[str, tuple[int, float]] = attrs.field(factory=dict)
    messages_kept: int = 2000
    """Messages kept per channel; the oldest go first."""
    request_log: int = 5000
    """Requests kept in the log."""
    save_after: float = 1.0
    """A change is saved this much later, together with what else has changed by then."""

    @classmethod
    def quick(cls) -> Tuning:
        """For tests that start several bots in a row: identifies need not be five seconds apart."""
        return cls(identify_window=0.0)
