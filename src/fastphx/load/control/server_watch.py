"""Watches the server of a run once a second: its processes, and its metrics page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from fastphx.foreign_text import visible
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.result.reasons import MAX_REASONS, OTHER
from fastphx.load.server.figures import ServerFigures
from fastphx.operating_system.threads import in_thread

if TYPE_CHECKING:
    from fastphx.load.server.process import ServerProcesses
    from fastphx.load.server.scrape import Scraper

MIN_PAUSE_S = 0.05
"""Between the end of a slow reading of the page and the next one."""


class ServerWatch:
    """Fills *figures*; *warn* is told of each new reason why the page cannot be read. What watching needs is
    imported only by a plan that asks for it, or has the embedded server."""

    def __init__(
        self,
        plan: Plan,
        figures: ServerFigures,
        warn: Callable[[str], object],
        every_s: float = 1.0,
    ) -> None:
        self._plan = plan
        self._figures = figures
        self._warn = warn
        self._every_s = every_s
        self._processes: ServerProcesses | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._using_processes = asyncio.Lock()
        self._zero_ns = 0

    async def follow(self, server: int | str) -> None:
        """Watch one more process: the id of one that the run has started, or ``PID`` or ``NAME@PORT``. Raises
        PlanError where that names none."""
        from fastphx.load.server.process import ServerProcesses, find_server

        if self._processes is None:
            self._processes = ServerProcesses()
        async with self._using_processes:
            process = await in_thread(find_server, server) if isinstance(server, str) else server
            await in_thread(self._processes.add, process)

    async def begin(self, zero_ns: int) -> None:
        """Begin to watch. *zero_ns*: when the first connection is due, from which the seconds count. Raises
        PlanError where the plan names a process that is not there any more."""
        self._zero_ns = self._figures.zero_ns = zero_ns
        if self._plan.server_pid is not None:
            await self.follow(self._plan.server_pid)
        if self._plan.server_metrics is not None:
            from fastphx.load.server.scrape import Scraper

            self._figures.is_scraped = True
            scraper = Scraper(self._plan.server_metrics, self._plan.asked_metrics)
            self._start(self._scrape(scraper))
        if self._figures.is_scraped or self._processes is not None:
            self._start(self._tick())

    def _start(self, watching: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(watching)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Watching goes on until it is cancelled: what ends it otherwise is a fault, and the run goes on."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            why = f"{type(error).__name__}: {visible(str(error))}"
            self._figures.ended_early.append((self._now_s(), why))
            self._warn(f"the server is not watched any more: {why}")

    async def run_begins(self) -> None:
        """The schedule begins: what is told of the whole run counts from here."""
        self._figures.run_from_s = await self._read_processes()

    async def run_ends(self) -> None:
        """The schedule has ended."""
        self._figures.run_to_s = await self._read_processes()

    async def end(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _scrape(self, scraper: Scraper) -> None:
        """Read the page until cancelled. One that fails is a gap."""
        from fastphx.load.server.rates import Rates
        from fastphx.load.server.scrape import ScrapeError

        figures, rates = self._figures, Rates()
        try:
            while True:
                began_s = time.monotonic()
                try:
                    page, at_ns, scrape_s = await scraper.scrape()
                except ScrapeError as error:
                    self._count_failure(str(error))
                else:
                    figures.intervals.append(rates.add(page, (at_ns - self._zero_ns) / 1e9, scrape_s))
                    figures.missing = set(page.missing)
                    figures.left_out = max(figures.left_out, page.left_out)
                await asyncio.sleep(max(MIN_PAUSE_S, began_s + self._every_s - time.monotonic()))
        finally:
            await scraper.close()

    def _count_failure(self, why: str) -> None:
        failures = self._figures.failures
        known = why if why in failures or len(failures) < MAX_REASONS else OTHER
        if known not in failures:
            self._warn(f"the metrics page could not be read: {known}")
        failures[known] += 1

    async def _tick(self) -> None:
        number = 1
        while True:
            await asyncio.sleep(max(0.0, number * self._every_s - self._now_s()))
            await self._read_processes()
            self._figures.add_row(self._now_s())
            # A machine that stood still has missed some.
            number = max(number, int(self._now_s() / self._every_s)) + 1

    async def _read_processes(self) -> float:
        """Read them, and tell when. It is done in a thread, because it takes milliseconds."""
        processes, figures = self._processes, self._figures
        if processes is None:
            return self._now_s()
        async with self._using_processes:
            reading = await in_thread(processes.read)
        if reading is None:
            now_s = self._now_s()
            figures.gone_s = now_s if figures.gone_s is None else figures.gone_s
            await self._find_again()
            return now_s
        at_s = (reading.at_ns - self._zero_ns) / 1e9
        if figures.gone_s is not None:
            figures.absences.append((figures.gone_s, at_s))
            figures.gone_s = None
        figures.readings.append((at_s, reading))
        return at_s

    async def _find_again(self) -> None:
        """A server that has restarted has another id, and the same port."""
        target = self._plan.server_pid
        if target is not None and "@" in target:
            try:
                await self.follow(target)
            except PlanError:
                # Not yet, or never.
                return

    def _now_s(self) -> float:
        return (time.monotonic_ns() - self._zero_ns) / 1e9
