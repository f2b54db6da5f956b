"""The WebSocket as a ``Transport``. ``start_link`` uses it by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from fastphx.errors import DisconnectReason
from fastphx.protocol.sink import CallbackSink
from fastphx.transports.base import TransportOwner
from fastphx.transports.connector import connect
from fastphx.transports.options import ConnectOptions
from fastphx.transports.websocket.link import WebSocketLink


class WebSocketTransport:
    """A :class:`~fastphx.transports.base.Transport` over a compiled WebSocket link.

    Its options are those of :class:`~fastphx.transports.options.ConnectOptions`. Messages go straight to
    ``owner.sink`` if there is one, otherwise to ``owner.notify_message``.
    """

    __slots__ = ("link",)

    link: WebSocketLink

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
        """Connect to *url*. Raises ``ValueError`` for an invalid option or URL, and
        :class:`~fastphx.errors.ConnectError` for a failed attempt."""
        options = ConnectOptions.from_mapping(opts) if opts else None
        sink = owner.sink
        if sink is None:
            sink = CallbackSink(lambda data, opcode, _now_ns: owner.notify_message(opcode, data))
        transport = cls()
        transport.link = await connect(url, sink, owner, options)
        return transport

    def push(self, data: bytes, opcode: int) -> None:
        """Send one message.

        Raises :class:`~fastphx.errors.DisconnectedError` once the connection is closed or closing, and
        :class:`~fastphx.errors.OverloadedError` past ``max_write_buffer``.
        """
        self.link.writer.write(data, opcode)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with the closing handshake, in at most two seconds."""
        self.link.close(code, reason)

    def abort(self, reason: DisconnectReason | None = None) -> None:
        """Cut the connection at once; the owner is told *reason*."""
        self.link.abort(reason)

    def pause_reading(self) -> None:
        """Stop reading, for at most ``max_pause``. No message arrives meanwhile."""
        self.link.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self.link.resume_reading()
