"""Long polling on the embedded server: ``SOCKET/longpoll`` beside ``SOCKET/websocket``, on the same port.

A session is a WebSocket to the server itself, over a connection within the process. So it has the limits,
counters and fault switches of any other connection, and only the differences are in this file.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import secrets
import socket
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qsl

import orjson
import picows
from aiohttp import web
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from fastphx.errors import DecodeError
from fastphx.protocol.message import decode
from fastphx.testing.frame_reader import FrameReader
from fastphx.testing.hub import Hub
from fastphx.transports.options import AUTH_TOKEN_PREFIX

REQUEST_LINE_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
MAX_REQUEST_LINE_BYTES = 16 * 1024
MAX_BODY_BYTES = 8_000_000
"""How much of a body Plug reads."""

MAX_UNPOLLED_BYTES = 1024 * 1024
"""With more than this, a session's WebSocket is not read, and its own ``max_write_buffer`` applies."""

MESSAGE_BYTES = 64
"""What a message costs in addition to its text."""

_OWN_HEADERS = frozenset(
    ("accept", "connection", "content-length", "content-type", "host", "transfer-encoding", "upgrade")
)

WebSocketFactory = Callable[[], FrameReader]


# An adapter, because from anything else picows makes a Logger for each connection.
_LOGGER = logging.LoggerAdapter(logging.getLogger("fastphx.testing.picows"), None)


class LongPoll:
    """The long-polling side of one server. *websocket* makes the protocol that serves one WebSocket.

    A poll is answered after *window_s* seconds without a message. A session that nobody polls ends after its
    socket's idle timeout; *idle_timeout_s* is the shortest of these.
    """

    def __init__(
        self, websocket: WebSocketFactory, hub: Hub, *, window_s: float, idle_timeout_s: float
    ) -> None:
        self._websocket = websocket
        self._hub = hub
        self._window_s = window_s
        self._ping_interval_s = min(idle_timeout_s / 3, window_s)
        self._sessions: dict[str, LongPollSession] = {}
        self._web = web.Server(
            self._handle, request_factory=_request, access_log=None, handler_cancellation=True
        )
        self.is_draining = False

    def front(self) -> asyncio.Protocol:
        """The protocol for a connection that has not said yet what it wants."""
        return Front(self._websocket, self._web)

    async def stop(self) -> None:
        """Cut the HTTP connections and the sessions."""
        for session in list(self._sessions.values()):
            session.end()
        await self._web.shutdown(timeout=0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            # aiohttp escapes what is not UTF-8, and that cannot be encoded again.
            "".join(request.headers.values()).encode()
            response = await self._answer_to(request)
        except UnicodeEncodeError:
            response = web.Response(status=400)
        # As in Phoenix.Transports.LongPoll, a page of any origin may poll.
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    async def _answer_to(self, request: web.BaseRequest) -> web.StreamResponse:
        session = self._sessions.get(_params(request).get("token", ""))
        if request.method == "GET":
            return await (self._open(request) if session is None else self._poll(session))
        if request.method == "POST":
            if session is None:
                return _answer({"status": 410})
            return self._publish(session, await request.read(), request.headers.get("Content-Type"))
        if request.method == "OPTIONS":
            return web.Response(headers=_preflight_headers(request))
        return web.Response(status=400)

    async def _open(self, request: web.BaseRequest) -> web.Response:
        if self.is_draining:
            return web.Response(status=503)
        session = LongPollSession(secrets.token_urlsafe(24), self._hub)
        try:
            await session.connect(self._websocket(), request)
        except picows.WSHandshakeError as error:
            status = 500 if error.response is None else int(error.response.status)
            return _answer({"status": 403}) if status == 403 else web.Response(status=status)
        self._sessions[session.token] = session
        session.on_end = lambda: self._sessions.pop(session.token, None)
        return _answer({"messages": [], "status": 410, "token": session.token})

    async def _poll(self, session: LongPollSession) -> web.Response:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._window_s
        while not session.messages and session.is_open:
            # The poll shows that the client is there: that is what the idle timeout is about.
            session.ping()
            wait_s = min(deadline - loop.time(), self._ping_interval_s)
            if wait_s <= 0:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(session.available.wait(), wait_s)
        messages = session.take_messages()
        status = 200 if messages else 204
        return _answer({"messages": messages, "status": status, "token": session.token})

    def _publish(self, session: LongPollSession, body: bytes, content_type: str | None) -> web.Response:
        try:
            frames = _frames(body, content_type)
            for data, opcode in frames:
                if session.vsn == 2:
                    decode(data, opcode, from_client=True)
                elif not isinstance(orjson.loads(data), dict):
                    return web.Response(status=500)
        except (DecodeError, ValueError):
            # This is what a crash in Phoenix' controller looks like. The session goes on.
            return web.Response(status=500)
        for data, opcode in frames:
            session.send(data, opcode)
        return _answer({"status": 200})


class LongPollSession(WSListener):
    """One long-polling session: a WebSocket to the server itself, and what the client has not polled yet."""

    def __init__(self, token: str, hub: Hub) -> None:
        self.token = token
        self._hub = hub
        self.vsn = 1
        self.messages: list[str] = []
        self.available = asyncio.Event()
        self.on_end: Callable[[], object] | None = None
        self._transport: WSTransport | None = None
        self._unpolled_bytes = 0
        self._is_cut_off = False

    async def connect(self, websocket: FrameReader, request: web.BaseRequest) -> None:
        """Open the WebSocket with the query and the headers of *request*. Raises picows.WSHandshakeError."""
        ours, theirs = _connected_pair()
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: websocket, theirs)
        path = request.rel_url.raw_path.removesuffix("longpoll") + "websocket"
        headers = [(key, value) for key, value in request.headers.items() if not _is_own(key)]
        token = request.headers.get("X-Phoenix-AuthToken")
        if token is not None:
            encoded = base64.urlsafe_b64encode(token.encode()).rstrip(b"=").decode()
            headers.append(("Sec-WebSocket-Protocol", f"phoenix, {AUTH_TOKEN_PREFIX}{encoded}"))
        self.vsn = 2 if _params(request).get("vsn", "1").startswith("2") else 1
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await picows.ws_connect(
                lambda: self,
                f"ws://{request.host}{path}?{request.rel_url.raw_query_string}",
                socket_factory=lambda _: ours,
                extra_headers=headers,
                logger_name=_LOGGER,
                use_aiofastnet=False,
            )
        websocket.on_lost = self._on_cut_off

    def _on_cut_off(self) -> None:
        """Read on, now that the server's side has ended. A session that is not polled would not see it."""
        self._is_cut_off = True
        if self._transport is not None:
            self._transport.underlying_transport.resume_reading()

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def send(self, data: bytes, opcode: int) -> None:
        """Send a message. The session ends if the server does not read that much."""
        if self._transport is None:
            return
        unread_bytes = self._unread_bytes
        if unread_bytes and unread_bytes + len(data) > self._hub.max_queue_bytes:
            self._hub.count_overflow()
            self.end()
        else:
            self._transport.send(WSMsgType(opcode), data)

    def ping(self) -> None:
        if self._transport is not None and not self._unread_bytes:
            self._transport.send_ping()

    @property
    def _unread_bytes(self) -> int:
        """Bytes that the server's side of the session has not read, apart from those in the kernel."""
        assert self._transport is not None
        unread: int = self._transport.underlying_transport.get_write_buffer_size()
        return unread

    def end(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(False)

    def take_messages(self) -> list[str]:
        """What has come since the last poll."""
        messages, self.messages = self.messages, []
        self._unpolled_bytes = 0
        if self._transport is not None:
            self.available.clear()
            self._transport.underlying_transport.resume_reading()
        return messages

    # Of the transport.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        payload = frame.get_payload_as_bytes()
        if frame.msg_type == WSMsgType.TEXT:
            message = payload.decode("utf-8", "replace")
        elif frame.msg_type == WSMsgType.BINARY:
            message = base64.b64encode(payload).decode()
        else:
            return
        self.messages.append(message)
        self.available.set()
        self._unpolled_bytes += len(payload) + MESSAGE_BYTES
        if self._unpolled_bytes > MAX_UNPOLLED_BYTES and not self._is_cut_off:
            transport.underlying_transport.pause_reading()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        self.available.set()
        if self.on_end is not None:
            self.on_end()


class Front(asyncio.Protocol):
    """Reads a connection's request line, and hands the connection to whoever serves that path."""

    def __init__(self, websocket: WebSocketFactory, web_server: web.Server) -> None:
        self._websocket = websocket
        self._web = web_server
        self._received = b""
        self._transport: asyncio.Transport
        self._timeout: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._timeout = loop.call_later(REQUEST_LINE_TIMEOUT_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        self._received += data
        line, end, _ = self._received.partition(b"\r\n")
        if not end:
            if len(self._received) > MAX_REQUEST_LINE_BYTES:
                self._transport.abort()
            return
        self._timeout.cancel()
        words = line.split(b" ")
        path = words[1].partition(b"?")[0] if len(words) > 1 else b""
        # A transport chooses how to read when it starts reading.
        self._transport.pause_reading()
        if path.endswith(b"/longpoll"):
            http = self._web()
            self._transport.set_protocol(http)
            http.connection_made(self._transport)
            http.data_received(self._received)
        else:
            websocket = self._websocket()
            self._transport.set_protocol(websocket)
            websocket.connection_made(self._transport)
            _feed(websocket, self._received)
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timeout.cancel()


def _connected_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection. picows sets TCP options, so ``socket.socketpair`` is not enough."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), CONNECT_TIMEOUT_S)
        theirs, address = listener.accept()
    if address != ours.getsockname():
        ours.close()
        theirs.close()
        raise ConnectionAbortedError("somebody else connected to the pair's port")
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    while data:
        buffer = memoryview(protocol.get_buffer(len(data)))
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]


def _request(
    message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)


def _params(request: web.BaseRequest) -> dict[str, str]:
    # Plug takes the last of a repeated parameter: the session's token follows the user's own parameters. The
    # raw query, because aiohttp's query_string is already decoded once: %25 is %, and %2B is + in it.
    return dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))


def _is_own(header: str) -> bool:
    name = header.lower()
    return name in _OWN_HEADERS or name.startswith("sec-websocket-")


def _frames(body: bytes, content_type: str | None) -> list[tuple[bytes, Any]]:
    """A POST's frames with their opcodes, as Phoenix reads them. Raises ValueError."""
    if content_type is None or content_type.partition(";")[0].strip() != "application/x-ndjson":
        return [(body, 1)]
    return [
        (line, 1) if line.startswith(b"[") else (base64.b64decode(line, validate=True), 2)
        for line in body.replace(b"\r\n", b"\n").split(b"\n")
    ]


def _preflight_headers(request: web.BaseRequest) -> dict[str, str]:
    """The headers that let a browser send its POST. It asks first, because of the content type (CORS)."""
    return {
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Max-Age": "3600",
    }


def _answer(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
