"""A server that speaks only the bytes that a test tells it to, to do what a right server never does."""

import asyncio
import base64
import hashlib
import socket
import ssl as ssl_module
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

TIMEOUT_S = 30.0
TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


class Peer:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """The client's HTTP request."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)

    async def accept(self, *, headers: str = "", then: bytes = b"") -> bytes:
        """Answer the handshake, and send *then* in the same write. Returns the request."""
        request = await self.request()
        self.send(handshake_answer(request, headers) + then)
        return request

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def frame(self) -> tuple[int, bytes]:
        """The client's next frame, unmasked."""
        return await asyncio.wait_for(self._frame(), TIMEOUT_S)

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        return first & 0x0F, (int.from_bytes(data, "big") ^ key).to_bytes(size, "big")

    async def close_frame(self) -> tuple[int, str]:
        """Skip frames until the client's close frame; its code and reason."""
        while True:
            opcode, data = await self.frame()
            if opcode == CLOSE:
                return int.from_bytes(data[:2], "big"), data[2:].decode()

    async def end(self) -> None:
        """Wait until the client's side of the connection is gone."""
        try:
            while await asyncio.wait_for(self.reader.read(65536), TIMEOUT_S):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        """End the connection as a crashed machine would: RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class RawServer:
    """``async with RawServer(handler) as server``: *handler(peer)* runs for each connection; what it raises
    is raised again on leaving. It listens on *host*, or on the Unix domain socket *path*."""

    def __init__(
        self,
        handler: Callable[[Peer], Awaitable[Any]],
        *,
        ssl: ssl_module.SSLContext | None = None,
        host: str = "127.0.0.1",
        path: str | None = None,
    ) -> None:
        self.host = host
        self.path = path
        self.handler = handler
        self.ssl = ssl
        self.tasks: set[asyncio.Task[None]] = set()
        self.errors: list[BaseException] = []

    async def __aenter__(self) -> Self:
        scheme = "wss" if self.ssl else "ws"
        if self.path is not None:
            self.server = await asyncio.start_unix_server(self._on_connection, self.path, ssl=self.ssl)
            self.url = f"{scheme}://phoenix.test/socket/websocket"
            return self
        self.server = await asyncio.start_server(self._on_connection, self.host, 0, ssl=self.ssl)
        self.port: int = self.server.sockets[0].getsockname()[1]
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"{scheme}://{host}:{self.port}/socket/websocket"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.close()
        if self.tasks and error is None:
            await asyncio.wait(self.tasks, timeout=TIMEOUT_S)
        # What a handler still waits for has not been seen: its test has not passed.
        waiting = list(self.tasks)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if error is None:
            if self.errors:
                raise self.errors[0]
            assert not waiting, f"{len(waiting)} handlers did not come to their end"

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self.handler(Peer(reader, writer))
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            writer.transport.abort()
            self.tasks.discard(task)


def handshake_answer(request: bytes, headers: str = "") -> bytes:
    (key,) = (
        line.split(b": ", 1)[1]
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"{headers}Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = False) -> bytes:
    """A frame as a server sends it."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if masked else 0
    if len(data) < 126:
        head = struct.pack("!BB", first, mask_bit | len(data))
    elif len(data) < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, len(data))
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, len(data))
    return head + (bytes(4) if masked else b"") + data


def close_frame(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode())
