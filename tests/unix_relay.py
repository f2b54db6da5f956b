"""A Unix domain socket in front of a server that listens on a TCP port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


@contextlib.asynccontextmanager
async def unix_relay(path: str, url: str) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Relays between *path* and the host and port of *url*. Gives the connections."""
    parts = urlsplit(url)
    tasks: list[asyncio.Task[None]] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, onward = await asyncio.open_connection(parts.hostname, parts.port)
        tasks.extend((asyncio.create_task(relay(reader, onward)), asyncio.create_task(relay(back, writer))))

    server = await asyncio.start_unix_server(accept, path)
    try:
        yield tasks
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
