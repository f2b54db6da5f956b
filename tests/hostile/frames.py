"""Frames that RFC 6455 and RFC 7692 do not allow, or hardly: sent in one write with the first reply."""

from __future__ import annotations

import struct
import zlib

from tests.answering_server import Pushed
from tests.hostile.right_server import Frames, Serve, right, serve_right
from tests.transports.raw_server import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Peer,
    close_frame,
    frame,
)

HELLO = b'[null,null,"room:a","hello",{}]'
MAX_MESSAGE_SIZE = 100_000
"""What the clients of these tests allow."""
LARGE = b'[null,null,"room:a","large","' + b"x" * MAX_MESSAGE_SIZE + b'"]'
ANY = 0


def said(size: int, head: bytes = b"\x81\x7f", data: bytes = HELLO) -> bytes:
    """A frame whose 64-bit length is not that of *data*."""
    return head + struct.pack("!Q", size) + data


def deflated(data: bytes) -> bytes:
    """The payload of a compressed message."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]


FRAMES: dict[str, tuple[int, bytes]] = {
    "reserved bit 1": (1002, frame(TEXT, HELLO, rsv=4)),
    "reserved bit 2": (1002, frame(TEXT, HELLO, rsv=2)),
    "reserved bit 3": (1002, frame(TEXT, HELLO, rsv=1)),
    "reserved bits of a ping": (1002, frame(PING, b"", rsv=4)),
    **{
        f"opcode {opcode}": (1002, frame(opcode, HELLO if opcode < 8 else b""))
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "a masked text": (1002, frame(TEXT, HELLO, masked=True)),
    "a masked ping": (1002, frame(PING, b"", masked=True)),
    "a masked empty frame": (1002, frame(BINARY, b"", masked=True)),
    "16 bits for a short length": (1002, b"\x81\x7e\x00\x1f" + HELLO),
    "64 bits for a short length": (1002, said(len(HELLO))),
    "64 bits for a 16 bit length": (1002, said(60_000)),
    "a negative length": (1002, said(1 << 63)),
    "the longest length": (1009, said((1 << 63) - 1)),
    "every bit of a length": (1002, said((1 << 64) - 1)),
    "a length of 4 GiB": (1009, said(1 << 32)),
    "a length of 4 GiB and 31": (1009, said((1 << 32) + len(HELLO))),
    "a length that never comes": (ANY, said(70_000)),
    "a length longer than allowed": (1009, said(MAX_MESSAGE_SIZE * 2)),
    "a length shorter than the data": (ANY, b"\x81\x05" + HELLO),
    "half a head": (ANY, b"\x81"),
    "half a 16 bit length": (ANY, b"\x81\x7e\x01"),
    "half a 64 bit length": (ANY, b"\x81\x7f\x00\x00\x00"),
    "a message longer than allowed": (1009, frame(TEXT, LARGE)),
    "fragments longer than allowed": (
        1009,
        frame(TEXT, LARGE[:50_000], fin=False) + frame(CONTINUATION, LARGE[:60_000]),
    ),
    "a continuation of nothing": (1002, frame(CONTINUATION, HELLO)),
    "a last continuation of nothing": (1002, frame(CONTINUATION, HELLO, fin=False)),
    "a text within a text": (1002, frame(TEXT, HELLO[:5], fin=False) + frame(TEXT, HELLO)),
    "a binary within a text": (1002, frame(TEXT, HELLO[:5], fin=False) + frame(BINARY, b"", fin=False)),
    "a fragment of reserved bits": (1002, frame(TEXT, b"[", fin=False) + frame(CONTINUATION, b"]", rsv=4)),
    "empty fragments": (
        ANY,
        frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 5000 + frame(CONTINUATION, HELLO),
    ),
    "fragments of one byte": (
        ANY,
        frame(TEXT, b"", fin=False)
        + b"".join(frame(CONTINUATION, HELLO[at : at + 1], fin=False) for at in range(len(HELLO)))
        + frame(CONTINUATION),
    ),
    "pings within fragments": (
        ANY,
        frame(TEXT, HELLO[:5], fin=False) + frame(PING, b"within") * 20 + frame(CONTINUATION, HELLO[5:]),
    ),
    "a close within fragments": (ANY, frame(TEXT, HELLO[:5], fin=False) + close_frame(1001)),
    "fragments without an end": (
        ANY,
        frame(TEXT, HELLO[:5], fin=False) + frame(CONTINUATION, b" ", fin=False) * 99,
    ),
    "a fragmented ping": (1002, frame(PING, b"a", fin=False) + frame(CONTINUATION, b"b")),
    "a fragmented close": (1002, frame(CLOSE, b"\x03\xe8", fin=False)),
    "a long ping": (1002, frame(PING, b"p" * 126)),
    "a long pong": (1002, frame(PONG, b"p" * 70_000)),
    "a long close": (1002, close_frame(1000, "r" * 200)),
    "a pong nobody asked for": (ANY, frame(PONG, b"unasked") * 10),
    "a thousand pings": (ANY, frame(PING, b"p" * 125) * 1000),
    "a close of one byte": (1002, frame(CLOSE, b"\x03")),
    "a close without a code": (ANY, frame(CLOSE)),
    **{
        f"a close with code {code}": (1002, close_frame(code))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1100, 2999, 5000, 65535)
    },
    **{f"a close with code {code}": (code, close_frame(code)) for code in (1000, 1001, 1012, 3000, 4999)},
    "a close whose reason is no UTF-8": (1007, frame(CLOSE, b"\x03\xe8\xff\xfe")),
    "a close whose reason is half a character": (1007, frame(CLOSE, b"\x03\xe8\xe4\xbd")),
    "a close of control characters": (1011, close_frame(1011, "\x1b]0;owned\x07\u202e\n\x00")),
    "two closes": (1011, close_frame(1011, "one") + close_frame(1012, "two")),
    "frames behind the close": (1001, close_frame(1001) + frame(TEXT, HELLO) * 50),
    "rubbish behind the close": (1001, close_frame(1001) + b"\xff" * 500),
    "text that is no UTF-8": (ANY, frame(TEXT, b'[null,null,"room:a","hello","\xff\xfe"]')),
    "text cut in a character": (ANY, frame(TEXT, b'[null,null,"room:a","hello","\xe4\xbd"]')),
    "an overlong character": (ANY, frame(TEXT, b'[null,null,"room:a","hello","\xc0\x80"]')),
    "half a surrogate pair in UTF-8": (ANY, frame(TEXT, b'[null,null,"room:a","\xed\xa0\x80",{}]')),
    "an empty text": (ANY, frame(TEXT)),
    "an empty binary": (ANY, frame(BINARY)),
    "JSON as binary": (ANY, frame(BINARY, HELLO)),
    "deflated though nobody agreed": (1002, frame(TEXT, deflated(HELLO), rsv=4)),
    "a second handshake": (ANY, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
    "rubbish": (ANY, bytes(range(255, 0, -1)) * 4),
    "zeros": (ANY, bytes(1000)),
    "ones": (1002, b"\xff" * 1000),
}
"""The code that the client has to close with (ANY: that is not asserted), and the bytes."""


def send_with_the_first_reply(data: bytes) -> Serve:
    """Serve rightly, and send *data* behind the first reply of each connection."""

    async def serve(peer: Peer, request: bytes) -> None:
        sent = False

        def answer(pushed: Pushed) -> Frames:
            nonlocal sent
            if sent:
                return right(pushed)
            sent = True
            return [*right(pushed), data]

        await serve_right(peer, request, answer)

    return serve
