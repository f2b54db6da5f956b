"""Starts sockets for a test, and knows them."""

from __future__ import annotations

from typing import Any

from fastphx import GenSocketClient, Socket, start_link
from fastphx.testing import Server
from fastphx.transports import WebSocketTransport
from tests.gen_socket_client.recorder import Recorder, call_timeout_s


class Starter:
    """Starts sockets, and stops at the end of the test those that still run."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []

    async def __call__(
        self, client: GenSocketClient | type[GenSocketClient], arg: Any = None, **options: Any
    ) -> Socket:
        options.setdefault("timeout", call_timeout_s)
        transport = options.pop("transport", WebSocketTransport)
        socket = await start_link(client, transport, arg, **options)
        assert socket is not None
        self.sockets.append(socket)
        return socket

    async def connected(self, server: Server, client: Recorder | None = None, **options: Any) -> Recorder:
        """A Recorder whose connection is up."""
        client = client or Recorder()
        await self(client, server.websocket_url, **options)
        await client.next("handle_connected")
        return client

    async def joined(
        self, server: Server, topic: str = "room:a", client: Recorder | None = None, **options: Any
    ) -> Recorder:
        """A Recorder that has joined *topic*."""
        client = await self.connected(server, client, **options)
        await client.join(topic)
        return client
