"""What a handshake's headers may hold: which pages may open a socket, and text that is none."""

import asyncio
import logging
from typing import Any

import aiohttp
import pytest

from fastphx.testing import Server, demo_server
from tests.testing.raw_socket import RawSocket
from tests.testing.test_longpoll import TIMEOUT
from tests.testing.test_server import refusal

VSN2 = "?vsn=2.0.0"


@pytest.mark.parametrize(
    ("check_origin", "origin", "allowed"),
    [
        (False, "https://evil.test", True),
        (True, None, True),
        (True, "http://127.0.0.1:4000", True),
        (True, "https://evil.test", False),
        (True, "null", False),
        (["example.com"], "https://example.com", True),
        (["example.com"], "http://example.com:8080", True),
        (["example.com"], "https://sub.example.com", False),
        (["//*.example.com"], "https://sub.example.com", True),
        (["//*.example.com"], "https://example.com", True),
        (["//*.example.com"], "https://notexample.com", False),
        (["//other.test", "https://example.com"], "https://EXAMPLE.com:443", True),
        (["https://example.com"], "http://example.com", False),
        (["https://example.com:8443"], "https://example.com", False),
        (["//example.com"], "http://[::1", False),
        ([], "https://example.com", False),
        ([], None, True),
    ],
)
async def test_an_origin_is_checked(check_origin: Any, origin: str | None, allowed: bool) -> None:
    options = {} if origin is None else {"extra_headers": [("Origin", origin)]}
    async with demo_server(check_origin=check_origin) as server:
        if not allowed:
            assert await refusal(server.websocket_url + VSN2, **options) == 403
            assert server.stats["refused"] == 1
            return
        async with RawSocket(server.websocket_url + VSN2, **options) as socket:
            await socket.recv_nothing()


@pytest.mark.parametrize("origin", ["https://evil.test", "https://example.com"])
async def test_long_polling_checks_it_too(origin: str) -> None:
    server = demo_server(check_origin=["example.com"], longpoll=True)
    async with server, aiohttp.ClientSession() as http:
        url = server.longpoll_url + VSN2
        async with http.get(url, headers={"Origin": origin}, timeout=TIMEOUT) as response:
            assert (await response.json())["status"] == (403 if "evil" in origin else 410)


@pytest.mark.parametrize("check_origin", ["example.com", ["a.*.com"], [""], ["//"], ["//exa mple"]])
def test_what_is_no_origin_is_refused(check_origin: Any) -> None:
    with pytest.raises(ValueError, match="check_origin"):
        Server({}, check_origin=check_origin)


HEADERS = ["X-Any", "Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Sec-WebSocket-Version"]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("path", ["/socket/websocket", "/socket/longpoll"])
@pytest.mark.parametrize(("value", "valid"), [(b"\xff\xfe", False), (b"\xc3\xa9", True)])
async def test_a_header_that_is_not_utf8_is_a_bad_request(
    header: str, path: str, value: bytes, valid: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if header == "Sec-WebSocket-Protocol":
        value = b"phoenix, base64url.bearer.phx." + value
    version = b"" if header == "Sec-WebSocket-Version" else b"Sec-WebSocket-Version: 13\r\n"
    async with demo_server(longpoll=True, compress=True, check_origin=True) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"GET {path}{VSN2} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n".encode()
            + version
            + header.encode()
            + b": "
            + value
            + b"\r\n\r\n"
        )
        line = (await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)).split()
        if not valid:
            assert line[1] == b"400"
        elif path.endswith("longpoll"):
            assert line[1] == b"200"
        else:
            assert line[1] in {b"101", b"400" if header == "Sec-WebSocket-Version" else b"403"}
        writer.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
