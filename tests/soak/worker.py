"""The soak's worker of ``fastphx load``, in a process that tells what it holds: ``URL SECONDS``."""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop

from fastphx.load.plan.plan import Plan
from fastphx.load.plan.share import Share
from fastphx.load.result.abstract_histogram import HIGHEST_NS
from fastphx.load.result.histogram import Histogram
from fastphx.load.worker.runner import Runner
from tests.soak.inside import report_inside

VISITS_PER_S = 20
STAY = "5s"


def touch(histogram: Histogram) -> None:
    """Make its memory the process' own. A run does so page by page, as latencies of new sizes come, until it
    has them all: for hours that looks like a leak."""
    histogram.record(0)
    histogram.record(HIGHEST_NS)
    histogram.reset()


async def run(url: str, seconds: str) -> None:
    """Short visits, until nobody reads the reports. Raises what has crashed the worker."""
    plan = {"url": url, "scenario": "churn", "rate": VISITS_PER_S, "stay": STAY, "duration": f"{seconds}s"}
    runner = Runner(Plan.from_mapping(plan), Share(), lambda line: None)
    stats = runner.stats
    for histogram in (*stats._measured.values(), *stats._totals.values(), runner.loop_lag.run):
        touch(histogram)
    runner.loop_lag.start()
    now_ns = time.monotonic_ns()
    runner.connect(now_ns)
    runner.start(now_ns)
    telling = asyncio.create_task(runner.report(now_ns))
    reporting = asyncio.create_task(report_inside(lambda: {"visits (a count)": runner.meter.counts["joins"]}))
    await asyncio.wait((runner.crashed, reporting), return_when="FIRST_COMPLETED")
    telling.cancel()
    for done in (runner.crashed, reporting):
        if done.done():
            done.result()


if __name__ == "__main__":
    uvloop.run(run(*sys.argv[1:]))
