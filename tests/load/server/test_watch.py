"""The watch over a server: a page that is slow, huge, broken, gone and back again; a process that ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from aiohttp import web

from fastphx.load.control.server_watch import ServerWatch
from fastphx.load.plan.plan import Plan
from fastphx.load.result.reasons import MAX_REASONS, OTHER
from fastphx.load.server import scrape
from fastphx.load.server.figures import ServerFigures
from fastphx.load.server.scrape import ScrapeError, Scraper

TIMEOUT_S = 0.3
MAX_BYTES = 100_000
DEADLINE_S = 20.0


class MetricsPage:
    """A page whose answer the test changes."""

    def __init__(self) -> None:
        self.text = "vm_memory_total 1000\n# TYPE hits counter\nhits 5\n"
        self.status = 200
        self.is_slow = False
        self.is_huge = False
        self.headers: list[dict[str, str]] = []
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"http://user:hidden@127.0.0.1:{self.port}/metrics"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if not (self.is_slow or self.is_huge):
            return web.Response(text=self.text, status=self.status)
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                # A trickle that never ends, or as much as is read.
                await response.write(b"# x\n" * (10_000 if self.is_huge else 1))
                await asyncio.sleep(0.05 if self.is_slow else 0)
        return response


@pytest.fixture
async def page() -> AsyncIterator[MetricsPage]:
    started = MetricsPage()
    await started.start()
    yield started
    await started.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - what it looks at tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch waits less for a page, and takes a smaller one."""
    monkeypatch.setattr(scrape, "Scraper", partial(Scraper, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES))


@contextlib.asynccontextmanager
async def watching(page: MetricsPage, **keys: object) -> AsyncIterator[tuple[ServerFigures, list[str]]]:
    """A watch that looks every 50 ms, its figures and its warnings."""
    figures, warnings = ServerFigures(), []
    plan = Plan.from_mapping({"url": "ws://127.0.0.1:1", "server_metrics": page.url, **keys})
    watch = ServerWatch(plan, figures, warnings.append, every_s=0.05)
    await watch.begin(time.monotonic_ns())
    try:
        yield figures, warnings
    finally:
        await watch.end()


async def failed(page: MetricsPage) -> str:
    scraper = Scraper(page.url, (), TIMEOUT_S, MAX_BYTES)
    try:
        with pytest.raises(ScrapeError) as raised:
            await scraper.scrape()
    finally:
        await scraper.close()
    assert "hidden" not in str(raised.value)
    return str(raised.value)


async def test_a_page_that_cannot_be_read_says_why(page: MetricsPage) -> None:
    page.is_slow = True
    assert await failed(page) == "it did not come within 0.3s"
    page.is_slow, page.is_huge = False, True
    assert await failed(page) == "it has more than 100,000 bytes"
    page.is_huge, page.status = False, 503
    assert await failed(page) == "HTTP 503"
    page.status, page.text = 200, "<html>no</html>"
    assert await failed(page) == "line 1 is no sample: '<html>no</html>'"
    await page.stop()
    assert await failed(page) == "no connection (Connection refused)"


@pytest.mark.usefixtures("impatient")
async def test_a_page_that_fails_is_a_gap_and_a_warning_and_comes_back(page: MetricsPage) -> None:
    async with watching(page) as (figures, warnings):
        good = page.text
        await until(lambda: len(figures.intervals) > 1 and len(figures.series) > 1)
        for break_it, mend_it, why in (
            (("is_slow", True), ("is_slow", False), "it did not come within 0.3s"),
            (("is_huge", True), ("is_huge", False), "it has more than 100,000 bytes"),
            (("text", "{}"), ("text", good), "line 1 is no sample: '{}'"),
            (("status", 404), ("status", 200), "HTTP 404"),
        ):
            setattr(page, *break_it)
            await until(lambda why=why: figures.failures[why])
            setattr(page, *mend_it)
            number = len(figures.intervals)
            await until(lambda number=number: len(figures.intervals) > number)
        await page.stop()
        await until(lambda: figures.failures["no connection (Connection refused)"])
        rows = len(figures.series)
        await until(lambda: len(figures.series) > rows + 3)
        gap = figures.series[-1]
        await page.start()
        number = len(figures.intervals)
        await until(lambda: len(figures.intervals) > number)
    assert gap["metrics"] == {}
    assert gap["age_s"] > 0
    assert "scrape_s" not in gap
    assert len(warnings) == len(set(warnings)) == len(figures.failures) >= 5
    assert warnings[0] == "the metrics page could not be read: it did not come within 0.3s"
    assert any(note.startswith("the metrics page could not be read ") for note in figures.notes)
    mapping = figures.to_mapping()
    assert mapping["metrics"]["vm_memory_total"]["max"] == 1000
    assert mapping["page"]["failures"] == dict(figures.failures)


async def test_a_counter_that_falls_is_marked_and_noted(page: MetricsPage) -> None:
    async with watching(page, server_metric=["hits", "gone"]) as (
        figures,
        _,
    ):
        for hits in (5, 25, 1, 3):
            page.text = f"# TYPE hits counter\nhits {hits}\n"
            number = len(figures.intervals)
            await until(lambda number=number: len(figures.intervals) > number + 1)
        await until(lambda: any(row.get("restarted") for row in figures.series))
    assert figures.to_mapping()["page"]["restarts"] == 1
    assert figures.to_mapping()["metrics"]["hits"]["count"] == 22
    assert any("fell once, at second" in note for note in figures.notes)
    assert "the metrics page has no gone" in figures.notes


async def test_the_page_is_asked_for_as_prometheus_does(page: MetricsPage) -> None:
    scraper = Scraper(page.url, ())
    await scraper.scrape()
    await scraper.close()
    assert page.headers[0]["Accept"].startswith("text/plain; version=0.0.4")
    assert page.headers[0]["Authorization"].startswith("Basic ")


async def test_a_process_is_read_by_the_second_and_its_end_is_noted() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    figures = ServerFigures()
    plan, successor = Plan(url="ws://127.0.0.1:1", server_pid=str(process.pid)), None
    watch = ServerWatch(plan, figures, lambda _: None, every_s=0.05)
    await watch.begin(time.monotonic_ns())
    try:
        await watch.run_begins()
        await until(lambda: len(figures.series) > 2)
        await watch.run_ends()
        (note,) = figures.notes
        assert re.match(r"the server used 0\.\d\d of [\d.]+ cores", note)
        process.kill()
        await process.wait()
        rows = len(figures.series)
        await until(lambda: len(figures.series) > rows + 1)
        assert "rss_bytes" in figures.series[0]
        assert "rss_bytes" not in figures.series[-1]
        assert any(re.search(r"process was gone from second \d+ on$", note) for note in figures.notes)
        successor = await asyncio.create_subprocess_exec("sleep", "60")
        await watch.follow(successor.pid)
        await until(lambda: figures.absences and "rss_bytes" in figures.series[-1])
    finally:
        await watch.end()
        for each in filter(None, (process, successor)):
            with contextlib.suppress(ProcessLookupError):
                each.kill()
            await each.wait()
    assert any(re.search(r"process was gone from second \d+ to \d+$", note) for note in figures.notes)


async def test_a_fault_that_ends_the_watching_is_warned_of_and_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such\x1b[2J thing")

    warnings: list[str] = []
    figures = ServerFigures()
    monkeypatch.setattr(ServerFigures, "add_row", fail)
    watch = ServerWatch(
        Plan(url="ws://127.0.0.1:1", server_pid=str(os.getpid())), figures, warnings.append, every_s=0.01
    )
    await watch.begin(time.monotonic_ns())
    try:
        await until(lambda: warnings)
    finally:
        await watch.end()
    why = "RuntimeError: no such\\x1b[2J thing"
    assert warnings == [f"the server is not watched any more: {why}"]
    assert f"the server was not watched as asked from second 0 on: {why}" in figures.notes


async def test_the_different_reasons_of_failed_readings_are_bounded() -> None:
    warnings: list[str] = []
    figures = ServerFigures()
    watch = ServerWatch(Plan(url="ws://127.0.0.1:1"), figures, warnings.append)
    for number in range(1000):
        watch._count_failure(f"reason {number}")
    assert len(figures.failures) == len(warnings) == MAX_REASONS + 1
    assert figures.failures[OTHER] == 1000 - MAX_REASONS
    assert figures.failures.total() == 1000
