"""A LiveView application of one page, whose answers a test gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, Self

from aiohttp import web

RENDERED = {
    "0": "0",
    "s": [
        '<p id="n">',
        '</p><button id="inc" phx-click="inc">+</button><button id="off" disabled phx-click="no">-</button>',
    ],
}
"""A counter."""

Answer = tuple[str, Any]


class Connection(Protocol):
    """A WebSocket, or a session of long polling."""

    async def send_str(self, text: str) -> None: ...
    async def close(self, *, code: int) -> object: ...


class Polled:
    """A session of long polling."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[str] = asyncio.Queue()

    async def send_str(self, text: str) -> None:
        await self.messages.put(text)

    async def close(self, *, code: int) -> None:
        """There is no such thing."""


class Push:
    """A message of the client, and who may answer it."""

    def __init__(self, connection: Connection, frame: list[Any]) -> None:
        self.connection = connection
        self.join_ref, self.ref, self.topic, self.event, self.payload = frame

    async def reply(self, response: Any, status: str = "ok") -> None:
        """Answer it."""
        await self.send("phx_reply", {"status": status, "response": response}, self.ref)

    async def send(self, event: str, payload: Any, ref: str | None = None) -> None:
        """Send a message on its topic."""
        await self.connection.send_str(self.written(event, payload, ref))

    def written(self, event: str, payload: Any, ref: str | None = None) -> str:
        return json.dumps([self.join_ref, ref, self.topic, event, payload])

    async def close(self, code: int) -> None:
        """End the connection."""
        await self.connection.close(code=code)


class Scripted:
    """``async with Scripted() as server``. A test replaces ``on_join``, ``on_event`` and ``page``."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, str]] = []
        """Method, path with query, and the cookies of each."""
        self.bodies: list[str] = []
        self.handshakes: list[Mapping[str, str]] = []
        self.joins: list[Push] = []
        self.events: list[Push] = []
        self.others: list[Push] = []
        self.count = 0
        self.allowed: dict[str, Any] = {}
        """The answer to the preflight of an upload."""
        self.polled = Polled()
        self.on_join: Callable[[Push], Awaitable[None]] = self.joined
        self.on_event: Callable[[Push], Awaitable[None]] = self.counted
        self.page: Callable[[web.Request], web.Response] = self.counter_page
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/live/websocket", self._websocket)
        app.router.add_get("/live/longpoll", self._poll)
        app.router.add_post("/live/longpoll", self._posted)
        app.router.add_route("*", "/{path:.*}", self._document)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _document(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path_qs, request.headers.get("Cookie", "")))
        if request.method == "POST":
            self.bodies.append((await request.read()).decode())
        return self.page(request)

    def counter_page(self, _: web.Request) -> web.Response:
        """The page of the counter."""
        answer = html_page(container("phx-main", "data-phx-main"))
        answer.set_cookie("_key", f"session{len(self.requests)}")
        return answer

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        self.handshakes.append(request.headers)
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        async for message in connection:
            text = message.data if isinstance(message.data, str) else chunk(message.data)
            await self._take(Push(connection, json.loads(text)))
        return connection

    async def _poll(self, request: web.Request) -> web.Response:
        if "token" not in request.query:
            self.polled = Polled()
            return web.json_response({"status": 410, "token": "session", "messages": []})
        return web.json_response(
            {"status": 200, "token": "session", "messages": [await self.polled.messages.get()]}
        )

    async def _posted(self, request: web.Request) -> web.Response:
        for line in (await request.text()).splitlines():
            await self._take(Push(self.polled, json.loads(line)))
        return web.json_response({"status": 200})

    async def _take(self, push: Push) -> None:
        match push.event:
            case "phx_join":
                self.joins.append(push)
                await self.on_join(push)
            case "event":
                self.events.append(push)
                await self.on_event(push)
            case "phx_leave":
                await push.reply({})
                await push.send("phx_close", {}, push.join_ref)
            case "allow_upload":
                await push.reply(self.allowed)
            case _:
                self.others.append(push)
                await push.reply({})

    async def joined(self, push: Push) -> None:
        """Accept a join, with the counter at 0."""
        self.count = 0
        await push.reply({"rendered": RENDERED, "liveview_version": "1.1.33"})

    async def counted(self, push: Push) -> None:
        """Answer an event with the next number."""
        self.count += 1
        await push.reply({"diff": {"0": str(self.count)}})


def chunk(frame: bytes) -> str:
    """A push with bytes, as one in JSON whose payload is how many they are."""
    at = 5
    parts: list[Any] = []
    for size in frame[1:5]:
        parts.append(frame[at : at + size].decode())
        at += size
    return json.dumps([*parts, len(frame) - at])


def container(view_id: str, attributes: str = "", content: str = "") -> str:
    """A view's element."""
    tokens = 'data-phx-session="session" data-phx-static="static"'
    return f'<div id="{view_id}" {attributes} {tokens}>{content}</div>'


def html_page(body: str, status: int = 200, attributes: str = "") -> web.Response:
    """A document with a token and a title; *attributes* are of its ``html``."""
    return web.Response(
        status=status,
        content_type="text/html",
        text=f'<!DOCTYPE html><html {attributes}><head><meta name="csrf-token" content="token">'
        f'<title data-suffix=" - app">Page - app</title></head><body>{body}</body></html>',
    )
