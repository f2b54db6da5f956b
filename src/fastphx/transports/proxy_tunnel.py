"""A way through a proxy, by picows: HTTP, HTTPS, SOCKS4 and SOCKS5."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from picows.proxy import ConnectedTransport, connect_through_optional_proxy
from picows.url import WSParsedURL, parse_url

SocketFactory = Callable[[str, int], Awaitable[socket.socket]]


async def open_tunnel(
    url: str, proxy: str, make_socket: SocketFactory | None, proxy_context: ssl.SSLContext
) -> asyncio.Transport | socket.socket:
    """Connect to the host of *url* through *proxy*: what can be told to speak TLS and the WebSocket next.

    *make_socket* connects to the proxy's host and port, where it is not left to the loop. *proxy_context* is
    for a proxy that itself speaks TLS. Raises OSError and the proxy's own errors.
    """
    parsed = _parsed_proxy(proxy)

    async def connected(to: WSParsedURL) -> socket.socket:
        assert make_socket is not None
        return await make_socket(to.host, to.port)

    loop = asyncio.get_running_loop()
    arguments: dict[str, Any] = {}
    connection = await connect_through_optional_proxy(
        loop,
        parse_url(url),
        parsed,
        None if make_socket is None else connected,
        None,
        proxy_context if parsed.scheme == "https" else None,
        arguments,
        loop.create_connection,
    )
    if isinstance(connection, ConnectedTransport):
        return connection.transport
    assert connection.sock is not None
    return connection.sock


def _parsed_proxy(url: str) -> WSParsedURL:
    """Add what python_socks requires: a port, and a password with a user name (SOCKS4 has no passwords)."""
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    if at and ":" not in credentials:
        credentials += ":"
    if parts.port is None and parts.scheme.startswith("socks"):
        # RFC 1928 section 3.
        host = f"{host.removesuffix(':')}:1080"
    return parse_url(parts._replace(netloc=f"{credentials}{at}{host}").geturl(), False)
