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
    protocol.connection_made(transport)


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
