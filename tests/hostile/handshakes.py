"""Torn handshakes: what comes in place of the answer to the first request, of a WebSocket or of any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.hostile.right_server import Serve, hold, http, is_socket, serve_right
from tests.transports.raw_server import TEXT, Peer, close_frame, frame, handshake_answer

HELLO = frame(TEXT, b'[null,null,"room:a","hello",{}]')
DRIP_S = 0.005
MOST_BYTES = 2_000_000


def says(answer: bytes | Callable[[bytes], bytes], then: str = "close") -> Serve:
    """*answer*, or what it makes of the request; then the connection is closed, held, or reset."""

    async def serve(peer: Peer, request: bytes) -> None:
        if callable(answer) and not is_socket(request):
            # It is of the WebSocket alone.
            return await serve_right(peer, request)
        peer.send(answer(request) if callable(answer) else answer)
        if then == "hold":
            await hold(peer)
        elif then == "reset":
            peer.reset()
        return None

    return serve


def drips(answer: Callable[[bytes], bytes], *, pieces: int = 1) -> Serve:
    """The answer, byte by byte, and only a part of it; the rest never comes."""

    async def serve(peer: Peer, request: bytes) -> None:
        if not is_socket(request):
            return await serve_right(peer, request)
        whole = answer(request)
        for at in range(len(whole) // pieces):
            peer.send(whole[at : at + 1])
            await peer.writer.drain()
            await asyncio.sleep(DRIP_S)
        return await hold(peer)

    return serve


def endless(head: bytes, piece: bytes) -> Serve:
    """An answer that has no end, until the client has had enough."""

    async def serve(peer: Peer, _: bytes) -> None:
        peer.send(head)
        for _ in range(MOST_BYTES // len(piece)):
            peer.send(piece)
            await peer.writer.drain()
        await hold(peer)

    return serve


def changed(old: str, new: str) -> Callable[[bytes], bytes]:
    """The right answer with *new* in place of *old*."""
    return lambda request: handshake_answer(request).replace(old.encode(), new.encode())


def with_headers(headers: str) -> Callable[[bytes], bytes]:
    return lambda request: handshake_answer(request, headers)


def status(code: int, body: str = "no", headers: str = "") -> Serve:
    return says(http(body, f"{code} Whatever", headers))


HANDSHAKES: dict[str, Serve] = {
    "closed at once": says(b""),
    "reset at once": says(b"", "reset"),
    "silence": says(b"", "hold"),
    "half a status line": says(b"HTTP/1.1 10", "hold"),
    "half a head": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs", "hold"),
    "half a head and closed": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs"),
    "half a head and reset": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs", "reset"),
    "byte by byte": drips(lambda request: handshake_answer(request) + HELLO),
    "byte by byte and no end": drips(handshake_answer, pieces=2),
    "headers without end": endless(
        b"HTTP/1.1 101 Switching Protocols\r\n", b"X-Filler: " + b"a" * 1000 + b"\r\n"
    ),
    "one header without end": endless(b"HTTP/1.1 101 Switching Protocols\r\nX-Filler: ", b"a" * 4096),
    "a status line without end": endless(b"HTTP/1.1 101 ", b"a" * 4096),
    "a body without end": endless(b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n", b"b" * 4096),
    "chunks without end": endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"a\r\n0123456789\r\n"
    ),
    "a huge chunk": says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc", "hold"
    ),
    "a chunk of no size": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
    "a body shorter than its length": says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nabc"),
    "a body of negative length": says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: -5\r\n\r\nabc"),
    "a body of length nan": says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: nan\r\n\r\nabc"),
    "no accept": says(
        lambda request: handshake_answer(request).partition(b"Sec-WebSocket-Accept")[0] + b"\r\n"
    ),
    "wrong accept": says(changed("Accept: ", "Accept: x")),
    "accept in other letters": says(lambda request: handshake_answer(request).swapcase()),
    "accept twice": says(with_headers("Sec-WebSocket-Accept: aaaa\r\n")),
    "no upgrade": says(changed("Upgrade: websocket\r\n", "")),
    "upgrade to another": says(changed("Upgrade: websocket", "Upgrade: h2c")),
    "no connection header": says(changed("Connection: Upgrade\r\n", "")),
    "a sub-protocol nobody offered": says(with_headers("Sec-WebSocket-Protocol: chat\r\n")),
    "an extension nobody offered": says(with_headers("Sec-WebSocket-Extensions: permessage-deflate\r\n")),
    "an extension of rubbish": says(with_headers('Sec-WebSocket-Extensions: ;;=\x01",\r\n')),
    "many extensions": says(with_headers("Sec-WebSocket-Extensions: " + "a;b=1," * 2000 + "c\r\n")),
    "a giant header": says(with_headers(f"X-Giant: {'g' * 60_000}\r\n"), "hold"),
    "many headers": says(with_headers("".join(f"X-{n}: {n}\r\n" for n in range(3000))), "hold"),
    "a header of control characters": says(with_headers("X-Odd: \x00\x01\x1b[31m\x7f\r\n"), "hold"),
    "a header that is no ASCII": says(
        lambda request: handshake_answer(request).replace(b"\r\n\r\n", b"\r\nX-Odd: \xff\xfe\r\n\r\n"), "hold"
    ),
    "a header without a colon": says(with_headers("nothing of the kind\r\n"), "hold"),
    "a header without a name": says(with_headers(": none\r\n"), "hold"),
    "a folded header": says(with_headers("X-Folded: a\r\n b\r\n"), "hold"),
    "lines that end in LF": says(lambda request: handshake_answer(request).replace(b"\r\n", b"\n"), "hold"),
    "a cookie of rubbish": says(with_headers("Set-Cookie: =;;;\x01=é\r\nSet-Cookie: a\r\n"), "hold"),
    "four thousand cookies": says(with_headers("".join(f"Set-Cookie: c{n}={n}\r\n" for n in range(400)))),
    "another HTTP": says(changed("HTTP/1.1", "HTTP/9.9")),
    "status 0": says(http("", "0 Nothing")),
    "status 99999": says(http("", "99999 Whatever")),
    "status -1": says(http("", "-1 Whatever")),
    "status of letters": says(b"HTTP/1.1 abc Whatever\r\n\r\n"),
    "status 100 and no more": says(b"HTTP/1.1 100 Continue\r\n\r\n", "hold"),
    "status 100 a thousand times": says(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "hold"),
    "status 100 before the answer": says(
        lambda request: b"HTTP/1.1 100 Continue\r\n\r\n" + handshake_answer(request)
    ),
    "200 with HTML": status(200, "<html><body>hello</body></html>"),
    "204": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "401 with a challenge": status(401, headers='WWW-Authenticate: Basic realm="\x1b[31m"\r\n'),
    "403": status(403),
    "404 with a long page": status(404, "<p>" * 50_000),
    "407": status(407, headers="Proxy-Authenticate: Basic\r\n"),
    "408 unasked": says(b"HTTP/1.0 408 Request Timeout\r\n\r\n"),
    "426": status(426, headers="Upgrade: h2c\r\n"),
    "429 for ever": status(429, headers="Retry-After: 99999999999999999999\r\n"),
    "429 until yesterday": status(429, headers="Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
    "429 of rubbish": status(429, headers="Retry-After: nan\r\n"),
    "500 with control characters": status(500, "\x1b]0;owned\x07\x9b31m\u202e" * 20),
    "503 with half UTF-8": says(http(b"\xff\xfe\xe4\xbd", "503 Later")),
    "a redirect to itself": status(302, headers="Location: ?again\r\n"),
    "a redirect to another host": status(301, headers="Location: http://192.0.2.1/\r\n"),
    "a redirect to another scheme": status(302, headers="Location: file:///etc/passwd\r\n"),
    "a redirect to no URL": status(302, headers="Location: http://[::1\r\n"),
    "a redirect to a long URL": status(302, headers=f"Location: /{'l' * 7000}\r\n"),
    "a redirect without a location": status(307),
    "two locations": status(302, headers="Location: /a\r\nLocation: /b\r\n"),
    "not HTTP": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "not HTTP and held": says(b"220 smtp ready\r\n", "hold"),
    "TLS": says(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160), "hold"),
    "binary rubbish": says(bytes(range(256)) * 8, "hold"),
    "zeros": says(bytes(4096), "hold"),
    "line ends alone": says(b"\r\n" * 500, "hold"),
    "the request again": says(lambda request: request, "hold"),
    "frames without an answer": says(HELLO * 3, "hold"),
    "a frame behind the answer": says(lambda request: handshake_answer(request) + HELLO, "hold"),
    "a close behind the answer": says(lambda request: handshake_answer(request) + close_frame(1000, "bye")),
    "rubbish behind the answer": says(lambda request: handshake_answer(request) + b"\xff" * 100),
    "half a frame behind the answer": says(lambda request: handshake_answer(request) + HELLO[:9]),
    "two answers": says(lambda request: handshake_answer(request) * 2, "hold"),
    "an answer and an error": says(lambda request: handshake_answer(request) + http("no", "500 Oh")),
    "an answer and the end": says(handshake_answer),
    "an answer and a reset": says(handshake_answer, "reset"),
    "an answer and silence": says(handshake_answer, "hold"),
}
