"""A Phoenix-compatible server and a synchronous socket, for tests and for load."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastphx.testing.channel import Channel, Reply, Stop
    from fastphx.testing.connection import Connection
    from fastphx.testing.demo import demo_server
    from fastphx.testing.faults import Faults
    from fastphx.testing.handshake import Handshake
    from fastphx.testing.presence import Presence
    from fastphx.testing.server import Server
    from fastphx.testing.server_process import ServerProcess
    from fastphx.testing.socket_handler import SocketHandler
    from fastphx.testing.test_socket import JoinRefusedError, Received, TestSocket

__all__ = [
    "Channel",
    "Connection",
    "Faults",
    "Handshake",
    "JoinRefusedError",
    "Presence",
    "Received",
    "Reply",
    "Server",
    "ServerProcess",
    "SocketHandler",
    "Stop",
    "TestSocket",
    "demo_server",
]

_MODULES = {
    "Channel": "channel",
    "Connection": "connection",
    "Faults": "faults",
    "Handshake": "handshake",
    "JoinRefusedError": "test_socket",
    "Presence": "presence",
    "Received": "test_socket",
    "Reply": "channel",
    "Server": "server",
    "ServerProcess": "server_process",
    "SocketHandler": "socket_handler",
    "Stop": "channel",
    "TestSocket": "test_socket",
    "demo_server": "demo",
}


def __getattr__(name: str) -> Any:
    # Imported when used: the pytest plugin is loaded in every run of pytest.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
