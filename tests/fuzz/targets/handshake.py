"""The answer to a WebSocket's handshake. It makes a connection or a ConnectError, the same however it is cut;
what it says is shown on one line, without a secret."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from fastphx.errors import ConnectError
from fastphx.protocol.sink import CallbackSink
from fastphx.transports.connector import connect
from fastphx.transports.options import ConnectOptions
from fastphx.transports.websocket.deflate import DeflateOptions
from tests.fuzz.connection_owner import ConnectionOwner
from tests.fuzz.memory_transport import MemoryLoop, MemoryTransport, cut
from tests.fuzz.pieces import NOT_UTF8

SECRET = "c2VjcmV0LW9mLXRoZS11c2Vy"
ACCEPT = b"{accept}"
LINES = b"""HTTP/1.1 101 Switching Protocols
HTTP/1.1 403 Forbidden
HTTP/1.0 200 OK
Upgrade: websocket
Connection: Upgrade
Connection: keep-alive, Upgrade
Sec-WebSocket-Accept: {accept}
Sec-WebSocket-Protocol: phoenix
Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12
; server_no_context_takeover
; client_max_window_bits=10
; server_max_window_bits=8
Location: http://u:p@host/x?token=t
Retry-After: 5
Retry-After: 99999999999999999999
Retry-After: Fri, 31 Dec 1999 23:59:59 GMT
Set-Cookie: a=b; Path=/
Content-Length: 5
Transfer-Encoding: chunked

5
hello
0
"""
PIECES = (
    *(line + b"\r\n" for line in LINES.splitlines()),
    *(
        *NOT_UTF8,
        ACCEPT,
        b"\x81\x02hi",
        b"\x88\x02\x03\xe8",
        b":",
        b";",
        b",",
        b"=",
        b"\x00",
        SECRET.encode(),
    ),
)
MAX_BYTES = 2048
DEFLATES, VALIDATES = 1, 2
LOOP = MemoryLoop()
_KEY = re.compile(rb"\r\nSec-WebSocket-Key: ([^\r\n]+)")


def seeds() -> Iterable[bytes]:
    good = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: {accept}\r\n%b\r\n%b"
    )
    answers = [
        good % (b"", b"\x81\x02hi"),
        good % (b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n", b""),
        good % (b"Sec-WebSocket-Protocol: phoenix\r\nSet-Cookie: a=b\r\n", b"\x88\x02\x03\xe8"),
        good.replace(b"{accept}", b"wrong") % (b"", b""),
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nRetry-After: 5\r\n\r\nhello",
        b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://u:p@other/x?token=" + SECRET.encode() + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
    ]
    for options in range(4):
        for size in (0, 1, 50):
            for answer in answers:
                yield bytes([options, size]) + answer


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    whole = LOOP.run_until_complete(shaken(data[2:], data[0], 0))
    assert LOOP.run_until_complete(shaken(data[2:], data[0], data[1])) == whole


async def shaken(answer: bytes, options: int, size: int) -> tuple[str, object]:
    """What came of the answer, and how it ended."""

    def feed(transport: MemoryTransport) -> None:
        key = _KEY.search(bytes(transport.written))
        assert key is not None
        accept = base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        transport.feed(cut(answer.replace(ACCEPT, accept), size))

    LOOP.on_connection = feed
    owner = ConnectionOwner(LOOP)
    wanted = ConnectOptions(
        proxy=None,
        auth_token=SECRET,
        compress=DeflateOptions(server_max_window_bits=12) if options & DEFLATES else False,
        validate_utf8=bool(options & VALIDATES),
    )
    messages: list[bytes] = []
    sink = CallbackSink(lambda data, _opcode, _now_ns: messages.append(data))
    try:
        await connect(f"ws://peer.test/s?token={SECRET}", sink, owner, wanted)
    except ConnectError as error:
        told = str(error)
        assert told.isprintable()
        assert SECRET not in told
        assert SECRET.encode() not in error.body
        assert error.retry_after is None or 0 <= error.retry_after < float("inf")
        # The key, and so the accept, is another each time.
        return told if ACCEPT not in answer else str(len(told)), error.status
    reason = await owner.ended
    assert str(reason).isprintable()
    return str(reason), messages
