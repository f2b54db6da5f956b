"""pytest fixtures: a running server, and a socket that talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fastphx.testing.server import Server
    from fastphx.testing.test_socket import TestSocket

# Each fixture imports what it needs, because every run of pytest loads this module.


@pytest.fixture
def phoenix_server() -> Iterator[Server]:
    """The embedded server with its demo channels, in a thread of its own, for one test."""
    from fastphx.testing.demo import demo_server

    with demo_server() as server:
        yield server


@pytest.fixture
def phoenix_socket(phoenix_server: Server) -> Iterator[TestSocket]:
    """A TestSocket that is connected to ``phoenix_server``."""
    from fastphx.testing.test_socket import TestSocket

    with TestSocket(phoenix_server.websocket_url) as socket:
        status = socket.wait_connect_status()
        if status != "connected":
            raise status
        yield socket
