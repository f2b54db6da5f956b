"""Proxies: what the environment says of them, and what one answers. Whom ``NO_PROXY`` lists is connected to
directly; a tunnel is open only after a 2xx, the same however the answer is cut; nothing shows a password."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from fastphx.errors import ConnectError, ConnectionClosed
from fastphx.protocol.sink import CallbackSink
from fastphx.transports.connector import connect
from fastphx.transports.options import ConnectOptions
from fastphx.transports.proxy import PROXY_SCHEMES, environment_proxy
from tests.fuzz.connection_owner import ConnectionOwner
from tests.fuzz.memory_transport import MemoryLoop, MemoryTransport, cut
from tests.fuzz.pieces import NOT_UTF8
from tests.fuzz.steps import BETWEEN
from tests.transports.raw_server import TEXT, close_frame, frame, handshake_answer

PASSWORD = "c2VjcmV0LW9mLXRoZS11c2Vy"
KINDS = ("HTTP", "HTTPS", "ALL", "WS", "WSS", "SOCKS")
PREFERRED = {True: ("WSS", "SOCKS", "HTTPS", "ALL"), False: ("WS", "SOCKS", "HTTPS", "HTTP", "ALL")}
PIECES = (
    *(
        BETWEEN,
        *NOT_UTF8,
        b",",
        b", ",
        b".",
        b"*",
        b":",
        b"@",
        b"[",
        b"]",
        b"[::1]",
        b"::1",
        b"#",
        b"?",
        b"/",
        b"%",
    ),
    *(f"{scheme}://".encode() for scheme in PROXY_SCHEMES),
    *(
        b"socks5h://",
        b"u:" + PASSWORD.encode() + b"@",
        PASSWORD.encode(),
        "é".encode(),
        "İ".encode(),
        b"host.test",
    ),
    *(
        b":0",
        b":80",
        b":65536",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 407 No\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"9" * 20,
    ),
)
MAX_BYTES = 1024
SECURE, LOWER, AGAIN = 1, 2, 4
PORT = 80
_OPENED = re.compile(rb"HTTP/[^ ]* +\+?0*2\d\d(?!\d)")


class Loop(MemoryLoop):
    """No name has an address, and no address anybody at it."""

    async def getaddrinfo(self, *_args: Any, **_options: Any) -> NoReturn:  # type: ignore[override]
        raise socket.gaierror(socket.EAI_NONAME, "no name")

    async def sock_connect(self, *_args: Any, **_options: Any) -> NoReturn:  # type: ignore[override]
        raise ConnectionRefusedError


LOOP = Loop()


def seeds() -> Iterable[bytes]:
    proxies = (
        b"http://u:" + PASSWORD.encode() + b"@proxy.test:8080",
        b"socks5h://" + PASSWORD.encode() + b"@[::1]",
        b"https://proxy.test/#a",
        b"proxy.test:0",
    )
    for number, proxy in enumerate(proxies):
        for listed in (b"", b"*", b"other.test, .Host.test:80", b"[::1]:80,127.0.0.1"):
            for host in (b"a.host.test", b"::1"):
                for size, answer in (
                    (0, b"HTTP/1.1 200 OK\r\na: b\r\n\r\n"),
                    (1, b"HTTP/1.0 407 No\r\n\r\n"),
                ):
                    options = number + 8 * number
                    yield bytes([options, size]) + BETWEEN.join((host, listed, proxy, answer))


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    options, size = data[0], data[1]
    host, listed, proxy, answer = [*data[2:].replace(b"\x00", b"").split(BETWEEN), b"", b"", b"", b""][:4]
    found = of_environment(os.fsdecode(host), os.fsdecode(listed), os.fsdecode(proxy), options)
    if found is None:
        return
    scheme, separator, _ = found.partition("://")
    assert separator
    assert scheme in PROXY_SCHEMES
    head = answer.partition(b"\r\n\r\n")
    whole = LOOP.run_until_complete(tunnelled(found, head[0] + head[1], 0))
    assert LOOP.run_until_complete(tunnelled(found, head[0] + head[1], size)) == whole


def of_environment(host: str, listed: str, proxy: str, options: int) -> str | None:
    """The proxy to *host*; None if there is none, or what stands there is none."""
    secure = bool(options & SECURE)
    kind = KINDS[(options >> 3) % len(KINDS)]
    name = f"{kind}_PROXY"
    with environment({name.lower() if options & LOWER else name: proxy, "NO_PROXY": listed}):
        try:
            found = environment_proxy(host, PORT, secure=secure)
        except ValueError as error:
            assert PASSWORD not in str(error)
            assert str(error).isprintable()
            found = None
        else:
            expected = bool(proxy) and kind in PREFERRED[secure] and not is_listed(host, listed)
            assert (found is not None) == expected, (found, listed)
    return found


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """No other variables name proxies."""
    others = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    for name in others:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ.update(others)


def is_listed(host: str, listed: str) -> bool:
    """Whether ``NO_PROXY`` lists *host*, or a domain that it is in, with its port or without one."""
    if listed == "*":
        return True
    names = {host.lower(), f"[{host}]".lower() if ":" in host else host.lower()}
    for entry in listed.split(","):
        wanted = entry.strip().lstrip(".").lower()
        for name in names:
            for written in (name, f"{name}:{PORT}"):
                if wanted and (written == wanted or written.endswith(f".{wanted}")):
                    return True
    return False


async def tunnelled(proxy: str, answer: bytes, size: int) -> tuple[str, object]:
    """What came of a connection through *proxy*, and how it ended."""
    peers: list[asyncio.Task[None]] = []
    LOOP.on_connection = lambda transport: peers.append(LOOP.create_task(answered(transport, answer, size)))
    owner = ConnectionOwner(LOOP)
    messages: list[bytes] = []
    sink = CallbackSink(lambda data, _opcode, _now_ns: messages.append(data))
    try:
        await connect("ws://peer.test/", sink, owner, ConnectOptions(proxy=proxy))
    except ConnectError as error:
        told = str(error)
        assert told.isprintable()
        assert PASSWORD not in told
        return told, None
    finally:
        await asyncio.gather(*peers)
    reason = await owner.ended
    assert isinstance(reason, ConnectionClosed)
    assert messages == [b"hi"]
    assert _OPENED.match(answer), answer
    return str(reason), messages


async def answered(transport: MemoryTransport, answer: bytes, size: int) -> None:
    """The proxy's side of one connection, and behind it a good server's."""
    asked = transport.written
    begun = len(asked)
    for chunk in cut(answer, size):
        if transport.is_closing():
            return
        transport.hand_over(chunk)
        await asyncio.sleep(0)
    for _ in range(10):
        if len(asked) > begun and not transport.is_closing():
            transport.feed([handshake_answer(bytes(asked[begun:])), frame(TEXT, b"hi"), close_frame(1000)])
            return
        await asyncio.sleep(0)
    transport.close()
