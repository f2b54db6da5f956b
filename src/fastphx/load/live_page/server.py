"""The HTTP server of a live page. It knows the page's files and its feed, and not what they show."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Self

from aiohttp import web

from fastphx.load.live_page.address import PageAddress
from fastphx.load.live_page.feed import MAX_VIEWERS, Feed, TooManyViewersError
from fastphx.load.live_page.guard import Guard
from fastphx.load.plan.error import PlanError

MAX_CONNECTIONS = 64
BACKLOG = 16
IDLE_TIMEOUT_S = 15.0
"""How long a connection may have no request under way."""
WRITE_TIMEOUT_S = 20.0
"""How long a viewer may take for one answer, or for one event."""
KEEP_ALIVE_S = 15.0
"""From then on a comment is sent, so that a proxy or a tunnel keeps a quiet connection open."""
END_TIMEOUT_S = 5.0
"""How long the viewers have to take in the last event."""
CLOSE_TIMEOUT_S = 0.5
"""How long what is not a stream has then to end."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "fastphx",
}


Files = Mapping[str, tuple[str, bytes]]
"""Media type and content by path."""


class LivePageServer:
    """Serves files by their paths (the page is ``/``), the events of a feed at ``/events``, and stops the run
    on a ``POST`` to ``/stop``. Who has not opened the `url` is refused, in a sentence."""

    def __init__(self, listening: socket.socket, host: str) -> None:
        self._listening = listening
        self._guard = Guard(host)
        self._port: int = listening.getsockname()[1]
        self._cookie = f"fastphx_{self._port}"
        self._feed: Feed
        self._files: Files
        self._stop: Callable[[], object]
        self._viewers: set[asyncio.Task[object]] = set()

    @classmethod
    async def listen(cls, address: PageAddress) -> Self:
        """Take the port; nothing is answered before `start`. Raises PlanError if it cannot be had."""
        try:
            family, kind, protocol, _, where = (
                await asyncio.get_running_loop().getaddrinfo(
                    address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
                )
            )[0]
            listening = socket.socket(family, kind, protocol)
            try:
                if os.name == "posix":
                    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.setblocking(False)
                listening.bind(where)
                listening.listen(BACKLOG)
            except OSError:
                listening.close()
                raise
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            shown = f"{address.host}:{address.port}"
            raise PlanError(f"--ui: {shown} cannot be listened on ({why}): give another port") from None
        return cls(listening, address.host)

    @property
    def url(self) -> str:
        """The page's address with its token, for the person who started the run."""
        host = f"[{self._guard.host}]" if ":" in self._guard.host else self._guard.host
        return f"http://{host}:{self._port}/?token={self._guard.token}"

    async def start(
        self,
        files: Files,
        feed: Feed,
        stop: Callable[[], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Answer from now on. *failed* is told of a fault of the page itself."""
        self._files, self._feed, self._stop, self._failed = files, feed, stop, failed
        log = logging.getLogger(__name__)
        # aiohttp would write a traceback for each broken request of whoever connects.
        log.addHandler(logging.NullHandler())
        log.propagate = False
        self._server = web.Server(
            self._answer,
            handler_cancellation=True,
            access_log=None,
            logger=log,
            keepalive_timeout=IDLE_TIMEOUT_S,
            lingering_time=0.0,
        )
        self._accepting = await asyncio.get_running_loop().create_server(self._protocol, sock=self._listening)

    async def close(self) -> None:
        """Let the viewers take in the last event, and end."""
        self._accepting.close()
        if self._viewers:
            await asyncio.wait(self._viewers, timeout=END_TIMEOUT_S)
        self._server.pre_shutdown()
        await self._server.shutdown(CLOSE_TIMEOUT_S)

    def _protocol(self) -> asyncio.Protocol:
        is_full = len(self._server.connections) >= MAX_CONNECTIONS
        return _Refusal() if is_full else self._server()

    # -- answers

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            response = self._refused(request) or await self._granted(request)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as fault:
            # The page's fault must not be the run's.
            self._failed(fault)
            if request.writer.output_size:
                raise ConnectionAbortedError from fault
            response = _text(500, "this page has a fault: the run goes on")
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
            with suppress(ConnectionError):
                async with _in_time(request):
                    await response.prepare(request)
                    await response.write_eof()
        return response

    def _refused(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Why this one gets nothing, or, who comes with the token, the way in."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self._guard.is_own_host(hosts[0]):
            return _text(421, "this is not the host of this page: open the address that fastphx has printed")
        if request.path == "/" and request.method == "GET" and "token" in request.query:
            if not self._guard.is_token(request.query["token"]):
                return _text(403, "this token is not that of this run: open the address that fastphx printed")
            response = web.Response(status=303, headers={"Location": "/"})
            response.set_cookie(self._cookie, self._guard.cookie, path="/", httponly=True, samesite="Strict")
            return response
        if not self._guard.is_cookie(request.cookies.get(self._cookie, "")):
            return _text(403, "this page is for who started the run: open the address that fastphx printed")
        return None

    async def _granted(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = {"/events": "GET", "/stop": "POST", **dict.fromkeys(self._files, "GET")}
        method = asked.get(request.path)
        if method is None:
            return _text(404, "there is nothing here")
        if request.method != method:
            return _text(405, f"only {method} is answered here", {"Allow": method})
        if request.path == "/stop":
            return self._stopped(request)
        if request.path == "/events":
            return await self._events(request)
        if request.path == "/" and self._feed.is_full:
            # Better than a page that shows nothing.
            return _too_many()
        kind, content = self._files[request.path]
        return web.Response(body=content, headers={"Content-Type": kind})

    def _stopped(self, request: web.BaseRequest) -> web.StreamResponse:
        # A browser says where a request comes from; nobody else's page may send this one.
        if not self._guard.is_own_origin(request.headers.get("Origin"), request.headers["Host"]):
            return _text(403, "only the page itself can stop the run")
        self._stop()
        return web.Response(status=204)

    async def _events(self, request: web.BaseRequest) -> web.StreamResponse:
        viewer = asyncio.current_task()
        assert viewer is not None
        try:
            with self._feed.watched():
                self._viewers.add(viewer)
                return await self._tell(request)
        except TooManyViewersError:
            return _too_many()
        finally:
            self._viewers.discard(viewer)

    async def _tell(self, request: web.BaseRequest) -> web.StreamResponse:
        """Send events until the last one. A viewer that comes back asks with the id of its last event, and is
        told the whole state like a new one."""
        response = web.StreamResponse(headers={**SECURITY_HEADERS, "Content-Type": "text/event-stream"})
        async with _in_time(request):
            await response.prepare(request)
        seen, is_last = None, False
        while not is_last:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    event = await self._feed.after(seen)
            except TimeoutError:
                told = b":\n\n"
            else:
                told, seen, is_last = event.told(seen), event.number, event.is_last
            async with _in_time(request):
                await response.write(told)
        async with _in_time(request):
            await response.write_eof()
        return response


@asynccontextmanager
async def _in_time(request: web.BaseRequest) -> AsyncIterator[None]:
    """Whoever does not take in what is sent is cut off. Raises ConnectionError."""
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            yield
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError("the viewer took nothing in") from None


def _text(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{sentence}\n", headers=headers)


def _too_many() -> web.Response:
    return _text(503, f"{MAX_VIEWERS} watch this run already, which is the most: close one of them")


class _Refusal(asyncio.Protocol):
    """Ends a connection at once: there are too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
