"""What a transport is, for those who write one. It is the Elixir library's ``Transport``.

A transport carries whole messages between one socket and one server. It knows nothing of channels, topics
or serializers; the :class:`TransportOwner` that it is started for does. It runs on one event loop, and must
not be called from another thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

from fastphx.errors import DisconnectReason
from fastphx.protocol.sink import BINARY, TEXT, FrameSink, FrameWriter

__all__ = ["BINARY", "TEXT", "ConnectionOwner", "Transport", "TransportOwner"]


class ConnectionOwner(Protocol):
    """Is told what happens to a connection, in order and on its loop: ``notify_connected`` once, then any
    number of ``notify_error``, then ``notify_disconnected`` once, and nothing more."""

    def notify_connected(self, writer: FrameWriter | None) -> object:
        """The connection is up. *writer* is a compiled transport's way to send; with None, messages are sent
        with :meth:`Transport.push`. A message may arrive before ``start`` has returned, never before this."""

    def notify_disconnected(self, reason: DisconnectReason) -> object:
        """The connection is gone, and *reason* says why. It is called after :meth:`Transport.close`, too."""

    def notify_error(self, exc: BaseException) -> object:
        """Something went wrong, and the connection is still up; it may end next. Never ignore it silently."""


@runtime_checkable
class TransportOwner(ConnectionOwner, Protocol):
    """Starts the transport. It is told of the connection, and of every message between
    ``notify_connected`` and ``notify_disconnected``."""

    sink: FrameSink | None
    """Where a compiled transport delivers messages (a Session), instead of calling ``notify_message``."""

    def notify_message(self, opcode: int, data: bytes) -> object:
        """One whole message arrived; *opcode* is :data:`TEXT` or :data:`BINARY`."""


@runtime_checkable
class Transport(Protocol):
    """One connection to a server, made by :meth:`start`; a new one is started to connect again.

    ``pause_reading()`` and ``resume_reading()`` are optional. If a transport has them, an owner that cannot
    keep up calls them. Messages that were read before may still arrive during a pause.
    """

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
        """Connect to *url*, whose query is complete (``vsn`` and parameters), and return when connected.

        *opts* are ``transport_opts`` as the user gave them. The transport validates them, and raises
        ``ValueError`` for one that it does not know. A failed attempt raises
        :class:`~fastphx.errors.ConnectError`, and the owner is told nothing. The attempt must be bounded in
        time, and must leave nothing behind when it is cancelled.
        """

    def push(self, data: bytes, opcode: int) -> object:
        """Send one whole message without waiting. Raises :class:`~fastphx.errors.DisconnectedError` once the
        connection is gone or being closed, and :class:`~fastphx.errors.OverloadedError` if too much is
        unsent. In both cases, nothing of the message was sent."""

    def close(self, code: int = 1000, reason: str = "") -> object:
        """Close the connection. ``notify_disconnected`` follows in bounded time. Closing twice is fine."""
