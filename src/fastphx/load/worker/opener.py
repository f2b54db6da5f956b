"""Connection attempts: when they are due, at a rate, and a bounded number at once."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastphx.load.worker.meter import MeterSession

MAX_CONNECTING = 256
"""Attempts that a worker has under way at once."""
TICK_NS = 10_000_000
"""Time that was not used is not made up for with a burst of more than this."""


class Opener:
    """Starts connection attempts when they are due, at no more than a rate, and no more than MAX_CONNECTING
    at once."""

    def __init__(
        self, rate_per_s: float, attempt: Callable[[MeterSession], Coroutine[Any, Any, None]]
    ) -> None:
        self._interval_ns = int(1e9 / max(rate_per_s, 0.01))
        self.is_limited = True
        """Whether the rate limits the attempts."""
        self._attempt = attempt
        self._due: list[tuple[int, int, MeterSession]] = []
        self._count = 0
        self._free_ns = 0
        self._connecting = asyncio.Semaphore(MAX_CONNECTING)
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump = asyncio.create_task(self._run())
        self._pump.add_done_callback(self._ended)
        self.crashed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets the exception of an attempt that ended otherwise than with a ConnectError."""

    def open(self, session: MeterSession, due_ns: int) -> None:
        session.due_ns = due_ns
        self._count += 1
        heapq.heappush(self._due, (due_ns, self._count, session))
        self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            wait_s = None
            if self._due:
                free_ns = self._free_ns if self.is_limited else 0
                wait_s = (max(self._due[0][0], free_ns) - time.monotonic_ns()) / 1e9
            if wait_s is None or wait_s > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), wait_s)
                continue
            await self._connecting.acquire()
            _, _, session = heapq.heappop(self._due)
            self._free_ns = max(self._free_ns, time.monotonic_ns() - TICK_NS) + self._interval_ns
            task = asyncio.create_task(self._run_attempt(session))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self.crashed.done():
            self.crashed.set_exception(error)

    async def _run_attempt(self, session: MeterSession) -> None:
        try:
            await self._attempt(session)
        finally:
            self._connecting.release()

    @property
    def is_idle(self) -> bool:
        """No attempt is due or under way."""
        return not self._due and not self._tasks

    async def stop(self) -> int:
        """Start no attempt any more, and end those under way; returns how many were not started."""
        dropped = len(self._due)
        self._due.clear()
        self._pump.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(self._pump, *self._tasks, return_exceptions=True)
        return dropped
