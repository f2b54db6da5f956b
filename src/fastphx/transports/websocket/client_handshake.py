"""The client's side of a WebSocket handshake (RFC 6455 section 4.1)."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import Callable, Iterable

from multidict import CIMultiDict

from fastphx.transports.websocket.http_head import MAX_HEAD_BYTES, accept_value, lists, read_headers

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-9]\d\d)(?: .*)?")


class HandshakeError(Exception):
    """The answer is not that of a WebSocket. *status* is its HTTP status, if it has one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ClientHandshake:
    """One handshake. It asks when it has a transport, and is done when the answer is accepted or the attempt
    has failed. *accept* is given the headers of a good answer, and may still refuse it with an exception."""

    def __init__(
        self,
        host: str,
        resource: str,
        headers: Iterable[tuple[str, str]],
        accept: Callable[[CIMultiDict[str]], None],
    ) -> None:
        self._host = host
        self._resource = resource
        self._headers = headers
        self._accept = accept
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        # Not in the future: an error there, with the frames of its traceback, would be a circle.
        self._error: Exception | None = None
        self.transport: asyncio.Transport | None = None
        """The loop's; None: nothing was asked yet."""

    async def wait(self) -> bool:
        """Wait until it is done. False: the connection was lost before an answer. Raises HandshakeError, and
        what *accept* raises."""
        is_open = await self._done
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error
        return is_open

    def give_up(self) -> None:
        """Nobody waits for it any more: an answer that still comes opens nothing."""
        self._done.cancel()
        self._error = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.write(self._request())

    def connection_lost(self) -> None:
        if not self._done.done():
            self._done.set_result(False)

    def opened(self) -> None:
        """The connection can be used."""
        if not self._done.done():
            self._done.set_result(True)

    def failed(self, error: Exception) -> None:
        """The answer was not read to its end, or the connection could not be used. It ends."""
        if self.transport is not None:
            self.transport.close()
        if not self._done.done():
            self._error = error
            self._done.set_result(False)

    def answered(self, head: bytes) -> bool:
        """Judge the head of the answer. Returns whether there can be a connection now: then `opened` or
        `failed` says whether there is."""
        if self._done.done():
            # It was given up.
            return False
        try:
            self._accept(self._checked(head))
        except Exception as error:
            self.failed(error)
            return False
        return True

    def _request(self) -> bytes:
        headers = CIMultiDict(
            {
                "Host": self._host,
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": self._key,
            }
        )
        for name, value in self._headers:
            if name.lower() == "host":
                headers[name] = value
            else:
                headers.add(name, value)
        lines = [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join((f"GET {self._resource} HTTP/1.1", *lines, "", "")).encode()

    def _checked(self, head: bytes) -> CIMultiDict[str]:
        if not head.endswith(b"\r\n\r\n"):
            raise HandshakeError(f"its head is larger than max_size, {MAX_HEAD_BYTES} bytes")
        first, *lines = head[:-4].split(b"\r\n")
        status_line = _STATUS_LINE.fullmatch(first)
        if status_line is None:
            raise HandshakeError(f"its first line is {first!r}")
        status = int(status_line[1])
        if status != 101:
            raise HandshakeError(f"its status is {status}", status)
        try:
            headers = read_headers(lines)
        except ValueError as error:
            raise HandshakeError(f"it has {error}", status) from None
        if "Transfer-Encoding" in headers or headers.get("Content-Length", "0").strip("0"):
            raise HandshakeError("it announces a body", status)
        for name, wanted in (("upgrade", "websocket"), ("connection", "upgrade")):
            if not lists(headers, name, wanted):
                raise HandshakeError(f"its {name} header is {headers.get(name)!r}, not {wanted}", status)
        if headers.getall("Sec-WebSocket-Accept", ()) != [accept_value(self._key)]:
            raise HandshakeError("its sec-websocket-accept does not answer the key", status)
        return headers
