"""Floods, drips and bombs: a server that sends more than anybody wants, or less."""

from __future__ import annotations

import asyncio
import zlib

from tests.answering_server import Pushed, on_the_wire
from tests.hostile.frames import HELLO, MAX_MESSAGE_SIZE, deflated
from tests.hostile.right_server import Frames, Serve, answered, is_socket, right, serve_right
from tests.transports.raw_server import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Peer,
    frame,
    handshake_answer,
)

MOST_BYTES = 2_000_000
MOST_PIECES = 1000
"""What a flood comes to, unless the client has had enough before: else a test would last too long."""
DRIP_S = 0.002
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


def flood(piece: bytes, head: bytes = b"") -> Serve:
    """*piece* again and again behind the first reply, whether or not the client reads; then rightly on."""

    async def serve(peer: Peer, request: bytes) -> None:
        if not is_socket(request):
            return await serve_right(peer, request)
        peer.send(handshake_answer(request))
        opcode, data = await peer.frame()
        if opcode != CLOSE:
            peer.send(b"".join(map(on_the_wire, answered(right, data))) + head)
            for _ in range(min(MOST_PIECES, MOST_BYTES // len(piece))):
                peer.send(piece)
                await peer.writer.drain()
        return await leave(peer)

    return serve


def drip(data: bytes) -> Serve:
    """Each answer, and *data* behind it, byte by byte."""

    async def serve(peer: Peer, request: bytes) -> None:
        if not is_socket(request):
            return await serve_right(peer, request)
        peer.send(handshake_answer(request))
        while True:
            opcode, pushed = await peer.frame()
            if opcode == CLOSE:
                return None
            if opcode > CLOSE:
                continue
            for byte in b"".join(map(on_the_wire, answered(right, pushed))) + data:
                peer.send(bytes((byte,)))
                await peer.writer.drain()
                await asyncio.sleep(DRIP_S)

    return serve


async def leave(peer: Peer) -> None:
    """Say nothing, and close when the client does."""
    while True:
        opcode, data = await peer.frame()
        if opcode == CLOSE:
            peer.send(frame(CLOSE, data[:2]))
            return


def compressed(data: bytes, code: bytes = b"") -> Serve:
    """Agree on permessage-deflate, and send *data* behind the first reply."""

    async def serve(peer: Peer, request: bytes) -> None:
        if not is_socket(request):
            return await serve_right(peer, request)
        peer.send(handshake_answer(request, DEFLATE))
        # The client compresses what it says: no answer is made of it.
        await peer.frame()
        peer.send(data)
        return await leave(peer)

    return serve


def bomb(size: int) -> bytes:
    """A message that inflates to *size* bytes."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [compressor.compress(b" " * 1_000_000) for _ in range(size // 1_000_000)]
    return b"".join(parts) + compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]


def many(make: bytes, count: int) -> Serve:
    """*make* in one write, *count* times, with each reply."""

    def answer(pushed: Pushed) -> Frames:
        return [*right(pushed), make * count]

    async def serve(peer: Peer, request: bytes) -> None:
        await serve_right(peer, request, answer)

    return serve


FLOODS: dict[str, Serve] = {
    "messages": flood(frame(TEXT, HELLO) * 100),
    "messages of a topic nobody joined": flood(frame(TEXT, b'[null,null,"none","hello",{}]') * 100),
    "messages that are no JSON": flood(frame(TEXT, b"no JSON") * 20),
    "large messages": flood(
        frame(TEXT, b'[null,null,"room:a","large","' + b"x" * (MAX_MESSAGE_SIZE - 100) + b'"]')
    ),
    "binary messages": flood(frame(BINARY, b"\x02\x06\x05room:ahello" + bytes(500)) * 20),
    "binary rubbish": flood(frame(BINARY, b"\xff" * 300) * 30),
    "empty messages": flood(frame(TEXT) * 50),
    "pings": flood(frame(PING, b"p" * 125) * 100),
    "pongs": flood(frame(PONG, b"p" * 125) * 100),
    "empty fragments": flood(frame(CONTINUATION, b"", fin=False) * 2000, frame(TEXT, b"", fin=False)),
    "fragments": flood(frame(CONTINUATION, b"x" * 1000, fin=False), frame(TEXT, b"[", fin=False)),
    "fragments of one byte": flood(frame(CONTINUATION, b"x", fin=False) * 1000, frame(TEXT, b"[", fin=False)),
    "a frame that is as long as all": flood(
        bytes(10_000), b"\x82\x7f" + (MAX_MESSAGE_SIZE - 1).to_bytes(8, "big")
    ),
    "replies nobody waits for": flood(
        frame(TEXT, b'[null,"999999","room:a","phx_reply",{"status":"ok","response":{}}]') * 100
    ),
    "errors of a channel": flood(frame(TEXT, b'["1","1","room:a","phx_error",{}]') * 100),
    "presence": flood(
        frame(
            TEXT,
            b'[null,null,"room:a","presence_diff",{"joins":{"u":{"metas":[{"phx_ref":"a"}]}},"leaves":{}}]',
        )
        * 50
    ),
    "five hundred events with each reply": many(frame(TEXT, HELLO), 500),
    "drip": drip(frame(TEXT, HELLO)),
    "drip of pings": drip(frame(PING, b"drip") * 3),
}

BOMBS: dict[str, tuple[int, Serve]] = {
    "a bomb": (1009, compressed(frame(TEXT, bomb(50_000_000), rsv=4))),
    "a bomb as large as allowed": (0, compressed(frame(TEXT, deflated(b" " * MAX_MESSAGE_SIZE), rsv=4))),
    "a hundred bombs": (1009, compressed(frame(TEXT, bomb(2_000_000), rsv=4) * 100)),
    "a bomb in fragments": (
        1009,
        compressed(
            frame(TEXT, bomb(3_000_000)[:1000], rsv=4, fin=False)
            + frame(CONTINUATION, bomb(3_000_000)[1000:])
        ),
    ),
    "compressed rubbish": (1007, compressed(frame(TEXT, b"\xff" * 200, rsv=4))),
    "compressed half": (0, compressed(frame(TEXT, deflated(HELLO)[:5], rsv=4))),
    "compressed nothing": (0, compressed(frame(TEXT, b"", rsv=4) * 100)),
    "many ends of a stream": (1007, compressed(frame(TEXT, b"\x01\x00\x00\xff\xff" * 5000, rsv=4))),
    "a reserved bit in a continuation": (
        1002,
        compressed(frame(TEXT, b"\x00", rsv=4, fin=False) + frame(CONTINUATION, b"\x00", rsv=4)),
    ),
    "a compressed ping": (1002, compressed(frame(PING, deflated(b"ping"), rsv=4))),
    "compressed text that is no UTF-8": (0, compressed(frame(TEXT, deflated(b"\xff\xfe" * 20), rsv=4))),
}
"""On a connection that has agreed on permessage-deflate; with the code that the client has to close with."""
