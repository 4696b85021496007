"""What reading the gateway costs, per message of about a kilobyte, against the stdlib.

Run: .venv/bin/python bench/codec.py [messages]
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from alphapy.gateway.codec import Codec, Compression, Envelope
from alphapy.gateway.events import decode
from tests.support.gateway_server import Compressor

if TYPE_CHECKING:
    from collections.abc import Callable


def message(number: int) -> bytes:
    """A MESSAGE_CREATE as a chat makes them."""
    return json.dumps(
        {
            "op": 0,
            "s": number,
            "t": "MESSAGE_CREATE",
            "d": {
                "id": str((number + 1) << 22),
                "channel_id": "1100000000000000002",
                "guild_id": "1100000000000000001",
                "author": {
                    "id": str(1000 + number % 50),
                    "username": f"member{number % 50}",
                    "global_name": "Member",
                },
                "member": {
                    "nick": None,
                    "roles": ["1", "2", "3"],
                    "joined_at": "2025-01-01T00:00:00.000000+00:00",
                },
                "content": f"message {number}: " + "the quick brown fox jumps over the lazy dog " * 8,
                "timestamp": "2026-01-01T12:00:00.000000+00:00",
                "edited_timestamp": None,
                "type": 0,
                "flags": 0,
                "mentions": [],
                "mention_roles": [],
                "attachments": [],
                "embeds": [],
                "pinned": False,
                "tts": False,
                "components": [],
                "channel_type": 0,
            },
        },
        separators=(",", ":"),
    ).encode()


def timed(label: str, count: int, work: Callable[[], object]) -> None:
    best = min(_once(work) for _ in range(3))
    print(f"  {label:<46} {best / count * 1e6:7.2f} us")


def _once(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main(count: int) -> None:
    plain = [message(number) for number in range(count)]
    print(f"{count} messages of {len(plain[0])} bytes")
    for compression in Compression:
        compress = Compressor(compression.value)
        packed = [compress(one) for one in plain]
        name = compression.value or "plain"

        def envelopes(compression: Compression = compression, packed: list[bytes] = packed) -> None:
            codec = Codec(compression)
            for one in packed:
                codec.feed(one)

        timed(f"{name} ({sum(map(len, packed)) // count} bytes), envelope, payload raw", count, envelopes)
    codec = Codec(Compression.PLAIN)
    raw = [one.d for text in plain for one in codec.feed(text) if isinstance(one, Envelope)]
    timed("payload to a typed event", count, lambda: [decode("MESSAGE_CREATE", one) for one in raw])
    timed("the same with json.loads, untyped", count, lambda: [json.loads(one) for one in plain])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
