"""What a decision of the REST limiter costs: python -m bench.limiter [requests]."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING

from alphapy.gateway.rest import routes
from alphapy.gateway.rest.answers import Answer, Bucket
from alphapy.gateway.rest.limiter import Bounds, Limiter
from alphapy.gateway.rest.tickets import Priority

if TYPE_CHECKING:
    from alphapy.gateway.rest.lanes import Ticket

WIDE = Bounds(global_limit=1_000_000, in_flight=1_000_000, waiting=1_000_000, waiting_per_lane=1_000_000)
FAR = 1e12


def steady(requests: int, channels: int) -> float:
    """Microseconds for one request from asking to its answer, spread over so many channels."""
    limiter, now = Limiter(WIDE), 0.0
    targets = [routes.CREATE_MESSAGE.to(channel_id=number) for number in range(channels)]
    answer = Answer(200, Bucket("b", 1_000, 999, 1.0))
    started = time.perf_counter()
    for number in range(requests):
        now += 0.0001
        limiter.submit(targets[number % channels], Priority.OTHER, now, expires_at=FAR)
        for ticket in limiter.grant(now):
            limiter.finish(ticket, answer, now)
    return (time.perf_counter() - started) / requests * 1e6


def queued(waiting: int) -> float:
    """Microseconds for one request while this many wait for the global limit, in 1,000 channels."""
    limiter = Limiter(Bounds(waiting=waiting, waiting_per_lane=waiting))
    now, done = 0.0, 0
    for number in range(waiting):
        target = routes.CREATE_MESSAGE.to(channel_id=number % 1_000)
        limiter.submit(target, Priority.OTHER, now, expires_at=FAR)
    answer = Answer(200, Bucket("b", 1_000, 999, 1.0))
    in_flight: deque[Ticket] = deque()
    started = time.perf_counter()
    while done < waiting:
        in_flight.extend(limiter.grant(now))
        while in_flight:
            limiter.finish(in_flight.popleft(), answer, now)
            done += 1
        now = limiter.wake_at(now) or now
    return (time.perf_counter() - started) / waiting * 1e6


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for channels in (1, 100, 10_000):
        print(f"steady, {channels:>6} channels: {steady(requests, channels):6.2f} µs a request")
    for waiting in (1_000, 5_000, 50_000):
        print(f"queued, {waiting:>6} waiting:  {queued(waiting):6.2f} µs a request")


if __name__ == "__main__":
    main()
