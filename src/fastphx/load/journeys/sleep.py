"""Waiting for time to pass, which the run's end cuts short."""

from __future__ import annotations

import asyncio

from fastphx.client.waiter import settle
from fastphx.load.journeys.run import Run
from fastphx.timing.wheel import CallbackTimer


class Sleep:
    """One wait, through the wheel: no task, and no timer of the loop's."""

    __slots__ = ("_future", "_run", "_timer")

    def __init__(self, run: Run, deadline_ns: int) -> None:
        self._run = run
        self._future: asyncio.Future[None] = run.loop.create_future()
        self._timer = CallbackTimer(self.stop)
        self._timer.schedule(run.wheel, deadline_ns=deadline_ns)

    def stop(self) -> None:
        settle(self._future, None)

    async def wait(self) -> None:
        sleeping = self._run.sleeping
        sleeping.add(self)
        try:
            await self._future
        finally:
            sleeping.discard(self)
            self._timer.cancel()
