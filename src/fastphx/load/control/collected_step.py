"""What the workers tell of one step of a search for a limit, while it goes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastphx.load.control.step_verdict import main_latency
from fastphx.load.plan.plan import Plan
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.result import Result

PARTS = 3
"""Of a step; the first is discarded."""


class CollectedStep:
    """What the workers tell of one step, while it goes."""

    def __init__(self, plan: Plan, has_opening: bool) -> None:
        self.result = Result(plan)
        self.thirds = [Histogram() for _ in range(PARTS)]
        self.gauges: Counter[str] = Counter()
        """How things stood when it was over."""
        self.run_s = 0.0
        self._latency = main_latency(plan)
        self._has_opening = has_opening
        self._part: Counter[int] = Counter()

    def add(self, worker: int, line: dict[str, Any]) -> None:
        """Add one line of a worker, which are in the order of its parts."""
        kind = line["type"]
        if kind == "scheduled":
            self.result.add_scheduled(line)
            self.run_s = max(self.run_s, line["run_s"])
        if kind not in ("ready", "stats", "part", "stepped"):
            return
        part = self._part[worker]
        if part == 0:
            if self._has_opening:
                self.result.add_line(line, 0)
        else:
            exported = line["histograms"].get(self._latency)
            if exported is not None:
                self.thirds[min(part, PARTS) - 1].add_export(exported)
            # What breaks a step breaks it from its beginning on; what its first part has timed is discarded.
            self.result.add_line(line if part > 1 else {**line, "histograms": {}}, 0)
        if kind == "part":
            self._part[worker] += 1
        elif kind == "stepped":
            self.gauges.update(
                {name: line.get(name, 0) for name in ("connected", "joined", "in_flight", "visiting")}
            )
