"""JsonV1, GzipJson, SupabaseV2 and permessage-deflate: what is decoded is bounded, and what is encoded again
is the same."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from typing import Any

from fastphx.errors import DecodeError, EncodingError
from fastphx.protocol.frame_write import RawJson
from fastphx.protocol.sink import BINARY, TEXT
from fastphx.serializers import GzipJson, JsonV1, JsonV2, Serializer, SupabaseV2
from fastphx.transports.websocket.deflate import (
    Agreement,
    DeflateOptions,
    InflateError,
    NegotiationError,
    agree_as_client,
    agree_as_server,
)
from tests.fuzz.pieces import JSON, NOT_UTF8, PHOENIX
from tests.fuzz.recorded_frames import recorded_frames
from tests.serializers.supabase_frames import sent_on

V1, V2, GZIPPED, GZIP, INFLATE, DEFLATE, EXTENSIONS, SUPABASE = range(8)
PIECES = (
    *(
        *JSON,
        *NOT_UTF8,
        *PHOENIX,
        b'"topic":',
        b'"event":',
        b'"payload":',
        b'"ref":',
        b"\x1f\x8b\x08\x00",
        b"\x00\x00\xff\xff",
        b"\x04\x01\x01\x02\x01te{}",
    ),
    *(
        b"permessage-deflate",
        b"; server_no_context_takeover",
        b"; client_max_window_bits",
        b'="10"',
        b"=15",
        b",",
    ),
)
MAX_BYTES = 2048
LIMIT = 5000
REFS = str | int | None


def seeds() -> Iterable[bytes]:
    for opcode, frame in recorded_frames():
        if opcode == TEXT:
            yield bytes([V2]) + frame
            yield bytes([GZIPPED]) + frame
            yield bytes([DEFLATE]) + frame
    yield bytes([V1]) + b'{"topic":"a","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"1"}'
    yield bytes([V1]) + b'{"ref":null,"topic":"a","event":"b","payload":' + b"[" * 1100 + b"]" * 900
    yield bytes([GZIP]) + gzip.compress(b'[null,null,"a","b",{}]', mtime=0)
    yield bytes([GZIP]) + gzip.compress(bytes(10 * LIMIT), mtime=0)
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield bytes([INFLATE]) + (stream.compress(b"a" * 10_000) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    yield (
        bytes([EXTENSIONS])
        + b"permessage-deflate; client_max_window_bits=10; server_no_context_takeover, x; y=1"
    )
    yield bytes([SUPABASE]) + b"\x04\x05\x0a\x00\x00topicuser_eventefg"
    yield bytes([SUPABASE]) + b'\x04\x05\x0a\x11\x01topicuser_event{"replayed":true}{"a":"b"}'


def check(data: bytes) -> None:
    if not data:
        return
    kind, rest = data[0] % 8, data[1:]
    match kind:
        case 0 | 1:
            check_decoded(JsonV1() if kind == V1 else JsonV2(), rest, TEXT)
        case 2 | 3:
            frame = gzip.compress(rest, 1, mtime=0) if kind == GZIPPED else rest
            check_decoded(GzipJson(level=1, max_inflated_bytes=LIMIT), frame, BINARY)
        case 4:
            check_inflated(rest)
        case 5:
            check_deflated(rest)
        case 6:
            check_extensions(rest.decode("latin-1"))
        case 7:
            check_broadcast(rest)


def check_decoded(serializer: Serializer, frame: bytes, opcode: int) -> None:
    try:
        decoded = serializer.decode(frame, opcode)
    except DecodeError as error:
        assert str(error).isprintable()
        return
    join_ref, ref, topic, event, payload = decoded
    assert isinstance(join_ref, REFS)
    assert isinstance(ref, REFS)
    assert isinstance(topic, str)
    assert isinstance(event, str)
    try:
        again = serializer.encode(
            None if join_ref is None else str(join_ref),
            None if ref is None else str(ref),
            topic,
            event,
            payload,
        )
    except EncodingError as error:
        # orjson writes less deep than it reads.
        assert "Recursion" in str(error), error
        return
    if not isinstance(payload, RawJson) and len(frame) < LIMIT // 2:
        assert comparable(serializer.decode(*again)) == comparable(decoded)


def check_broadcast(frame: bytes) -> None:
    serializer = SupabaseV2()
    try:
        decoded = serializer.decode(frame, BINARY)
    except DecodeError as error:
        assert str(error).isprintable()
        return
    if frame[0] != 4:
        return
    payload = decoded[4]
    assert decoded[:2] == (None, None)
    if "meta" in payload:
        # A client sends none.
        return
    try:
        again, _ = serializer.encode(None, None, *decoded[2:])
    except EncodingError as error:
        # orjson writes less deep than it reads.
        assert "Recursion" in str(error), error
        return
    assert comparable(serializer.decode(sent_on(again), BINARY)) == comparable(decoded)


def comparable(decoded: tuple[Any, ...]) -> tuple[Any, ...]:
    """A client sends its refs as strings."""
    return (*(None if ref is None else str(ref) for ref in decoded[:2]), *map(repr, decoded[2:]))


def check_inflated(data: bytes) -> None:
    stream = Agreement().client_stream(LIMIT)
    for message in (data, data[: len(data) // 2], data):
        try:
            assert len(stream.inflate(message)) <= LIMIT
        except InflateError as error:
            assert error.code in (1007, 1009)
            return


def check_deflated(message: bytes) -> None:
    for agreement in (Agreement(), Agreement(client_no_context_takeover=True, client_max_window_bits=9)):
        client, server = agreement.client_stream(LIMIT), agreement.server_stream(LIMIT)
        for each in (message, message[::-1], message):
            assert server.inflate(client.deflate(each)) == each


def check_extensions(value: str) -> None:
    options = DeflateOptions(server_max_window_bits=12)
    try:
        agreement = agree_as_client([value], options)
    except NegotiationError as error:
        assert str(error).isprintable()
    else:
        assert agreement is None or (agreement.server_max_window_bits <= 12)
    try:
        chosen = agree_as_server([value], options)
    except NegotiationError as error:
        assert str(error).isprintable()
    else:
        if chosen is not None:
            # Whoever has offered this takes the answer.
            assert chosen[0].server_max_window_bits <= 12
            assert agree_as_client([chosen[1]], DeflateOptions()) is not None
