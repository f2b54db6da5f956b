"""A worker of ``fastphx load`` in the test's own process."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastphx.load.plan.plan import Plan
from fastphx.load.plan.share import Share
from fastphx.load.worker.runner import Runner
from tests.load.processes import check_identities

START_NS = 50_000_000


async def totals_of(plan: Mapping[str, Any], begin: Callable[[], object] = lambda: None) -> dict[str, int]:
    """Run *plan* from the first connection to the last line, and return its totals, whose sums are exact.
    *begin* is called before anything connects. Raises what has crashed the worker."""
    lines: list[dict[str, Any]] = []
    scheduled = asyncio.Event()

    def write(line: dict[str, Any]) -> None:
        lines.append(line)
        if line["type"] == "scheduled":
            scheduled.set()

    runner = Runner(Plan.from_mapping(plan), Share(), write)
    begin()
    runner.connect(time.monotonic_ns())
    runner.start(time.monotonic_ns() + START_NS)
    waiting = asyncio.ensure_future(scheduled.wait())
    await asyncio.wait((waiting, runner.crashed), return_when="FIRST_COMPLETED")
    waiting.cancel()
    await runner.stop()
    if runner.crashed.done():
        runner.crashed.result()
    *_, last = runner.last_lines()
    totals: dict[str, int] = last["totals"]
    totals["lost"] = sum(totals[name] for name in totals if name.startswith("lost_"))
    check_identities(totals)
    # Its histograms, now and not some time.
    del runner
    gc.collect()
    return totals
