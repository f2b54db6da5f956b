"""The embedded Phoenix-compatible server."""

from __future__ import annotations

import asyncio
import logging
import ssl as ssl_module
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar

import orjson

from fastphx.errors import clip
from fastphx.foreign_text import visible
from fastphx.operating_system.sockets import check_listening
from fastphx.protocol.frame_write import NO_PAYLOAD
from fastphx.testing.channel import ServerChannel
from fastphx.testing.connection import ServerConnection
from fastphx.testing.connections import Connections
from fastphx.testing.faults import Faults
from fastphx.testing.frame_reader import FrameReader
from fastphx.testing.handshake import answer_with, parse_handshake, upgrade_with
from fastphx.testing.hub import Hub
from fastphx.testing.loop_thread import LoopThread
from fastphx.testing.origins import Origins
from fastphx.testing.pubsub import PubSub
from fastphx.testing.server_socket import sweep
from fastphx.testing.socket_handler import SocketHandler, check_bound
from fastphx.transports.websocket.deflate import DeflateOptions, NegotiationError, agree_as_server

if TYPE_CHECKING:
    from fastphx.testing.longpoll import LongPoll

T = TypeVar("T")

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 10.0
SWEEP_INTERVAL_S = 1.0

_LOGGER = logging.getLogger("fastphx.testing")


class Server:
    """A Phoenix server in this process, for tests and for load.

    ``async with Server(channels={"room:*": Room}) as server`` runs it on the current loop. ``with Server(…)
    as server`` runs it on a loop in a thread of its own. Its methods may be called from any thread. If one
    path, ``/socket``, is not enough, ``sockets`` maps socket paths to SocketHandlers, which then have the
    other options up to ``id``.

    ``port`` 0 takes a free port. ``ssl`` makes it serve wss. ``reuse_port`` lets several processes share a
    port. ``max_write_buffer``: how many bytes may wait for a client that does not read, before it is cut.
    ``max_queue_bytes``: how many bytes of a client's messages may wait for async callbacks, together with the
    names of the topics that it has joined, before it is closed with 1008. Each message, topic and frame
    counts 256 bytes more: this bounds their number. Clients beyond either limit are counted in ``overflows``.

    ``close_timeout_s``: how long a client may take to answer a close. ``use_uvloop`` is for the thread.
    ``compress`` agrees to permessage-deflate if a client offers it. ``longpoll`` serves ``/longpoll`` beside
    ``/websocket`` (extra ``longpoll``); a poll is answered after ``longpoll_window_s`` without a message.
    ``check_origin`` says whose pages may connect, by a browser's ``Origin``: hosts as in ``//example.com``,
    ``//*.example.com`` or ``https://example.com``, or True for the host that the request names. Others are
    refused with 403. Raises ValueError for an invalid option, and OSError if it cannot listen.
    """

    def __init__(
        self,
        channels: Mapping[str, Callable[[], ServerChannel]] | None = None,
        *,
        sockets: Mapping[str, SocketHandler] | None = None,
        idle_timeout_s: float = 60.0,
        max_channels_per_transport: int = 100,
        connect: Callable[[Any], Any] | None = None,
        id: Callable[[Any], str | None] | None = None,  # noqa: A002 - Phoenix's name for it
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: ssl_module.SSLContext | None = None,
        backlog: int = 4096,
        reuse_port: bool = False,
        max_message_size: int = 8 * 1024 * 1024,
        max_write_buffer: int = 16 * 1024 * 1024,
        max_queue_bytes: int = 16 * 1024 * 1024,
        close_timeout_s: float = 5.0,
        use_uvloop: bool = True,
        compress: bool | DeflateOptions = False,
        longpoll: bool = False,
        longpoll_window_s: float = 10.0,
        check_origin: bool | Sequence[str] = False,
    ) -> None:
        if (channels is None) == (sockets is None):
            raise ValueError("give either channels, for one socket at /socket, or sockets")
        check_bound("max_write_buffer", max_write_buffer)
        check_bound("max_queue_bytes", max_queue_bytes)
        for name, seconds in (("close_timeout_s", close_timeout_s), ("longpoll_window_s", longpoll_window_s)):
            if not 0 < seconds <= 86400:
                raise ValueError(f"{name} is {seconds!r}: give seconds, more than 0, at most 86400")
        if not 0 <= port <= 65535:
            raise ValueError(f"port is {port}: give 0 to 65535")
        if longpoll and reuse_port:
            raise ValueError("longpoll does not go with reuse_port: a session lives in one process")
        if sockets is None:
            assert channels is not None
            sockets = {
                "/socket": SocketHandler(
                    channels,
                    connect,
                    id,
                    idle_timeout_s=idle_timeout_s,
                    max_channels_per_transport=max_channels_per_transport,
                    max_message_size=max_message_size,
                )
            }
        self.sockets = dict(sockets)
        self.host = host
        self._port = port
        self._ssl = ssl
        self._backlog = backlog
        self._reuse_port = reuse_port
        self._max_message_size = max_message_size
        self._max_write_buffer = max_write_buffer
        self._max_queue_bytes = max_queue_bytes
        self._close_timeout_s = close_timeout_s
        self._use_uvloop = use_uvloop
        self._deflate_options = DeflateOptions() if compress is True else compress or None
        self._serves_longpoll = longpoll
        self._longpoll_window_s = longpoll_window_s
        self._origins = None if check_origin is False else Origins(check_origin)
        self._longpoll: LongPoll | None = None
        self._hub: Hub | None = None
        self._pubsub: PubSub
        self._connections = Connections()
        self._listener: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._thread: LoopThread | None = None

    # Its life.

    async def start(self) -> None:
        """Listen on the running loop."""
        if self._hub is not None:
            raise RuntimeError("the server has been started already")
        self._hub = Hub(
            asyncio.get_running_loop(),
            self._max_write_buffer,
            self._max_queue_bytes,
            self._close_timeout_s,
            self._connections.add,
            self._connections.discard,
        )
        self._pubsub = PubSub(self._hub)
        try:
            listener = await self._listen(self._port)
            port = listener.sockets[0].getsockname()[1]
            if any(sock.getsockname()[1] != port for sock in listener.sockets):
                # A host with several addresses has got a free port for each.
                listener.close()
                listener = await self._listen(port)
        except BaseException:
            self._hub = None
            raise
        self._listener, self._port = listener, port
        shortest = min(self._close_timeout_s, *(handler.idle_timeout_s for handler in self.sockets.values()))
        self._sweep_interval_s = max(0.02, min(SWEEP_INTERVAL_S, shortest / 4))
        self._sweep_later()

    async def stop(self) -> None:
        """Stop listening, and cut every connection that is left."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        listener.close()
        if self._sweep is not None:
            self._sweep.cancel()
        empty = asyncio.Event()
        self._connections.on_empty = empty.set
        for connection in list(self._connections.all):
            connection.cut()
        if self._connections.all:
            await asyncio.wait_for(empty.wait(), STOP_TIMEOUT_S)
        if self._longpoll is not None:
            await self._longpoll.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        thread = LoopThread("fastphx-server", use_uvloop=self._use_uvloop)
        try:
            thread.run(self.start(), START_TIMEOUT_S)
        except BaseException:
            thread.stop()
            raise
        self._thread = thread
        return self

    def __exit__(self, *_: object) -> None:
        thread, self._thread = self._thread, None
        assert thread is not None
        try:
            thread.run(self.stop(), STOP_TIMEOUT_S)
        finally:
            thread.stop()

    # Where it is.

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The first socket's URL, as for phoenix.js: ``ws://127.0.0.1:PORT/socket``."""
        scheme = "ws" if self._ssl is None else "wss"
        host = f"[{self.host}]" if ":" in self.host else self.host or "localhost"
        return f"{scheme}://{host}:{self._port}{next(iter(self.sockets))}"

    @property
    def websocket_url(self) -> str:
        """The same with ``/websocket``, as for the behaviour."""
        return f"{self.url}/websocket"

    @property
    def longpoll_url(self) -> str:
        """The first socket's URL for long polling: ``http://127.0.0.1:PORT/socket/longpoll``."""
        return f"http{self.url.removeprefix('ws')}/longpoll"

    # What happens on it.

    @property
    def stats(self) -> dict[str, int]:
        """Counters of what the server did, by name. ``hub.pxd`` describes them."""
        return self._running_hub().stats

    @property
    def faults(self) -> Faults:
        """What the server does wrong on purpose, on all connections."""
        return self._running_hub().faults

    @property
    def connections(self) -> list[ServerConnection]:
        """The open connections."""
        self._running_hub()
        return self._on_loop(lambda: list(self._connections.all))

    @property
    def topics(self) -> dict[str, int]:
        """How many subscribers each topic has."""
        return self._on_loop(lambda: self._running_pubsub().topics)

    def broadcast(self, topic: str, event: str, payload: Any = NO_PAYLOAD) -> int:
        """Send a message to every subscriber of *topic*. Returns how many. Raises EncodingError."""
        return self._on_loop(lambda: self._running_pubsub().broadcast(topic, event, payload))

    def disconnect(self, id: str | None = None, code: int = 1001) -> int:  # noqa: A002
        """Close the open sockets with that *id* with *code*; None: all sockets. Returns how many."""

        def close() -> int:
            self._running_hub()
            named = self._connections.all if id is None else self._connections.of_id(id)
            chosen = [connection for connection in named if connection.is_open]
            for connection in chosen:
                connection.disconnect(code)
            return len(chosen)

        return self._on_loop(close)

    def drain(self) -> int:
        """Stop listening, and close every open socket with code 1012. Returns how many."""

        def close() -> int:
            if self._listener is not None:
                self._listener.close()
            if self._longpoll is not None:
                self._longpoll.is_draining = True
            return self.disconnect(None, 1012)

        return self._on_loop(close)

    # Faults that happen at once.

    def cut(self, count: int | None = None) -> int:
        """Reset the TCP connection of *count* sockets; None: of all. Returns how many."""

        def reset() -> int:
            self._running_hub()
            chosen = list(self._connections.all)[:count]
            for connection in chosen:
                connection.cut()
            return len(chosen)

        return self._on_loop(reset)

    def stall(self, seconds: float) -> None:
        """Neither read nor send on any socket for *seconds*, not even on sockets that open meanwhile, except
        for the answer to their handshake. With 0: end a stall now. ``max_write_buffer`` bounds what waits for
        a socket, as always."""

        def stall() -> None:
            self._running_hub().stall(seconds)
            for connection in list(self._connections.all):
                connection.stall(seconds)

        self._on_loop(stall)

    def crash_channels(self, topic: str | None = None) -> int:
        """Crash every channel of *topic*; None: of any topic. Returns how many."""

        def crash() -> int:
            self._running_hub()
            return sum(connection.crash_channels(topic) for connection in list(self._connections.all))

        return self._on_loop(crash)

    async def wait_until(self, reached: Callable[[dict[str, int]], bool], timeout_s: float = 5.0) -> None:
        """Return when ``reached(stats)`` is true. Otherwise raises TimeoutError, with the counters."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not reached(self.stats):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"the server did not get there within {timeout_s} s: {self.stats}")
            await asyncio.sleep(0.002)

    # Inside.

    def _running_hub(self) -> Hub:
        if self._hub is None:
            raise RuntimeError("the server has not been started: use `async with` or `with`")
        return self._hub

    def _running_pubsub(self) -> PubSub:
        self._running_hub()
        return self._pubsub

    def _on_loop(self, function: Callable[[], T]) -> T:
        """Call *function* on the server's loop, from any thread."""
        if self._thread is None:
            return function()
        return self._thread.call(function, CALL_TIMEOUT_S)

    def _sweep_later(self) -> None:
        sweep(self._connections.all)
        self._sweep = self._running_hub().loop.call_later(self._sweep_interval_s, self._sweep_later)

    async def _listen(self, port: int) -> asyncio.Server:
        if self._serves_longpoll:
            listener = await self._listen_for_both(port)
        else:
            listener = await asyncio.get_running_loop().create_server(
                self._reader,
                self.host,
                port,
                ssl=self._ssl,
                backlog=self._backlog,
                reuse_port=self._reuse_port or None,
            )
        check_listening(listener)
        return listener

    async def _listen_for_both(self, port: int) -> asyncio.Server:
        """Listen for WebSockets and long polling on one port."""
        try:
            from fastphx.testing.longpoll import LongPoll
        except ModuleNotFoundError as error:
            if error.name != "aiohttp":
                raise
            raise ModuleNotFoundError("longpoll needs aiohttp: pip install fastphx[longpoll]") from None
        assert self._hub is not None
        self._longpoll = LongPoll(
            self._reader,
            self._running_hub(),
            window_s=self._longpoll_window_s,
            idle_timeout_s=min(handler.idle_timeout_s for handler in self.sockets.values()),
        )
        return await asyncio.get_running_loop().create_server(
            self._longpoll.front, self.host, port, ssl=self._ssl, backlog=self._backlog
        )

    def _reader(self) -> FrameReader:
        return FrameReader(self._accept, asyncio.get_running_loop())

    def _accept(self, head: bytes) -> tuple[bytes, ServerConnection | None]:
        """The answer to a request, and the connection that it opens, if it does."""
        hub = self._running_hub()
        try:
            handshake = parse_handshake(head)
        except ValueError as error:
            return self._refuse(400, f": {error}")
        if handshake.path == "/stats":
            body = orjson.dumps(hub.stats)
            return answer_with(HTTPStatus.OK, body, "application/json"), None
        if hub.faults.refuse_connects is not None:
            return self._refuse(hub.faults.refuse_connects)
        if 0 <= hub.faults.max_connections <= hub.stats["connections_open"]:
            return self._refuse(503)
        path, _, transport = handshake.path.rpartition("/")
        handler = self.sockets.get(path) if transport == "websocket" else None
        if handler is None:
            return self._refuse(404)
        vsn = handshake.vsn
        headers = handshake.headers
        if vsn is None or not self._allows(headers.get("Origin"), headers.get("Host", "")):
            return self._refuse(403)
        lacking = handshake.lacking_of_an_upgrade
        if lacking:
            return self._refuse(400, f": {lacking}")
        try:
            assigns = {} if handler.connect is None else handler.connect(handshake)
            if assigns is False:
                return self._refuse(403)
            name = None if handler.id is None else handler.id(assigns)
            if not isinstance(name, str | None):
                raise TypeError(f"id returned {clip(repr(name))}: return a str or None")
        except Exception:
            _LOGGER.exception("connect or id of %s raised", path)
            return self._refuse(500)
        connection = ServerConnection(hub, self._pubsub, handler, handshake.params, assigns, name, vsn)
        answer = {"Sec-WebSocket-Protocol": "phoenix"} if "phoenix" in handshake.subprotocols else {}
        if self._deflate_options is not None:
            self._agree_on_deflate(headers, connection, answer)
        return upgrade_with(handshake, answer), connection

    def _agree_on_deflate(self, asked: Any, connection: ServerConnection, headers: dict[str, str]) -> None:
        assert self._deflate_options is not None
        offers = asked.getall("Sec-WebSocket-Extensions", ())
        try:
            chosen = agree_as_server(offers, self._deflate_options)
        except NegotiationError as error:
            _LOGGER.info("declining an offer of extensions: %s", visible(str(error)))
            return
        if chosen is not None:
            agreement, headers["Sec-WebSocket-Extensions"] = chosen
            connection.use_deflate(agreement.server_stream(connection.handler.max_message_size))

    def _allows(self, origin: str | None, host: str) -> bool:
        return self._origins is None or self._origins.allow(origin, host)

    def _refuse(self, status: int, why: str = "") -> tuple[bytes, None]:
        self._running_hub().count_refused()
        body = f"{status} {HTTPStatus(status).phrase}{visible(why)}".encode()
        return answer_with(HTTPStatus(status), body, "text/plain; charset=utf-8"), None
