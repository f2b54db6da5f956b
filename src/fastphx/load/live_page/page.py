"""The live page of one run, from before it starts until after it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Self

from fastphx.load.live_page.address import PageAddress
from fastphx.load.live_page.server import LivePageServer
from fastphx.load.live_page.watched_run import WatchedRun
from fastphx.load.report.page_files import LIVE_SCRIPT, SCRIPTS, STYLE, live_page, page_file
from fastphx.load.result.result import Result


class LivePage:
    """Shows a run to whoever has its `url`. What `progress` is told is on the page, too."""

    def __init__(self, server: LivePageServer) -> None:
        self.progress = WatchedRun()
        self._server = server
        self._making: asyncio.Task[None] | None = None

    @classmethod
    async def listen(cls, address: PageAddress) -> Self:
        """Take its port. Raises PlanError if that cannot be had."""
        return cls(await LivePageServer.listen(address))

    @property
    def url(self) -> str:
        """Its address with its token: whoever has it sees the run, and may stop it."""
        return self._server.url

    async def show(self, result: Result, stop: Callable[[], object], warn: Callable[[str], object]) -> None:
        """Show the run that fills *result*. *stop* ends it as Ctrl-C does; *warn* is told of a fault of the
        page, which is none of the run's."""
        run = self.progress
        run.watch(result)
        has_failed = False

        def stop_once() -> None:
            # A second one would end it at once.
            if not result.interrupted:
                stop()

        def failed(fault: Exception) -> None:
            # Each viewer meets it again and again.
            nonlocal has_failed
            if not has_failed:
                warn(f"the live page has a fault ({type(fault).__name__}: {fault})")
            has_failed = True

        names = (STYLE, *SCRIPTS, LIVE_SCRIPT)
        files = {"/": ("text/html; charset=utf-8", live_page().encode())}
        files |= {f"/{name}": file for name in names if (file := page_file(name)) is not None}
        self._making = asyncio.create_task(run.feed.run())
        await self._server.start(files, run.feed, stop_once, failed)

    def end(self, mapping: Mapping[str, Any]) -> None:
        """Show the result of the run, which has ended."""
        self.progress.end(mapping)

    async def close(self) -> None:
        """Let who watches take in what is shown now, and end."""
        await self._server.close()
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
