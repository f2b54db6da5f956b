"""Runs a journey's file in this process, as a worker does."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastphx.load.plan.plan import Plan
from fastphx.load.plan.share import Share
from fastphx.load.result.histogram import Histogram
from fastphx.load.worker.journey_runner import JourneyRunner


class Ran:
    """What the lines of a worker come to."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.lines = lines
        self.totals: dict[str, int] = lines[-1]["totals"]
        self.steps: dict[str, dict[str, Any]] = {}
        self.checks: dict[str, list[int]] = {}
        self.reasons: dict[str, dict[str, int]] = {}
        self.failures = [line["why"] for line in lines if line["type"] == "failed"]
        for line in lines:
            for kind, reasons in line.get("reasons", {}).items():
                add(self.reasons.setdefault(kind, {}), reasons)
            for name, step in line.get("steps", {}).items():
                add(self.steps.setdefault(name, {}), step)
            for name, (passed, failed) in line.get("checks", {}).items():
                have = self.checks.setdefault(name, [0, 0])
                have[0] += passed
                have[1] += failed
        self.histograms: dict[str, Histogram] = {}
        for name, exported in lines[-1]["total_histograms"].items():
            self.histograms.setdefault(name, Histogram()).add_export(exported)

    def longest_ns(self) -> dict[str, int]:
        """What the slowest of each step's has taken."""
        longest: dict[str, int] = {}
        for line in self.lines:
            for name, step in line.get("steps", {}).items():
                taken_ns = step.get("histogram", {}).get("max_ns", 0)
                longest[name] = max(longest.get(name, 0), taken_ns)
        return longest

    def check_sums(self) -> None:
        """What holds in every run."""
        t = self.totals
        assert t["arrivals"] == t["visits"] + t["unsent"]
        assert t["visits"] == t["visits_ok"] + t["visits_failed"] + t["visits_cut"]
        assert t["connect_attempts"] == t["connections"] + t["connect_errors"]
        assert t["connections"] == t["disconnects"] + t["closed"]
        assert t["join_attempts"] == t["joins"] + t["join_errors"]
        lost = sum(count for name, count in t.items() if name.startswith("lost_"))
        assert t["pushes"] == t["replies"] + t["error_replies"] + lost
        for name, step in self.steps.items():
            errors = sum(step.get("reasons", {}).values())
            ended = step.get("ok", 0) + errors + step.get("cut", 0)
            assert step.get("attempts", 0) == ended, (name, step)
            assert step.get("histogram", {}).get("count", 0) == step.get("ok", 0), (name, step)


def add(have: dict[str, Any], more: dict[str, Any]) -> None:
    """Sum up two tables of counts; of histograms only the counts."""
    for key, value in more.items():
        if key == "histogram":
            value = {"count": value["count"]}
        if isinstance(value, dict):
            add(have.setdefault(key, {}), value)
        else:
            have[key] = have.get(key, 0) + value


async def run_journey(
    folder: Path,
    script: str,
    url: str,
    *,
    shared: Any = None,
    share: Share | None = None,
    during: Callable[[JourneyRunner], Awaitable[object]] | None = None,
    follows: bool = False,
    **plan: Any,
) -> Ran:
    """Run the *script* with the *plan* against *url*, and *during* it what is given; stop when the schedule
    has ended, or *during* has. Where it *follows*, users come and go as *during* says."""
    file = folder / "shop.py"
    file.write_text(textwrap.dedent(script))
    loop = asyncio.get_running_loop()
    lines: list[dict[str, Any]] = []
    scheduled = asyncio.Event()

    def write(line: dict[str, Any]) -> None:
        lines.append(line)
        if line["type"] in ("scheduled", "failed"):
            scheduled.set()

    mapping = {"scenario": str(file), "url": url, "duration": "20s", **plan}
    runner = JourneyRunner(Plan.from_mapping(mapping), share or Share(), write, shared)
    try:
        runner.connect(0)
        if follows:
            runner.follow()
        else:
            runner.start(time.monotonic_ns())
        if during is not None:
            await during(runner)
        else:
            async with asyncio.timeout(30):
                await scheduled.wait()
        await runner.stop()
        if runner.crashed.done():
            runner.crashed.result()
        lines += runner.last_lines()
    finally:
        loop.set_task_factory(None)
        loop.set_exception_handler(None)
    return Ran(lines)
