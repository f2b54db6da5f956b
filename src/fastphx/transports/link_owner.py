"""Whom a compiled link tells what happens to its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fastphx.errors import DisconnectReason

if TYPE_CHECKING:
    from fastphx.transports.websocket import WebSocketLink


class LinkOwner(Protocol):
    """Hears of the connection, a few times in its life; messages go to the sink."""

    def on_link_connected(self, link: WebSocketLink) -> object:
        """The connection is open, and nothing has been received yet."""

    def on_link_disconnected(self, reason: DisconnectReason) -> object:
        """The connection is gone: called once, last, and only after ``on_link_connected``."""

    def on_link_error(self, exc: BaseException) -> object:
        """The sink or this owner raised *exc*, or reading was paused for too long (``OverloadedError``).

        The connection is being closed, and ``on_link_disconnected`` gets a ``TransportDown`` with *exc*.
        """

    def on_link_writable(self) -> object:
        """There is room again, after a write raised ``OverloadedError``."""
