"""The behaviour: subclass it and override the callbacks that you need."""

from __future__ import annotations

import logging
from typing import Any

from fastphx.errors import DecodeError, DisconnectReason, FastphxError
from fastphx.foreign_text import is_logged
from fastphx.gen_socket_client.caller import Caller
from fastphx.gen_socket_client.responses import CallResponse, InitResponse, Response
from fastphx.gen_socket_client.socket import Socket
from fastphx.gen_socket_client.transport_handle import TransportHandle

logger = logging.getLogger("fastphx")


class GenSocketClient:
    """A socket's callbacks, after the Elixir behaviour of the same name. The instance is the state.

    A callback is ``async``, or a plain function. A plain one runs on the event loop, which is faster, and
    must not block. A callback returns a response (:mod:`fastphx.gen_socket_client.responses`); None means go
    on. Anything else, and an exception, crashes the socket. ``self.socket`` is the handle of the running
    socket.
    """

    socket: Socket
    _undecoded = 0

    def init(self, arg: Any) -> InitResponse | Any:
        """Called first, with *arg* of ``start_link``. Must be overridden."""
        raise FastphxError(f"{type(self).__name__} has no init: override it and return Connect or NoConnect")

    def handle_connected(self, transport: TransportHandle) -> Response | Any:
        """The connection is up. This is the place to join topics."""

    def handle_disconnected(self, reason: DisconnectReason) -> Response | Any:
        """The connection is gone, or could not be made. The socket lives on, and does not connect again by
        itself: return ``Connect(after=…)`` for that. ``handle_channel_closed`` is not called for the topics
        that were joined. The default logs the reason."""
        logger.info("disconnected: %s", reason)
        return None

    def handle_joined(self, topic: str, payload: Any, transport: TransportHandle) -> Response | Any:
        """The server accepted a join; *payload* is its response."""

    def handle_join_error(self, topic: str, payload: Any, transport: TransportHandle) -> Response | Any:
        """The server refused a join; *payload* is its response."""

    def handle_channel_closed(self, topic: str, payload: Any, transport: TransportHandle) -> Response | Any:
        """The server closed a channel (also after a leave), or the channel crashed there."""

    def handle_message(
        self, topic: str, event: str, payload: Any, transport: TransportHandle
    ) -> Response | Any:
        """A message that is not a reply."""

    def handle_reply(self, topic: str, ref: int, payload: Any, transport: TransportHandle) -> Response | Any:
        """The reply to the push (or leave) that returned *ref*: ``{"status": …, "response": …}``."""

    def handle_info(self, message: Any, transport: TransportHandle) -> Response | Any:
        """A message from ``send_info`` or ``send_after``, or :data:`TIMEOUT`."""

    def handle_call(self, message: Any, caller: Caller, transport: TransportHandle) -> CallResponse | Any:
        """A ``call``: return ``Reply``, ``NoReply`` or ``Stop``. The default crashes, as in Elixir."""
        raise FastphxError(f"{type(self).__name__} has no handle_call, and was called")

    def handle_decode_error(self, error: DecodeError, transport: TransportHandle) -> Response | Any:
        """A frame or its payload could not be decoded. This is always counted (``socket.stats``). The default
        logs the first ten, and then each time that their number has doubled."""
        self._undecoded += 1
        if is_logged(self._undecoded):
            logger.warning("dropped what could not be decoded (number %d): %s", self._undecoded, error)
        return None

    def terminate(self, reason: Any) -> Any:
        """The last callback. *reason* is that of Stop, or the exception after a crash."""
