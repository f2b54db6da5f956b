"""A client's bytes at the embedded server: its handshake, frames, fragments and joins. Every answer is a
frame of the protocol, nothing of the connection is left, and nobody else notices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from fastphx.errors import DecodeError
from fastphx.protocol.sink import BINARY, TEXT
from fastphx.testing import demo_server
from tests.fuzz.exact_memory import decode
from tests.fuzz.memory_transport import MemoryLoop, MemoryTransport, cut
from tests.fuzz.pieces import JSON, NOT_UTF8, PHOENIX
from tests.fuzz.recorded_frames import recorded_frames
from tests.fuzz.steps import BETWEEN

REQUEST = (
    b"GET /socket/websocket?vsn=%b HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
PIECES = (
    *(*JSON, *NOT_UTF8, *PHOENIX, BETWEEN, b"GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\n", b"\r\n", DEFLATE),
    *(
        BETWEEN + kind
        for kind in (b"\x81[", b"\x82\x00", b"\x01[", b"\x00", b"\x80", b"\x88\x03\xe8", b"\x89", b"\xc1")
    ),
    *(
        b'["1","1","room:a","phx_join",{}]',
        b'["1","2","room:a","echo",{}]',
        b'["1","3","room:a","phx_leave",{}]',
    ),
    *(
        b'"presence:a"',
        b'"new_msg"',
        b'"crash"',
        b"Origin: ",
        b"Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.",
    ),
)
MAX_BYTES = 2048
V1, DEFLATES, RAW = 1, 2, 4
LOOP = MemoryLoop()
_server: Any = None


def seeds() -> Iterable[bytes]:
    join, leave = b'\x81["1","1","room:a","phx_join",{}]', b'\x81["1","9","room:a","phx_leave",{}]'
    push, close = b'\x81["1","2","room:a","echo",{"a":1}]', b"\x88\x03\xe8"
    for options in (0, V1, DEFLATES):
        for size in (0, 1, 9):
            yield bytes([options, size]) + BETWEEN.join((join, push, leave, close))
            yield bytes([options, size]) + BETWEEN.join(
                (join, push[:9].replace(b"\x81", b"\x01"), b"\x89x", b"\x80" + push[9:])
            )
    yield bytes([RAW, 0]) + REQUEST % (b"2.0.0", b"Sec-WebSocket-Protocol: phoenix\r\n") + BETWEEN + join
    yield bytes([RAW, 0]) + b"GET /stats HTTP/1.1\r\n\r\n"
    frames = [(b"\x82" if opcode == BINARY else b"\x81") + frame for opcode, frame in recorded_frames()]
    for at in range(0, len(frames), 6):
        yield bytes([0, 0]) + BETWEEN.join([join, *frames[at : at + 6]])[: MAX_BYTES - 2]


def masked(step: bytes) -> bytes:
    """A client's frame, whose mask of zeros changes nothing."""
    size = len(step) - 1
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return step[:1] + length + bytes(4) + step[1:]


async def server() -> Any:
    """The one server of the process; its connections come without a network."""
    global _server
    if _server is None:
        logging.getLogger("fastphx").setLevel(logging.CRITICAL)
        _server = demo_server(compress=True)
        await _server.start()
    return _server


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    options, size = data[0], data[1]
    steps = data[2:].split(BETWEEN)
    if options & RAW:
        stream = steps.pop(0)
    else:
        stream = REQUEST % (b"1.0.0" if options & V1 else b"2.0.0", DEFLATE if options & DEFLATES else b"")
    stream += b"".join(masked(step) for step in steps if step)
    LOOP.run_until_complete(serve(stream, size, is_v2=not options & (V1 | RAW)))


async def serve(stream: bytes, size: int, *, is_v2: bool) -> None:
    failures: list[dict[str, Any]] = []
    LOOP.set_exception_handler(lambda _loop, context: failures.append(context))
    embedded = await server()
    transport = MemoryTransport(LOOP, embedded._reader())
    transport.feed(cut(stream, size))
    # What is put off for a client that reads slowly is not waited for.
    for _ in range(4 + len(stream)):
        await asyncio.sleep(0)
        if transport.is_closing():
            break
    transport.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not failures, failures
    assert embedded.connections == []
    assert embedded.topics == {}
    if is_v2:
        check_answers(bytes(transport.written))


def check_answers(written: bytes) -> None:
    head, _, stream = written.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        return
    while stream:
        first, length, at = stream[0], stream[1], 2
        assert not length & 0x80
        if length >= 126:
            width = 2 if length == 126 else 8
            length, at = int.from_bytes(stream[2 : 2 + width]), 2 + width
        payload = stream[at : at + length]
        assert len(payload) == length
        if first in (0x80 | TEXT, 0x80 | BINARY):
            try:
                assert decode(payload, first & 15, False).topic is not None
            except DecodeError as error:
                raise AssertionError(f"the server sent what is no frame: {payload!r}") from error
        stream = stream[at + length :]
