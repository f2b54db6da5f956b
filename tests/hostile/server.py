"""A server of all misbehaviours, each under a path of its own: ``python -m tests.hostile.server``.

It says its port on standard output, and ends when its standard input does. ``/a-slug/…`` is an application
that misbehaves as the slug says: a socket under ``/socket``, a live socket under ``/live``, and a page
everywhere else.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.hostile.misbehaviours import MISBEHAVIOURS
from tests.hostile.right_server import serve_right
from tests.transports.raw_server import Peer

MAX_HEAD_BYTES = 1 << 20


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = Peer(reader, writer)
    try:
        request = await peer.request()
        slug = request.split(b"/", 2)[1].decode()
        await (MISBEHAVIOURS[slug].serve if slug in MISBEHAVIOURS else serve_right)(peer, request)
    except (ConnectionError, asyncio.IncompleteReadError):
        # The client has had enough.
        pass
    finally:
        writer.close()


async def _run() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, limit=MAX_HEAD_BYTES, backlog=1000)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    # Whoever is connected still has nothing more to say.
    os._exit(0)


@contextmanager
def hostile_server() -> Iterator[str]:
    """The ``host:port`` of one, in a process of its own. What it says on stderr is a fault of these tests."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield f"127.0.0.1:{int(process.stdout.readline())}"
        _, said = process.communicate("", timeout=30)
        assert not said, said
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(_run())
