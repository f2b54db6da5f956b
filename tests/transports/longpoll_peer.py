"""A scripted long-polling server, and an owner that records what it is told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web

from fastphx.errors import DisconnectReason
from fastphx.protocol.sink import FrameSink, FrameWriter

TIMEOUT_S = 30.0

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScriptedServer:
    """``async with ScriptedServer(answer) as server``: *answer* serves ``/socket/longpoll``.

    ``requests`` keeps (method, query, body) of each."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[tuple[str, str, str]] = []
        self.headers: list[Any] = []

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.query_string, await request.text()))
        self.headers.append(request.headers.copy())
        return await self.answer(request)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/socket/longpoll", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"ws://127.0.0.1:{port}/socket/websocket?vsn=2.0.0"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


class RecordingOwner:
    """Puts everything it is told into one queue."""

    def __init__(self) -> None:
        self.sink: FrameSink | None = None
        self.writer: FrameWriter | None = None
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.on_message: Callable[[bytes], object] | None = None

    def notify_connected(self, writer: FrameWriter | None) -> None:
        self.writer = writer
        self.events.put_nowait(("connected", None))

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self.events.put_nowait(("disconnected", reason))

    def notify_message(self, opcode: int, data: bytes) -> None:
        if self.on_message is not None:
            self.on_message(data)
        self.events.put_nowait(("message", (opcode, data)))

    def notify_error(self, exc: BaseException) -> None:
        self.events.put_nowait(("error", exc))

    async def next(self, kind: str) -> Any:
        got, value = await asyncio.wait_for(self.events.get(), TIMEOUT_S)
        assert got == kind, (got, value)
        return value
