"""A Phoenix-compatible server and a synchronous socket, for tests and for load."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastphx.errors import JoinError
    from fastphx.testing.channel import ServerChannel
    from fastphx.testing.connection import ServerConnection
    from fastphx.testing.demo import demo_server
    from fastphx.testing.faults import Faults
    from fastphx.testing.handshake import Handshake
    from fastphx.testing.presence import ServerPresence
    from fastphx.testing.responses import ServerReply, ServerStop
    from fastphx.testing.server import Server
    from fastphx.testing.server_process import ServerProcess
    from fastphx.testing.socket_handler import SocketHandler
    from fastphx.testing.test_live import TestLive, TestView
    from fastphx.testing.test_socket import Received, TestSocket

    Channel = ServerChannel
    Connection = ServerConnection
    JoinRefusedError = JoinError
    Presence = ServerPresence
    Reply = ServerReply
    Stop = ServerStop

__all__ = [
    "Channel",
    "Connection",
    "Faults",
    "Handshake",
    "JoinError",
    "JoinRefusedError",
    "Presence",
    "Received",
    "Reply",
    "Server",
    "ServerChannel",
    "ServerConnection",
    "ServerPresence",
    "ServerProcess",
    "ServerReply",
    "ServerStop",
    "SocketHandler",
    "Stop",
    "TestLive",
    "TestSocket",
    "TestView",
    "demo_server",
]

_MODULES = {
    "Faults": "fastphx.testing.faults",
    "Handshake": "fastphx.testing.handshake",
    "JoinError": "fastphx.errors",
    "Received": "fastphx.testing.test_socket",
    "Server": "fastphx.testing.server",
    "ServerChannel": "fastphx.testing.channel",
    "ServerConnection": "fastphx.testing.connection",
    "ServerPresence": "fastphx.testing.presence",
    "ServerProcess": "fastphx.testing.server_process",
    "ServerReply": "fastphx.testing.responses",
    "ServerStop": "fastphx.testing.responses",
    "SocketHandler": "fastphx.testing.socket_handler",
    "TestLive": "fastphx.testing.test_live",
    "TestSocket": "fastphx.testing.test_socket",
    "TestView": "fastphx.testing.test_live",
    "demo_server": "fastphx.testing.demo",
}

_ALIASES = {
    "Channel": "ServerChannel",
    "Connection": "ServerConnection",
    "JoinRefusedError": "JoinError",
    "Presence": "ServerPresence",
    "Reply": "ServerReply",
    "Stop": "ServerStop",
}
"""Other names for classes whose name the client or the behaviour also uses."""


def __getattr__(name: str) -> Any:
    # Imported when used: the pytest plugin is loaded in every run of pytest.
    own = _ALIASES.get(name, name)
    if own not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[own]), own)
