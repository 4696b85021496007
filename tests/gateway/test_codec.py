"""From WebSocket messages to envelopes, however the stream was cut."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.codec import BrokenStream, Codec, Compression, Envelope, Malformed
from tests.support.gateway_server import Compressor

if TYPE_CHECKING:
    from collections.abc import Iterable

BOTH = pytest.mark.parametrize("compression", [Compression.ZSTD, Compression.ZLIB])
ALL = pytest.mark.parametrize("compression", list(Compression))

_TEXT = st.text(max_size=30)
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_PAYLOADS = st.lists(
    st.builds(
        lambda op, data, seq, name: {"op": op, "d": data, "s": seq, "t": name},
        st.integers(0, 31),
        _VALUE,
        st.none() | st.integers(1, 2**31),
        st.none() | st.sampled_from(["READY", "MESSAGE_CREATE"]),
    ),
    min_size=1,
    max_size=6,
)


def packed(compression: Compression, payloads: Iterable[Any]) -> list[bytes]:
    compress = Compressor(compression.value)
    return [compress(msgspec.json.encode(payload)) for payload in payloads]


def plain(found: Iterable[Envelope | Malformed]) -> list[dict[str, Any]]:
    assert all(isinstance(one, Envelope) for one in found), found
    return [
        {"op": one.op, "d": msgspec.json.decode(one.d), "s": one.s, "t": one.t}
        for one in found
        if isinstance(one, Envelope)
    ]


@BOTH
@given(payloads=_PAYLOADS, data=st.data())
def test_a_stream_cut_anywhere_gives_the_same_payloads(
    compression: Compression, payloads: list[Any], data: st.DataObject
) -> None:
    stream = b"".join(packed(compression, payloads))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    codec = Codec(compression)
    found: list[Envelope | Malformed] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += codec.feed(stream[start:end])
    assert plain(found) == payloads


@BOTH
@given(payloads=_PAYLOADS)
def test_a_stream_can_come_byte_by_byte(compression: Compression, payloads: list[Any]) -> None:
    codec = Codec(compression)
    stream = b"".join(packed(compression, payloads))
    found = [one for byte in stream for one in codec.feed(bytes([byte]))]
    assert plain(found) == payloads


@BOTH
@given(payloads=_PAYLOADS)
def test_each_message_gives_its_payload_at_once(compression: Compression, payloads: list[Any]) -> None:
    codec = Codec(compression)
    for message, payload in zip(packed(compression, payloads), payloads, strict=True):
        assert plain(codec.feed(message)) == [payload]


@ALL
def test_text_messages_are_never_compressed(compression: Compression) -> None:
    assert plain(Codec(compression).feed('{"op":10,"d":{"heartbeat_interval":1}}')) == [
        {"op": 10, "d": {"heartbeat_interval": 1}, "s": None, "t": None}
    ]


@ALL
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b'{"op":"ten"}', "envelope"),
        (b"{}", "envelope"),
        (b'{"op":0,"s":9223372036854775808}', "envelope"),
        (b'{"op":-1}', "envelope"),
        (b'{"op":' + b"9" * 5000 + b"}", "envelope"),
        (b"[1,2]", "envelope"),
        (b'{"op":1,}', "json"),
        (b'{"op":0,"d":tru}', "json"),
        (b'{"op":0,"t":"\xff"}', "json"),
        (b'{"op":0,"d":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json"),
    ],
)
def test_a_malformed_payload_is_a_result_and_the_stream_goes_on(
    compression: Compression, bad: bytes, kind: str
) -> None:
    compress = Compressor(compression.value)
    codec = Codec(compression)
    found = codec.feed(compress(bad))
    assert [type(one) for one in found] == [Malformed]
    assert isinstance(found[0], Malformed)
    assert found[0].kind == kind
    assert found[0].size == len(bad)
    assert plain(codec.feed(compress(b'{"op":11}'))) == [{"op": 11, "d": None, "s": None, "t": None}]


@BOTH
@pytest.mark.parametrize("bad", [b'{"op":0,"d":{', b"hello", b'"', b'{"op":0,"t":"a\\'])
def test_a_payload_that_never_ends_is_given_up_when_a_whole_one_follows(
    compression: Compression, bad: bytes
) -> None:
    compress = Compressor(compression.value)
    codec = Codec(compression)
    assert codec.feed(compress(bad)) == []
    found = codec.feed(compress(b'{"op":11}'))
    assert [one.kind if isinstance(one, Malformed) else one.op for one in found] == ["json", 11]
    assert plain(codec.feed(compress(b'{"op":1}')))[0]["op"] == 1


@BOTH
def test_a_broken_stream_cannot_go_on(compression: Compression) -> None:
    codec = Codec(compression)
    message = bytearray(packed(compression, [{"op": 0, "d": "x" * 500}])[0])
    message[:4] = b"\x00\x00\x00\x00"
    with pytest.raises(BrokenStream, match="compression"):
        codec.feed(bytes(message))


def test_the_end_of_a_zlib_stream_is_the_end() -> None:
    with pytest.raises(BrokenStream, match="has ended"):
        Codec(Compression.ZLIB).feed(zlib.compress(b'{"op":11}'))


@BOTH
def test_a_decompression_bomb_is_refused_before_it_has_gone_off(compression: Compression) -> None:
    compress = Compressor(compression.value)
    bomb = compress(b'{"op":0,"d":"' + b"0" * 5_000_000 + b'"}')
    assert len(bomb) < 10_000
    with pytest.raises(BrokenStream, match="too_large"):
        Codec(compression, limit=100_000).feed(bomb)


@BOTH
def test_pieces_of_one_payload_are_bounded_together(compression: Compression) -> None:
    compress = Compressor(compression.value)
    codec = Codec(compression, limit=10_000)
    assert codec.feed(compress(b'{"op":0,"d":"' + b"0" * 9_000)) == []
    with pytest.raises(BrokenStream, match="too_large"):
        codec.feed(compress(b"0" * 9_000))


@BOTH
def test_a_payload_of_sixteen_mebibytes_passes(compression: Compression) -> None:
    payload = {"op": 0, "d": "x" * (16 * 1024 * 1024 - 100), "s": 1, "t": "READY"}
    assert plain(Codec(compression).feed(packed(compression, [payload])[0])) == [payload]


def test_zstd_blocks_of_other_implementations_are_read() -> None:
    """Several blocks for one payload, as an encoder with small blocks makes them."""
    stream = zstandard.ZstdCompressor(level=1).compressobj()
    payload = msgspec.json.encode({"op": 0, "d": "ab" * 200_000})
    half = len(payload) // 2
    message = b"".join(
        stream.compress(part) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        for part in (payload[:half], payload[half:])
    )
    assert len(plain(Codec(Compression.ZSTD).feed(message))) == 1


@given(st.lists(st.binary(max_size=60), max_size=6), st.sampled_from(list(Compression)))
def test_no_bytes_at_all_crash_it(messages: list[bytes], compression: Compression) -> None:
    codec = Codec(compression)
    for message in messages:
        try:
            codec.feed(message)
        except BrokenStream as error:
            assert error.kind in {"compression", "too_large"}  # noqa: PT017 - the only way out
            return
