"""What ``-v`` shows: every frame on stderr, ``>`` sent and ``<`` received."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fastphx.errors import DisconnectReason
from fastphx.foreign_text import visible
from fastphx.protocol.sink import CallbackWriter, FrameSink, FrameWriter
from fastphx.transports.base import BINARY, Transport, TransportOwner
from fastphx.transports.named import transport_named

SHOWN_BYTES = 2000
"""How much of a frame is shown."""


def printing(name: str) -> type[Any]:
    """The transport of that *name* (``websocket`` or ``longpoll``), with its frames printed."""
    transport_class = transport_named(name)

    class PrintingTransport:
        heartbeat = name != "longpoll"

        @classmethod
        async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Transport:
            printer = FramePrinter(owner)
            printer.transport = await transport_class.start(url, printer, opts)
            return printer.transport

    return PrintingTransport


class FramePrinter:
    """Stands between a transport and its owner, and prints what goes through."""

    def __init__(self, owner: TransportOwner) -> None:
        self.sink: FrameSink | None = None
        self.transport: Transport
        self._owner = owner

    def notify_connected(self, writer: FrameWriter | None) -> None:
        self._owner.notify_connected(CallbackWriter(self._push))

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self._owner.notify_disconnected(reason)

    def notify_message(self, opcode: int, data: bytes) -> None:
        show("<", data, opcode)
        self._owner.notify_message(opcode, data)

    def notify_error(self, exc: BaseException) -> None:
        self._owner.notify_error(exc)

    def _push(self, data: bytes, opcode: int) -> None:
        self.transport.push(data, opcode)
        show(">", data, opcode)


def show(direction: str, data: bytes, opcode: int) -> None:
    clipped = data[:SHOWN_BYTES]
    text = f"({len(data)} bytes) {clipped.hex()}" if opcode == BINARY else clipped.decode("utf-8", "replace")
    more = "…" if len(data) > SHOWN_BYTES else ""
    sys.stderr.write(f"{direction} {visible(text, len(text))}{more}\n")
