"""The compiled WebSocket: one reader, one writer, and the link that owns the connection's state."""

from fastphx.transports.websocket.link import WebSocketLink
from fastphx.transports.websocket.writer import WebSocketWriter

__all__ = ["WebSocketLink", "WebSocketWriter"]
