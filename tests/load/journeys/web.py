"""A web server of a test, which says what it was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ssl import SSLContext
from typing import Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Web:
    """Serves *routes* (``"GET /path"``) on the loopback address."""

    def __init__(self, routes: dict[str, Handler], ssl: SSLContext | None = None) -> None:
        self.asked: list[web.Request] = []
        application = web.Application(middlewares=[self._noted])
        for route, handler in routes.items():
            method, path = route.split()
            application.router.add_route(method, path, handler)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        self._ssl = ssl
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._ssl)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"{'https' if self._ssl else 'http'}://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _noted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(request)
        return await handler(request)
