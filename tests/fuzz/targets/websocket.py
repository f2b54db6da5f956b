"""The WebSocket as a client reads it: frames, fragments, closes, pings, deflate. What is read is what RFC
6455 says of the bytes, however they are cut and whenever their reader pauses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fastphx.errors import ConnectionClosed
from fastphx.protocol.sink import CallbackSink
from fastphx.transports.connector import connect
from fastphx.transports.options import ConnectOptions
from fastphx.transports.websocket.deflate import Agreement, DeflateStream, InflateError
from fastphx.transports.websocket.link import WebSocketLink
from tests.fuzz.connection_owner import ConnectionOwner
from tests.fuzz.memory_transport import MemoryLoop, MemoryTransport, cut
from tests.transports.raw_server import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    close_frame,
    frame,
    handshake_answer,
)

try:
    from exact_frames import head as exact_head
except ImportError:
    exact_head = None

VALIDATES, DEFLATES, IS_SMALL, PAUSES = 1, 2, 4, 8
HEADERS = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
PIECES = (
    *(
        b"\x81\x00",
        b"\x82\x01a",
        b"\x01\x01a",
        b"\x80\x01b",
        b"\x00\x01c",
        b"\x89\x00",
        b"\x8a\x01\x31",
        b"\x88\x00",
    ),
    *(
        b"\x88\x02\x03\xe8",
        b"\x88\x02\x03\xed",
        b"\x88\x01\x03",
        b"\xc1\x05\xca\x48\x04\x00\x00",
        b"\xc1\x01\x00",
    ),
    *(
        b"\x81\x7e\x00\x7e",
        b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
        b"\x81\x7f\xff\xff\xff\xff",
        b"\x81\x80",
    ),
    *(
        "é".encode(),
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
        b"\xff",
        b"\x7e",
        b"\x7f",
        b"\x41",
        b"\xf1",
        b"\x8f",
    ),
)
MAX_BYTES = 4096
LOOP = MemoryLoop()


def seeds() -> Iterable[bytes]:
    stream = DeflateStream(
        deflate_bits=15, deflate_takeover=True, inflate_bits=15, inflate_takeover=True, max_message_size=1000
    )
    messages = [
        [frame(TEXT, b"hello"), frame(BINARY, bytes(300)), close_frame(1000, "bye")],
        [frame(TEXT, b"he", fin=False), frame(PING, b"x"), frame(CONTINUATION, "llö".encode())],
        [
            frame(TEXT, stream.deflate(b"hello" * 20), rsv=4),
            frame(TEXT, stream.deflate(b"hello" * 20), rsv=4),
        ],
        [frame(BINARY, bytes(70_000)[:2000]), frame(TEXT, b"\xc3"), frame(TEXT, b"a", masked=True)],
        [frame(3), frame(PING, bytes(126)), close_frame(1004), frame(CLOSE, b"\x03")],
    ]
    for options in range(16):
        for size in (0, 1, 7):
            for parts in messages:
                yield bytes([options, size]) + b"".join(parts)


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    options, size, stream = data[0], data[1], data[2:]
    if exact_head is not None:
        exact_head(stream[:14])
    whole = LOOP.run_until_complete(read(stream, options & ~PAUSES, 0))
    assert (whole.messages, whole.code) == expected(stream, options)
    in_parts = LOOP.run_until_complete(read(stream, options, size))
    if options & PAUSES and (whole.code, in_parts.code) == (1007, 1006):
        # The beginning of a frame that has come in a pause is looked at with its next bytes.
        assert in_parts.messages == whole.messages
    else:
        assert in_parts == whole, (in_parts, whole)


@dataclass
class Read:
    """What came of a stream."""

    messages: list[tuple[int, bytes]] = field(default_factory=list)
    code: int = 0
    reason: str = ""
    answered: list[tuple[int, bytes]] = field(default_factory=list)


def max_message_size(options: int) -> int:
    return 300 if options & IS_SMALL else 100_000


async def read(stream: bytes, options: int, size: int) -> Read:
    seen = Read()
    owner = ConnectionOwner(LOOP)
    link: WebSocketLink | None = None
    transports: list[MemoryTransport] = []

    def feed(transport: MemoryTransport) -> None:
        answer = handshake_answer(bytes(transport.written), HEADERS if options & DEFLATES else "")
        transport.written.clear()
        transports.append(transport)
        transport.feed([answer, *cut(stream, size)])

    def on_message(data: bytes, opcode: int, _now_ns: int) -> None:
        seen.messages.append((opcode, data))
        if options & PAUSES and link is not None:
            link.pause_reading()
            LOOP.call_soon(link.resume_reading)

    LOOP.on_connection = feed
    link = await connect(
        "ws://peer.test/",
        CallbackSink(on_message),
        owner,
        ConnectOptions(
            proxy=None,
            compress=bool(options & DEFLATES),
            max_message_size=max_message_size(options),
            validate_utf8=bool(options & VALIDATES),
        ),
    )
    reason = await owner.ended
    assert isinstance(reason, ConnectionClosed), reason
    assert str(reason).isprintable()
    seen.code, seen.reason = reason.code, reason.reason
    assert link.read_buffer_bytes == 0
    seen.answered = list(sent_frames(bytes(transports[0].written)))
    return seen


def sent_frames(data: bytes) -> Iterable[tuple[int, bytes]]:
    """A client's frames, unmasked."""
    while data:
        size, at = data[1] & 0x7F, 2
        assert data[1] & 0x80
        assert size < 126
        mask, payload = data[at : at + 4], data[at + 4 : at + 4 + size]
        yield data[0], bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        data = data[at + 4 + size :]


ENDS = [byte * count for byte in (b"\x80", b"\xbf") for count in range(4)]
"""What makes UTF-8 of all that can become it. Python's incremental decoder waits for a surrogate's end."""


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class BreachError(Exception):
    """The stream breaks off here, with a close code."""

    def __init__(self, code: int) -> None:
        self.code = code


def expected(stream: bytes, options: int) -> tuple[list[tuple[int, bytes]], int]:
    """The messages of *stream* (RFC 6455 sections 5 and 7), and the code that it ends with."""
    model = Model(options)
    try:
        model.take(stream)
    except BreachError as breach:
        return model.messages, breach.code
    return model.messages, 1006


class Model:
    def __init__(self, options: int) -> None:
        self.limit = max_message_size(options)
        self.validates = bool(options & VALIDATES)
        agreement = Agreement() if options & DEFLATES else None
        self.inflate = agreement.client_stream(self.limit).inflate if agreement is not None else None
        self.messages: list[tuple[int, bytes]] = []
        self.opcode = 0
        self.parts = b""
        self.deflated = False

    def take(self, stream: bytes) -> None:
        at = 0
        while len(stream) - at >= 2:
            first, second = stream[at], stream[at + 1]
            opcode, size, head = first & 15, second & 127, 2
            if second & 128 or 2 < opcode < 8 or opcode > 10:
                raise BreachError(1002)
            if opcode >= 8 and (not first & 128 or size > 125):
                raise BreachError(1002)
            if size >= 126:
                width = 2 if size == 126 else 8
                head += width
                if len(stream) - at < head:
                    return
                size = int.from_bytes(stream[at + 2 : at + head])
                if size >> 63 or size < (126 if width == 2 else 65536):
                    raise BreachError(1002)
            if opcode < 8 and size > self.limit:
                raise BreachError(1009)
            payload = stream[at + head : at + head + size]
            if len(payload) < size:
                # Nobody waits for the rest of what cannot be text.
                if opcode == TEXT and not first & 0x70 and not self.opcode:
                    self.check_text(payload, TEXT, final=False)
                return
            self.take_frame(bool(first & 128), (first >> 4) & 7, opcode, payload)
            at += head + size

    def take_frame(self, fin: bool, rsv: int, opcode: int, payload: bytes) -> None:
        if rsv and (rsv != 4 or self.inflate is None or opcode not in (TEXT, BINARY)):
            raise BreachError(1002)
        if opcode == CLOSE:
            raise BreachError(self.close_code(payload))
        if opcode >= 8:
            return
        if (opcode == CONTINUATION) != bool(self.opcode):
            raise BreachError(1002)
        if opcode != CONTINUATION:
            self.opcode, self.parts, self.deflated = opcode, b"", bool(rsv)
        self.parts += payload
        if len(self.parts) > self.limit:
            raise BreachError(1009)
        if not self.deflated:
            self.check_text(self.parts, self.opcode, final=fin)
        if fin:
            opcode, self.opcode = self.opcode, 0
            self.messages.append((opcode, self.whole(opcode)))

    def whole(self, opcode: int) -> bytes:
        if not self.deflated:
            return self.parts
        assert self.inflate is not None
        try:
            message = self.inflate(self.parts)
        except InflateError as error:
            raise BreachError(error.code) from None
        self.check_text(message, opcode, final=True)
        return message

    def check_text(self, data: bytes, opcode: int, *, final: bool) -> None:
        if (
            self.validates
            and opcode == TEXT
            and not any(is_text(data + end) for end in ((b"",) if final else ENDS))
        ):
            raise BreachError(1007)

    def close_code(self, payload: bytes) -> int:
        if not payload:
            return 1005
        code = int.from_bytes(payload[:2])
        if len(payload) == 1 or not 1000 <= code <= 4999 or code in (1004, 1005, 1006) or 1014 < code < 3000:
            return 1002
        try:
            payload[2:].decode()
        except UnicodeDecodeError:
            return 1007
        return code
