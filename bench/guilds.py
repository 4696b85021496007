"""What ten thousand guilds cost: seconds to decode and cache them, and bytes of memory for each.

Run: .venv/bin/python bench/guilds.py [guilds]
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc

import msgspec

from alphapy.gateway.events import decode
from alphapy.gateway.guilds import GuildCache
from alphapy.pure.ids import UserId

CHANNELS, ROLES = 5, 4


def guild(number: int) -> bytes:
    base = (number + 1) << 30
    return msgspec.json.encode(
        {
            "id": str(base),
            "name": f"The guild of number {number}",
            "owner_id": str(base + 1),
            "member_count": 120,
            "joined_at": "2024-01-01T00:00:00.000000+00:00",
            "roles": [
                {
                    "id": str(base + role),
                    "name": f"role {role} of {number}",
                    "permissions": str(2**40 + role + number),
                    "position": role,
                    "color": 0,
                    "hoist": False,
                }
                for role in range(ROLES)
            ],
            "channels": [
                {
                    "id": str(base + 100 + channel),
                    "type": 0,
                    "name": f"channel-{channel}-of-{number}",
                    "parent_id": str(base + 99),
                    "position": channel,
                    "topic": "what this channel is about",
                    "permission_overwrites": [
                        {"id": str(base), "type": 0, "allow": "0", "deny": str(2**40 + number)}
                    ],
                }
                for channel in range(CHANNELS)
            ],
            "members": [{"user": {"id": "10", "username": "alphapy"}, "roles": [str(base + 1)]}],
            "threads": [],
        }
    )


def main(count: int) -> None:
    payloads = [guild(number) for number in range(count)]
    cache = GuildCache(UserId(10))
    gc.collect()
    begun = time.perf_counter()
    for payload in payloads:
        decode("GUILD_CREATE", payload)
    decoded = time.perf_counter() - begun
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for payload in payloads:
        cache.apply(decode("GUILD_CREATE", payload))
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    print(f"{count} guilds with {CHANNELS} channels and {ROLES} roles, {len(payloads[0])} bytes of JSON each")
    print(f"  decode: {decoded / count * 1e6:.1f} us each, {decoded:.2f} s together")
    print(f"  memory: {used / count:.0f} bytes each, {used / 2**20:.1f} MiB together")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
