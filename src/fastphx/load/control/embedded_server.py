"""The embedded server in a process of its own, for a run that was given no URL.

Run as a module it serves the demo channels on the loopback address, on the port that its argument names (0: a
free one), and prints its URL. A line ``drain`` on its stdin drains it. It leaves at the end of its stdin, so
that it never outlives whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Self
from urllib.parse import urlsplit

from fastphx.errors import FastphxError
from fastphx.load.control.module_process import start_module

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0


class EmbeddedServer:
    """The server's process, seen from the run that loads it."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    @classmethod
    async def start(cls, port: int = 0) -> Self:
        """Start it and wait until it listens. Raises FastphxError if it does not."""
        process = await start_module(
            "fastphx.load.control.embedded_server", str(port), what="the embedded server", has_stderr=False
        )
        assert process.stdout is not None
        server = cls(process, "")
        try:
            with contextlib.suppress(TimeoutError):
                line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
                server.url = line.decode().strip()
            if not server.url:
                raise FastphxError("the embedded server did not start")
        except BaseException:
            await server.stop()
            raise
        return server

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    async def kill(self) -> None:
        """As a crash would."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def drain(self) -> None:
        """Close every socket with code 1012, and leave."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"drain\n")
        await self.stop()

    async def stop(self) -> None:
        """End it, and wait until it is gone."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), STOP_TIMEOUT_S)
        if self.process.returncode is None:
            await self.kill()


async def serve(port: int) -> None:
    """Serve until the end of stdin."""
    from fastphx.testing.demo import demo_server

    # Shared, so that a rolled server's successor listens before it is drained.
    server = demo_server(port=port, reuse_port=True)
    await server.start()
    try:
        print(server.url, flush=True)  # noqa: T201 - the line that EmbeddedServer waits for
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        stdin, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        try:
            while line := await reader.readline():
                if line == b"drain\n":
                    server.drain()
        finally:
            stdin.close()
    finally:
        await server.stop()


def main() -> None:
    from fastphx.operating_system.event_loop import run_on_uvloop

    run_on_uvloop(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
