"""The callbacks of a socket, for the modules that run them. ``GenSocketClient`` has them all."""

from __future__ import annotations

from typing import Any, Final, Protocol

from fastphx.errors import DecodeError, DisconnectReason
from fastphx.gen_socket_client.caller import Caller
from fastphx.gen_socket_client.transport_handle import TransportHandle

WHILE_RUNNING: Final = (
    "handle_connected",
    "handle_disconnected",
    "handle_joined",
    "handle_join_error",
    "handle_channel_closed",
    "handle_message",
    "handle_reply",
    "handle_info",
    "handle_call",
    "handle_decode_error",
)
"""All but ``init`` and ``terminate``."""


class Callbacks(Protocol):
    """See :class:`~fastphx.gen_socket_client.behaviour.GenSocketClient`."""

    def init(self, arg: Any) -> Any: ...
    def handle_connected(self, transport: TransportHandle) -> Any: ...
    def handle_disconnected(self, reason: DisconnectReason) -> Any: ...
    def handle_joined(self, topic: str, payload: Any, transport: TransportHandle) -> Any: ...
    def handle_join_error(self, topic: str, payload: Any, transport: TransportHandle) -> Any: ...
    def handle_channel_closed(self, topic: str, payload: Any, transport: TransportHandle) -> Any: ...
    def handle_message(self, topic: str, event: str, payload: Any, transport: TransportHandle) -> Any: ...
    def handle_reply(self, topic: str, ref: int, payload: Any, transport: TransportHandle) -> Any: ...
    def handle_info(self, message: Any, transport: TransportHandle) -> Any: ...
    def handle_call(self, message: Any, caller: Caller, transport: TransportHandle) -> Any: ...
    def handle_decode_error(self, error: DecodeError, transport: TransportHandle) -> Any: ...
    def terminate(self, reason: Any) -> Any: ...
