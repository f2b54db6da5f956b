"""Real HTTP CONNECT, SOCKS4 and SOCKS5 proxies, as small as they can be."""

import asyncio
import base64
import struct
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

TIMEOUT_S = 30.0


class Proxy(ABC):
    """Relays bytes once `negotiate` has returned where to."""

    def __init__(self, user: str | None = None, password: str | None = None) -> None:
        self.user = user
        self.password = password
        self.destinations: list[tuple[str, int]] = []
        self.tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def negotiate(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        """Where to, or None where the client was sent away."""

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._on_connection, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        onward: asyncio.StreamWriter | None = None
        try:
            destination = await self.negotiate(reader, writer)
            if destination is None:
                return
            self.destinations.append(destination)
            back, onward = await asyncio.open_connection(*destination)
            await asyncio.gather(_relay(reader, onward), _relay(back, writer))
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            self.tasks.discard(task)
            for each in (writer, onward):
                if each is not None:
                    each.transport.abort()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof() if writer.can_write_eof() else writer.close()


class HttpProxy(Proxy):
    """RFC 9110 section 9.3.6, with Basic authentication where it has a user."""

    async def negotiate(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = request.split("\r\n")[0].split(" ")
        assert method == "CONNECT"
        if self.user is not None:
            wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            if f"Proxy-Authorization: Basic {wanted}\r\n" not in request:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                await writer.drain()
                return None
        host, _, port = target.rpartition(":")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return host, int(port)


class Socks5Proxy(Proxy):
    """RFC 1928, with RFC 1929 where it has a user."""

    async def negotiate(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        version, count = await reader.readexactly(2)
        assert version == 5
        methods = await reader.readexactly(count)
        method = 0 if self.user is None else 2
        writer.write(bytes([5, method if method in methods else 0xFF]))
        if method not in methods:
            return None
        if self.user is not None and not await self._authenticated(reader, writer):
            return None
        _, command, _, kind = await reader.readexactly(4)
        assert command == 1
        if kind == 1:
            host = ".".join(str(byte) for byte in await reader.readexactly(4))
        else:
            (size,) = await reader.readexactly(1)
            host = (await reader.readexactly(size)).decode()
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        return host, port

    async def _authenticated(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _, size = await reader.readexactly(2)
        user = (await reader.readexactly(size)).decode()
        (size,) = await reader.readexactly(1)
        right = (user, (await reader.readexactly(size)).decode()) == (self.user, self.password)
        writer.write(bytes([1, 0 if right else 1]))
        await writer.drain()
        return right


class Socks4Proxy(Proxy):
    """The SOCKS4 protocol, whose user id has no password."""

    async def negotiate(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        version, command, port, *address = struct.unpack("!BBHBBBB", await reader.readexactly(8))
        assert (version, command) == (4, 1)
        user = (await reader.readuntil(b"\0"))[:-1].decode()
        accepted = user == (self.user or "")
        writer.write(bytes([0, 90 if accepted else 93]) + bytes(6))
        await writer.drain()
        return (".".join(map(str, address)), port) if accepted else None
