"""Transport compression of the gateway's frames: none, zlib-stream or zstd-stream.

One context spans the whole connection; each frame is flushed so that the client can decode it at once
(https://discord.com/developers/docs/events/gateway#transport-compression).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

Encoder = Callable[[bytes], str | bytes]


def plain(payload: bytes) -> str:
    """A text frame."""
    return payload.decode()


def zlib_stream() -> Encoder:
    """Binary frames that each end with the bytes 00 00 FF FF."""
    context = zlib.compressobj()
    return lambda payload: context.compress(payload) + context.flush(zlib.Z_SYNC_FLUSH)


def zstd_stream() -> Encoder:
    """Binary frames of one zstd stream, each flushed to the end of a block."""
    context = zstandard.ZstdCompressor().compressobj()
    return lambda payload: context.compress(payload) + context.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


def encoder(name: str | None) -> Encoder | None:
    """The encoder a client asked for by ``compress=``; None for a name that is unknown."""
    if name is None:
        return plain
    return {"zlib-stream": zlib_stream, "zstd-stream": zstd_stream}.get(name, lambda: None)()
