"""A connection to a Unix domain socket, instead of one over TCP."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any


async def open_unix_connection(
    protocol: Any,
    path: str,
    socket_opts: Iterable[tuple[int, int, int | bytes]],
    context: ssl.SSLContext | None,
    server_hostname: str,
) -> None:
    """Connect *protocol* to the socket at *path*, with TLS if there is a *context*. Raises OSError."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_unix_connection(
        asyncio.Protocol,
        sock=await _connected_socket(path, socket_opts),
        ssl=context,
        server_hostname=server_hostname if context is not None else None,
    )
    # Nothing is lost in between: a server sends nothing before it is asked.
    transport.set_protocol(protocol)
    protocol.connection_made(_WithoutTcp(transport))


async def _connected_socket(path: str, socket_opts: Iterable[tuple[int, int, int | bytes]]) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        for option in socket_opts:
            sock.setsockopt(*option)
        await asyncio.get_running_loop().sock_connect(sock, path)
    except BaseException:
        sock.close()
        raise
    return sock


class _WithoutTcp:
    """The loop's transport, or its socket, shown to picows, which sets TCP options on every connection."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        value = self._inner.get_extra_info(name, default)
        return _WithoutTcp(value) if name == "socket" and value is not None else value

    def setsockopt(self, level: int, *option: Any) -> None:
        if level != socket.IPPROTO_TCP:
            self._inner.setsockopt(level, *option)

    def getsockopt(self, level: int, *option: Any) -> Any:
        return 0 if level == socket.IPPROTO_TCP else self._inner.getsockopt(level, *option)
