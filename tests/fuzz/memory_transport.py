"""A loop whose connections have no network: what the peer sends is given, and what is sent to it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any


class MemoryTransport(asyncio.Transport):
    """Hands chunks to its protocol, one a turn of the loop, and then the peer's end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any) -> None:
        super().__init__({"peername": ("peer", 1), "sockname": ("here", 2)})
        self._loop = loop
        self._protocol = protocol
        self._chunks: list[bytes] = []
        self._paused = self._closing = self._due = False
        self._ended = False
        self.written = bytearray()
        self.on_written: Callable[[], object] | None = None
        protocol.connection_made(self)

    def feed(self, chunks: Iterable[bytes]) -> None:
        self._chunks = list(chunks)[::-1]
        self._soon()

    def _soon(self) -> None:
        if not self._due and not self._paused and not self._closing:
            self._due = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        self._due = False
        if self._paused or self._closing:
            return
        if not self._chunks:
            self._protocol.eof_received()
            self.close()
            return
        rest = self.hand_over(self._chunks.pop())
        if rest:
            self._chunks.append(rest)
        self._soon()

    def hand_over(self, chunk: bytes) -> bytes:
        """Hand as much as there is room for to the protocol, at once. Returns the rest."""
        if hasattr(self._protocol, "data_received"):
            self._protocol.data_received(chunk)
            return b""
        view = self._protocol.get_buffer(-1)
        count = min(len(view), len(chunk))
        assert count > 0 or not chunk, "a buffer without room"
        view[:count] = chunk[:count]
        self._protocol.buffer_updated(count)
        return chunk[count:]

    def hand_over_all(self, chunks: Iterable[bytes]) -> None:
        """Hand over what a peer sends, at once. A protocol that raises has lost its connection, as with both
        loops."""
        try:
            for chunk in chunks:
                while chunk and not self._closing:
                    chunk = self.hand_over(chunk)
        except Exception as error:
            self._end(error)
            raise

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._soon()

    def is_reading(self) -> bool:
        return not self._paused

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def write(self, data: Any) -> None:
        if not self._closing:
            self.written += data
            if self.on_written is not None:
                self.on_written()

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._end(None)

    abort = close

    def _end(self, error: Exception | None) -> None:
        if not self._closing:
            self._loop.call_soon(self._protocol.connection_lost, error)
            self._closing = True


class MemoryLoop(asyncio.SelectorEventLoop):
    """Each connection that is opened is told to *on_connection*, which feeds it."""

    on_connection: Callable[[MemoryTransport], object]

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], *_args: Any, **_options: Any
    ) -> tuple[MemoryTransport, Any]:
        protocol = protocol_factory()
        transport = MemoryTransport(self, protocol)
        self.on_connection(transport)
        return transport, protocol


def cut(data: bytes, size: int) -> list[bytes]:
    """*data* in chunks of *size* bytes; 0: in one."""
    return [data[at : at + size] for at in range(0, len(data), size)] if size else [data] * bool(data)
