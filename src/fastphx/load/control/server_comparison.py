"""Two servers under the same plan, in turns: the ratio of each figure, with its confidence interval.

One run against one run is noise. A and B are started, loaded and stopped in turns, the order changing with
each round; each round gives one ratio B/A of each figure, and the interval is Student's over their
logarithms.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastphx.errors import FastphxError, clip
from fastphx.load.control.coordinator import Coordinator
from fastphx.load.control.module_process import start_command
from fastphx.load.control.progress import QuietProgress
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.figures import HIGHER_IS_BETTER, LOWER_IS_BETTER, figure_of
from fastphx.load.plan.plan import Plan
from fastphx.operating_system.processes import end_group, session_usage

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
SERVER_FIGURES = ("server.cpu_s", "server.rss_bytes")
# Student's t for 95 %, by degrees of freedom.
_T95 = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.16,
    2.145,
    2.131,
)
_T95_MANY = 2.131


@dataclass(frozen=True, slots=True)
class Ratio:
    """B to A for one figure: the geometric mean over the rounds, and its 95 % interval."""

    figure: str
    a: float
    b: float
    ratio: float
    low: float
    high: float
    is_worse: bool


class ServerCommand:
    """A shell command that serves the plan's URL, in a session of its own."""

    def __init__(self, command: str, plan: Plan) -> None:
        assert plan.url is not None
        parts = urlsplit(plan.url)
        self._command = command
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
        self._process: asyncio.subprocess.Process | None = None

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(self._host, self._port), 1.0)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def start(self) -> None:
        """Start it and wait until it listens. Raises FastphxError if it does not."""
        if await self._listens():
            raise FastphxError(f"something listens on {self._host}:{self._port} already: stop it first")
        self._process = await start_command(self._command, is_silent=True)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if await self._listens():
                return
            if self._process.returncode is not None:
                raise FastphxError(
                    f"the command {clip(self._command)} left with code {self._process.returncode} before it "
                    f"listened on {self._host}:{self._port}"
                )
            await asyncio.sleep(0.1)
        raise FastphxError(
            f"the command {clip(self._command)} did not listen on {self._host}:{self._port} "
            f"within {START_TIMEOUT_S:g}s"
        )

    def usage(self) -> dict[str, float]:
        """Its CPU and memory up to now."""
        assert self._process is not None
        cpu_s, rss_bytes = session_usage(self._process.pid)
        return {"cpu_s": cpu_s, "rss_bytes": float(rss_bytes)}

    async def stop(self) -> None:
        """End its session: SIGTERM first, then SIGKILL if that does not help."""
        process = self._process
        if process is None:
            return
        for at_once in (False, True):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                end_group(process.pid, at_once=at_once)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
            if process.returncode is not None and not await self._listens():
                return


async def run_once(command: str, plan: Plan) -> dict[str, Any]:
    """One server, started, loaded and stopped: its result's mapping with a ``server`` section.

    Raises FastphxError if the server does not start, or the run's outcome is not ok.
    """
    server = ServerCommand(command, plan)
    try:
        await server.start()
        before = server.usage()
        result = await Coordinator(plan, QuietProgress()).run()
        after = server.usage()
    finally:
        await server.stop()
    if result.outcome not in ("ok", "thresholds_failed"):
        raise FastphxError(f"a run against {clip(command)} ended as {result.outcome}: {result.sentences[0]}")
    mapping = result.to_mapping()
    mapping["server"] = {"cpu_s": after["cpu_s"] - before["cpu_s"], "rss_bytes": after["rss_bytes"]}
    return mapping


async def compare_servers(
    a: str, b: str, plan: Plan, repeat: int, tolerance: float, on_round: Callable[[int, str], object]
) -> list[Ratio]:
    """*repeat* rounds of *a* and *b* under *plan*. Raises PlanError and FastphxError."""
    if plan.url is None:
        raise PlanError("the plan needs a url: where both commands serve")
    if not 2 <= repeat <= 100:
        raise PlanError(f"repeat is {repeat}: give 2 to 100")
    runs: dict[str, list[dict[str, Any]]] = {"A": [], "B": []}
    for number in range(repeat):
        for side in ("A", "B") if number % 2 == 0 else ("B", "A"):
            on_round(number + 1, side)
            runs[side].append(await run_once(a if side == "A" else b, plan))
    return ratios(runs["A"], runs["B"], tolerance)


def ratios(a: list[dict[str, Any]], b: list[dict[str, Any]], tolerance: float) -> list[Ratio]:
    """The ratios B/A of the figures that every run has. B is worse if the whole interval lies beyond the
    tolerance. To every count (of what was lost, say) one is added, so that 0 has a ratio too."""
    found = []
    for figure in LOWER_IS_BETTER + HIGHER_IS_BETTER + SERVER_FIGURES:
        values_a, values_b = [_value(run, figure) for run in a], [_value(run, figure) for run in b]
        added = 0 if "." in figure else 1
        if not any(values_a + values_b) or not all(value + added for value in values_a + values_b):
            continue
        logs = [math.log((y + added) / (x + added)) for x, y in zip(values_a, values_b, strict=True)]
        mean = statistics.fmean(logs)
        freedom = len(logs) - 1
        t95 = _T95[freedom - 1] if freedom <= len(_T95) else _T95_MANY
        margin = t95 * statistics.stdev(logs) / math.sqrt(len(logs))
        # A wide interval of few rounds may go beyond what a float holds.
        low, high = (math.exp(max(-700.0, min(700.0, bound))) for bound in (mean - margin, mean + margin))
        is_worse = high < 1 - tolerance if figure in HIGHER_IS_BETTER else low > 1 + tolerance
        a_median, b_median = statistics.median(values_a), statistics.median(values_b)
        found.append(Ratio(figure, a_median, b_median, math.exp(mean), low, high, is_worse))
    return found


def _value(run: Mapping[str, Any], figure: str) -> float:
    if figure in SERVER_FIGURES:
        return float(run["server"][figure.partition(".")[2]])
    return figure_of(run, figure) or 0.0
