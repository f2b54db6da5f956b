"""What the faults' subjects connect to: servers in processes of their own, which have no faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastphx.testing.server_process import ServerProcess
from tests.hostile.server import hostile_server


@contextmanager
def right_servers() -> Iterator[tuple[str, str]]:
    """The ``host:port`` of fastphx' own, and of one that has pages."""
    with ServerProcess("--longpoll") as server, hostile_server() as pages:
        yield f"127.0.0.1:{server.port}", pages
