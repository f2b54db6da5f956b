"""The embedded server's WebSocket as Autobahn's fuzzing client drives it: each message goes back as it came.

What is between the network and a connection's Phoenix frames is the server's own; ``echo_socket.pyx`` stands
where a connection would.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pyximport

from fastphx.testing import Server
from fastphx.testing.channel import ServerChannel


def echo_server() -> Server:
    """A server that is not started yet. Its ``websocket_url`` takes any message."""
    return Server(
        channels={"*": ServerChannel},
        compress=True,
        max_message_size=1 << 26,
        max_write_buffer=1 << 27,
        close_timeout_s=2.0,
    )


@contextlib.contextmanager
def echoing() -> Iterator[None]:
    """While this context lasts, servers make sockets that send back what they receive."""
    with tempfile.TemporaryDirectory() as folder:
        importers = pyximport.install(build_dir=folder, language_level=3)
        try:
            echo_socket = importlib.import_module("tests.compliance.echo_socket").EchoSocket
        finally:
            pyximport.uninstall(*importers)

    def make(hub: Any, pubsub: Any, handler: Any, *_: Any) -> Any:
        return echo_socket(hub, pubsub, handler)

    with mock.patch("fastphx.testing.server.ServerConnection", make):
        yield
