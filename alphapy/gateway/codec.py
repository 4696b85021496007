"""From WebSocket messages to envelopes: transport compression, message boundaries, bounds.

The envelope is decoded at once and its payload ``d`` left raw; nobody decodes ``d`` who does not want it.

*Boundaries.* Discord documents that a zlib-stream message may come in pieces, ended by a sync flush, and that
a zstd-stream message comes whole. We rely on neither: what has been decompressed is a payload as soon as it
is a whole JSON object, wherever the pieces were cut. The quick way (the message is whole) costs one decode;
only a message in pieces is scanned for its end.

*Failure.* A payload that is not JSON, or not an envelope, is a :class:`Malformed` result, and the stream goes
on. One that never ends is given up as soon as a whole payload follows it. A compression stream that is broken
cannot go on, nor can one that exceeds the bound: :class:`BrokenStream`; the connection has to be dropped, and
the session resumed on a new one.

Rules: https://docs.discord.com/developers/events/gateway#transport-compression
"""

from __future__ import annotations

import enum
import re
import zlib
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import attrs
import msgspec
import zstandard
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PAYLOAD: Final = 16 * 1024 * 1024
"""Bytes of one payload, decompressed. READY of the largest bots stays well below it."""


_SLICE: Final = 512
"""Bytes of a zstd stream taken at a time. A block of 128 KiB can be as short as 4 bytes."""


class Compression(enum.Enum):
    """Transport compression, by its name in the gateway URL; PLAIN is none."""

    ZSTD = "zstd-stream"
    ZLIB = "zlib-stream"
    PLAIN = ""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A gateway payload: opcode, raw data, and for dispatches their number and event name.

    The number is stored as a bigint, so a larger one is refused here.
    """

    op: Annotated[int, msgspec.Meta(ge=0, le=255)]
    d: msgspec.Raw = msgspec.Raw(b"null")
    s: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    t: str | None = None


@attrs.frozen
class Malformed:
    """A payload that was skipped. ``kind`` is for counting; ``detail`` holds nothing of the payload."""

    kind: str
    detail: str
    size: int


@attrs.frozen
class BrokenStream(Exception):
    """The stream cannot be read any further."""

    kind: str
    detail: str

    @override
    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Inflater(Protocol):
    """One direction of one compression stream."""

    def inflate(self, data: bytes) -> bytes:
        """What this much more of the stream decompresses to; raises :class:`BrokenStream`."""
        ...


class _Zlib:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._stream = zlib.decompressobj()

    def inflate(self, data: bytes) -> bytes:
        try:
            out = self._stream.decompress(data, self._limit)
        except zlib.error as error:
            raise BrokenStream("compression", str(error)) from error
        if self._stream.unconsumed_tail:
            raise _too_large(self._limit)
        if self._stream.eof:
            raise BrokenStream("compression", "the zlib stream has ended")
        return out


class _Zstd:
    """A kilobyte of hostile input can become tens of megabytes, so it is taken in small slices."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._stream = zstandard.ZstdDecompressor().decompressobj()

    def inflate(self, data: bytes) -> bytes:
        if len(data) <= _SLICE:
            return self._slice(data)
        pieces, size = [], 0
        for start in range(0, len(data), _SLICE):
            pieces.append(self._slice(data[start : start + _SLICE]))
            size += len(pieces[-1])
            if size > self._limit:
                raise _too_large(self._limit)
        return b"".join(pieces)

    def _slice(self, data: bytes) -> bytes:
        try:
            out = self._stream.decompress(data)
        except zstandard.ZstdError as error:
            raise BrokenStream("compression", str(error)) from error
        if self._stream.eof:
            raise BrokenStream("compression", "the zstd frame has ended")
        if len(out) > self._limit:
            raise _too_large(self._limit)
        return out


class _Plain:
    """Without compression a message is what it is."""

    def inflate(self, data: bytes) -> bytes:
        return data


_ENVELOPE: Final = msgspec.json.Decoder(Envelope)
_OUTSIDE: Final = re.compile(rb'[{}\[\]"]')
_INSIDE: Final = re.compile(rb'["\\]')


class _Scanner:
    """Finds where the first JSON value of a growing buffer ends, looking at each byte once."""

    def __init__(self) -> None:
        self._position = 0
        self._depth = 0
        self._in_string = False

    def end(self, buffer: bytes | bytearray) -> int | None:
        """The length of the value at the buffer's start, None while it is not whole."""
        while True:
            found = (_INSIDE if self._in_string else _OUTSIDE).search(buffer, self._position)
            if found is None:
                self._position = len(buffer)
                return None
            self._position = found.end()
            mark = found.group()
            if mark == b'"':
                self._in_string = not self._in_string
            elif mark == b"\\":
                if self._position == len(buffer):
                    self._position -= 1  # the escaped byte is still to come
                    return None
                self._position += 1
            else:
                self._depth += 1 if mark in b"{[" else -1
                if self._depth <= 0:
                    return self._position


class Codec:
    """The reading side of one connection; a new connection needs a new one."""

    def __init__(self, compression: Compression, *, limit: int = MAX_PAYLOAD) -> None:
        self._limit = limit
        self._inflater = _inflater(compression, limit)
        self._plain = compression is Compression.PLAIN
        self._pending = bytearray()
        self._scanner = _Scanner()

    def feed(self, message: bytes | str) -> list[Envelope | Malformed]:
        """The payloads that this message completes, in order; raises :class:`BrokenStream`.

        A text message is never compressed and always whole.
        """
        if isinstance(message, str):
            data, whole = message.encode(errors="surrogatepass"), True
        else:
            data, whole = self._inflater.inflate(message), self._plain
        if whole or not self._pending:
            envelope = _read(data)
            if isinstance(envelope, Envelope):
                return [envelope]
            if whole:
                return [envelope]
        return list(self._piece(data))

    def _piece(self, data: bytes) -> Iterator[Envelope | Malformed]:
        """Add a part of the stream; yield what has become whole."""
        if self._pending and data.startswith(b"{"):
            envelope = _read(data)
            if isinstance(envelope, Envelope):  # no part of a payload looks like a whole one
                yield Malformed("json", "a payload that never ends", len(self._pending))
                self._restart(b"")
                yield envelope
                return
        self._pending += data
        if len(self._pending) > self._limit:
            raise _too_large(self._limit)
        while (end := self._scanner.end(self._pending)) is not None:
            yield _read(bytes(self._pending[:end]))
            self._restart(bytes(self._pending[end:]))

    def _restart(self, rest: bytes) -> None:
        self._pending = bytearray(rest)
        self._scanner = _Scanner()


def _read(data: bytes) -> Envelope | Malformed:
    try:
        return _ENVELOPE.decode(data)
    except msgspec.ValidationError as error:
        return Malformed("envelope", str(error), len(data))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Malformed("json", _without_content(error), len(data))
    except RecursionError:
        return Malformed("json", "nested too deeply", len(data))


def _without_content(error: Exception) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _inflater(compression: Compression, limit: int) -> Inflater:
    if compression is Compression.ZSTD:
        return _Zstd(limit)
    return _Zlib(limit) if compression is Compression.ZLIB else _Plain()


def _too_large(limit: int) -> BrokenStream:
    return BrokenStream("too_large", f"a payload of more than {limit} bytes")
