"""How bytes travel. A transport holds a FrameSink and knows nothing of channels."""

from fastphx.transports import picows_version

picows_version.check()

from fastphx.transports.base import BINARY, TEXT, Transport, TransportOwner  # noqa: E402
from fastphx.transports.connector import connect  # noqa: E402
from fastphx.transports.endpoint import endpoint_url  # noqa: E402
from fastphx.transports.link_owner import LinkOwner  # noqa: E402
from fastphx.transports.options import ConnectOptions  # noqa: E402
from fastphx.transports.websocket import WebSocketLink, WebSocketWriter  # noqa: E402
from fastphx.transports.websocket_transport import WebSocketTransport  # noqa: E402

__all__ = [
    "BINARY",
    "TEXT",
    "ConnectOptions",
    "LinkOwner",
    "Transport",
    "TransportOwner",
    "WebSocketLink",
    "WebSocketTransport",
    "WebSocketWriter",
    "connect",
    "endpoint_url",
]
