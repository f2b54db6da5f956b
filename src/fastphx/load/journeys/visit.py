"""One user's visits: what is theirs alone, and what must end with them."""

from __future__ import annotations

import asyncio
from random import Random
from time import monotonic_ns
from typing import Any, Protocol

from fastphx.load.journeys.failure import VisitStopped
from fastphx.load.journeys.run import Run
from fastphx.load.journeys.sleep import Sleep
from fastphx.load.journeys.step import UNCOUNTED, Step, StepCounter
from fastphx.load.plan.rows import Row

MAX_SHORTENED = 10
"""Waits of one visit that the run's end may cut short; at the next the visit ends: it may be in a loop."""


class Closes(Protocol):
    """A socket, or whatever else a visit opens."""

    async def close(self) -> None: ...
    def abort(self) -> object: ...


class Visit:
    """One user, and the visit that it makes now."""

    __slots__ = (
        "_random",
        "_shortened",
        "browser",
        "deaf",
        "http",
        "index",
        "is_cut",
        "is_leaving",
        "kept",
        "number",
        "opened",
        "row",
        "run",
        "task",
        "tasks",
        "tick",
    )

    def __init__(self, run: Run, index: int, number: int, row: Row) -> None:
        self.run = run
        self.index = index
        """The user's number in the closed model; the visit's where each visit is a user of its own."""
        self.number = number
        """The visit's, over all workers."""
        self.row = row
        self.task: asyncio.Task[Any] | None = None
        """The one that runs the visit."""
        self.tasks: set[asyncio.Task[Any]] = set()
        """Those that the script has started."""
        self.opened: list[Closes] = []
        """What the visit has opened and not closed."""
        self.kept: list[Closes] = []
        """What the user has opened before its first visit."""
        self.http: Closes | None = None
        """The HTTP session, where it has made a request."""
        self.browser: Closes | None = None
        """What shows LiveView pages, where one was opened."""
        self.tick: tuple[int, int] | None = None
        self.is_cut = False
        """Whether the run's end has cancelled it, or cut one of its waits."""
        self.is_leaving = False
        """Whether its user's ``stop()`` runs."""
        self.deaf: tuple[asyncio.Task[Any], ...] = ()
        """The tasks that were cancelled at its end, and go on."""
        self._shortened = 0
        self._random: Random | None = None

    def begin_visit(self, number: int, row: Row) -> None:
        """The user's next visit begins."""
        self.number = number
        self.row = row
        self.tick = None
        self._random = None

    @property
    def random(self) -> Random:
        """Made when it is first asked for: one takes 2.5 KB."""
        if self._random is None:
            self._random = Random(f"{self.run.plan.seed}/{self.number}")
        return self._random

    @property
    def is_stopping(self) -> bool:
        return self.run.is_stopping

    # -- steps

    def begin(self, name: str) -> Step:
        """A step of that name begins."""
        if self.run.is_stopping:
            return UNCOUNTED
        return self.begin_step(self.run.recorder.step(name))

    def begin_step(self, counter: StepCounter) -> Step:
        """A step begins: at the time of its tick, where it is the first of one."""
        if self.run.is_stopping:
            return UNCOUNTED
        now_ns = monotonic_ns()
        tick = self.tick
        if tick is not None and asyncio.current_task() is self.task:
            self.tick = None
            return counter.begin(tick[1], now_ns)
        return counter.begin(now_ns, now_ns)

    def ticked(self, *, late: bool) -> None:
        self.run.recorder.counts["ticks"] += 1
        if late:
            self.run.recorder.counts["late_ticks"] += 1

    # -- waiting

    async def sleep_until(self, deadline_ns: int) -> None:
        """Wait; less where the run stops. Raises VisitStopped where the visit waits on and on after that."""
        if self.run.is_stopping:
            self.shorten()
            # Others have their turn, whatever the script loops over.
            await asyncio.sleep(0)
            return
        await Sleep(self.run, deadline_ns).wait()
        if self.run.is_stopping and monotonic_ns() < deadline_ns:
            self.shorten()

    def shorten(self) -> None:
        """The run's end has cut a wait short: the visit has not been what it should have been."""
        self.is_cut = True
        self._shortened += 1
        if self._shortened > MAX_SHORTENED:
            raise VisitStopped

    # -- its end

    async def end_visit(self) -> int:
        """Cancel the tasks that the script has left, close what it has left open, and say how many sockets
        that were."""
        await self._end_tasks()
        opened, self.opened = self.opened, []
        for each in opened:
            await each.close()
        # No script closes its session, nor its browser.
        return len(opened) - self._forget_own(opened)

    async def _end_tasks(self) -> None:
        tasks = [task for task in self.tasks if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=1.0)
            self.deaf = tuple(pending)
        self.tasks.clear()

    async def end_user(self) -> None:
        """The user is gone: close what it has kept over its visits."""
        await self.end_visit()
        kept, self.kept = self.kept, []
        for each in kept:
            await each.close()
        self._forget_own(kept)

    def _forget_own(self, closed: list[Closes]) -> int:
        """How many of those that were *closed* are the session and the browser."""
        forgotten = 0
        if self.http is not None and self.http in closed:
            self.http = None
            forgotten += 1
        if self.browser is not None and self.browser in closed:
            self.browser = None
            forgotten += 1
        return forgotten

    def abort(self) -> None:
        """Cut everything."""
        for each in (*self.opened, *self.kept):
            each.abort()
        self.opened.clear()
        self.kept.clear()
