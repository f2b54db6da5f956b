"""What all workers counted in one second, merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fastphx.load.plan.figures import (
    GAUGES,
    JOURNEY_GAUGES,
    JOURNEY_SERIES_COUNTS,
    LOST,
    SERIES_COUNTS,
    SERIES_LATENCIES,
    SERIES_PERCENTILES,
)
from fastphx.load.result.histogram import Histogram


class Second:
    """One row of the series."""

    def __init__(self, number: int, *, is_journey: bool = False) -> None:
        self.number = number
        self.counts: Counter[str] = Counter()
        gauges, counts = (JOURNEY_GAUGES, JOURNEY_SERIES_COUNTS) if is_journey else ((), ())
        self.gauges: dict[str, int] = dict.fromkeys((*GAUGES, *gauges), 0)
        self._shown_counts = (*SERIES_COUNTS, *counts)
        self._steps = {"steps_ok": 0, "step_errors": 0} if is_journey else {}
        self.cpu_s = 0.0
        self.workers = 0
        self.histograms: dict[str, Histogram] = {}

    def add(self, line: dict[str, Any]) -> None:
        """Add one worker's stats line."""
        self.counts.update(line["counts"])
        self.workers += line["type"] == "stats"
        if line["type"] in ("stats", "final"):
            for name in self.gauges:
                self.gauges[name] += line[name]
        self.cpu_s += line["cpu_s"]
        for name, exported in line["histograms"].items():
            self.histograms.setdefault(name, Histogram()).add_export(exported)
        self.add_steps(line.get("steps", {}))

    def add_steps(self, steps: Mapping[str, Mapping[str, Any]]) -> None:
        """Add the steps of a line."""
        for step in steps.values():
            self._steps["steps_ok"] += step.get("ok", 0)
            self._steps["step_errors"] += sum(step.get("reasons", {}).values())

    def to_mapping(self) -> dict[str, Any]:
        """The row as JSON values: counts of this second, latencies in seconds."""
        row: dict[str, Any] = {"t": self.number + 1, **self.gauges, "cpu_s": round(self.cpu_s, 6)}
        row |= {name: self.counts[name] for name in self._shown_counts} | self._steps
        row["lost"] = sum(self.counts[name] for name in LOST)
        for name in SERIES_LATENCIES:
            histogram = self.histograms.get(name)
            if histogram is not None and histogram.count:
                row[name] = {
                    key: histogram.percentile_ns(level) / 1e9 for key, level in SERIES_PERCENTILES.items()
                }
        return row
