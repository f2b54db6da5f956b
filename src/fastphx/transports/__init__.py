"""How bytes travel. A transport holds a FrameSink and knows nothing of channels.

Each name is imported when it is first asked for: a program that only checks options loads no link.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastphx.transports.base import BINARY, TEXT, Transport, TransportOwner
    from fastphx.transports.connector import connect
    from fastphx.transports.endpoint import endpoint_url
    from fastphx.transports.options import ConnectOptions
    from fastphx.transports.websocket.link import WebSocketLink
    from fastphx.transports.websocket.writer import WebSocketWriter
    from fastphx.transports.websocket_transport import WebSocketTransport

__all__ = [
    "BINARY",
    "TEXT",
    "ConnectOptions",
    "Transport",
    "TransportOwner",
    "WebSocketLink",
    "WebSocketTransport",
    "WebSocketWriter",
    "connect",
    "endpoint_url",
]

_HOME_OF = {
    "BINARY": "base",
    "TEXT": "base",
    "ConnectOptions": "options",
    "Transport": "base",
    "TransportOwner": "base",
    "WebSocketLink": "websocket.link",
    "WebSocketTransport": "websocket_transport",
    "WebSocketWriter": "websocket.writer",
    "connect": "connector",
    "endpoint_url": "endpoint",
}


def __getattr__(name: str) -> Any:
    """Import what *name* stands for (PEP 562)."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
