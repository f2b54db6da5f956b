"""pytest fixtures: a running server, a socket that talks to it, and a browser of LiveView pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fastphx.testing.server import Server
    from fastphx.testing.test_live import TestLive
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


@pytest.fixture
def live_url() -> str:
    """Where the application under test is: a fixture of this name in the project's conftest.py says so, or
    the environment's ``FASTPHX_LIVE_URL``."""
    url = os.environ.get("FASTPHX_LIVE_URL", "")
    if not url:
        pytest.fail(
            "the fixture live does not know the application's URL: write a fixture live_url that returns it, "
            "or set FASTPHX_LIVE_URL",
            pytrace=False,
        )
    return url


@pytest.fixture
def live(live_url: str) -> Iterator[TestLive]:
    """A browser of the application at ``live_url``: ``live.open("/counter").click("#inc")``."""
    from fastphx.testing.test_live import TestLive

    with TestLive(live_url) as browser:
        yield browser
