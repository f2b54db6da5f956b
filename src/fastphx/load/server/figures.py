"""The server's figures of a run: what was read of its processes and of its page, by the second and in all."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fastphx.load.plan.figures import SERVER_QUANTILES
from fastphx.load.server.interval import Buckets, Interval, Value

THROTTLED = 0.01
"""From this part of the time on it is told that the control group held the server back."""


@dataclass(frozen=True, slots=True)
class ProcessReading:
    """The server's processes at one time."""

    at_ns: int
    cpu_s: float
    """Of all of them, and of those that have exited, since they are watched."""
    cores: float
    """That they may use: by their affinity, and by their control group's limit."""
    is_limited: bool
    """The control group's limit is the tighter one."""
    rss_bytes: int
    threads: int
    open_files: int | None
    """None where this user may not see them."""
    throttled_s: float | None
    """How long the control group was held back until now; None where it has no limit."""


@dataclass(slots=True)
class ServerFigures:
    """Read by `control.server_watch`. Times are seconds since the first connection was due."""

    readings: list[tuple[float, ProcessReading]] = field(default_factory=list)
    intervals: list[Interval] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)
    """A row a second."""
    gone_s: float | None = None
    """Since when none of the processes is left."""
    absences: list[tuple[float, float]] = field(default_factory=list)
    """From when to when none was, and then one again."""
    failures: Counter[str] = field(default_factory=Counter)
    """Readings of the page that failed, by reason."""
    ended_early: list[tuple[float, str]] = field(default_factory=list)
    """When a part of the watching has ended before the run, and why."""
    missing: set[str] = field(default_factory=set)
    """Metrics that are asked for and were not on the page."""
    left_out: int = 0
    """The most samples of one page beyond the bounds."""
    is_scraped: bool = False
    zero_ns: int = 0
    """``time.monotonic_ns`` when the first connection was due."""
    run_from_s: float | None = None
    run_to_s: float | None = None
    """Between them the schedule ran."""
    _rows: tuple[int, int, float | None] = (0, 0, None)
    """The readings and intervals that rows have been made of, and the last interval's time."""

    @property
    def is_watched(self) -> bool:
        return bool(self.readings or self.is_scraped)

    def add_row(self, t: float) -> dict[str, Any]:
        """Make the row that ends at *t* of what was read since the one before it."""
        readings_before, intervals_before, last_s = self._rows
        row: dict[str, Any] = {"t": round(t, 3)}
        if len(self.readings) > readings_before:
            (at_s, reading), since = self.readings[-1], self.readings[max(0, readings_before - 1)]
            if at_s > since[0]:
                row["cores_used"] = round((reading.cpu_s - since[1].cpu_s) / (at_s - since[0]), 4)
            row |= {"rss_bytes": reading.rss_bytes, "threads": reading.threads}
            if reading.open_files is not None:
                row["open_files"] = reading.open_files
            if reading.throttled_s is not None and since[1].throttled_s is not None:
                row["throttled_s"] = round(max(0.0, reading.throttled_s - since[1].throttled_s), 6)
        values: dict[str, Value] = {}
        for interval in self.intervals[intervals_before:]:
            values |= interval.values
            last_s = interval.at_s
            row["scrape_s"] = round(interval.scrape_s, 6)
            row["restarted"] = row.get("restarted", False) or bool(interval.restarted)
        if self.is_scraped:
            row["metrics"] = {name: _shown(value) for name, value in values.items()}
            row["age_s"] = None if last_s is None else round(max(0.0, t - last_s), 3)
        self._rows = (len(self.readings), len(self.intervals), last_s)
        self.series.append(row)
        return row

    def between(self, from_ns: int, to_ns: int) -> ServerFigures:
        """The same, seen as if the schedule had run from one time of ``time.monotonic_ns`` to another."""
        return replace(
            self,
            run_from_s=(from_ns - self.zero_ns) / 1e9,
            run_to_s=(to_ns - self.zero_ns) / 1e9,
        )

    def to_mapping(self, from_s: float | None = None, to_s: float | None = None) -> dict[str, Any]:
        """What it came to from one time to another; where they are not given, while the schedule ran, or at
        all where it did not."""
        begin = self.run_from_s if from_s is None else from_s
        end = self.run_to_s if to_s is None else to_s
        begin, end = 0.0 if begin is None else begin, float("inf") if end is None else end
        mapping: dict[str, Any] = {}
        if self.readings:
            mapping["process"] = self._process(begin, end)
        if self.is_scraped:
            mapping["metrics"] = dict(self._metrics(begin, end))
            mapping["page"] = {
                "readings": len(self.intervals),
                "failures": dict(self.failures.most_common()),
                "restarts": sum(bool(each.restarted) for each in self.intervals),
                "scrape_max_s": max((each.scrape_s for each in self.intervals), default=0.0),
            }
        return mapping

    def _process(self, begin: float, end: float) -> dict[str, Any]:
        times = [at_s for at_s, _ in self.readings]
        first = max(0, bisect_right(times, begin) - 1)
        chosen = self.readings[first : max(first + 2, bisect_right(times, end))]
        (from_s, before), (to_s, last) = chosen[0], chosen[-1]
        length_s, cpu_s = to_s - from_s, last.cpu_s - before.cpu_s
        rows = [row.get("cores_used", 0.0) for row in self.series if begin < row["t"] <= end]
        used = cpu_s / length_s if length_s > 0 else 0.0
        figures: dict[str, Any] = {
            "cpu": used / last.cores,
            "cpu_max": max(*rows, used, used) / last.cores,
            "cores": last.cores,
            "cores_used": used,
            "cpu_s": cpu_s,
            "rss_bytes": last.rss_bytes,
            "rss_bytes_max": max(each.rss_bytes for _, each in chosen),
            "threads_max": max(each.threads for _, each in chosen),
        }
        files = [each.open_files for _, each in chosen if each.open_files is not None]
        if files:
            figures["open_files_max"] = max(files)
        if last.throttled_s is not None and before.throttled_s is not None and length_s > 0:
            figures["throttled_s"] = max(0.0, last.throttled_s - before.throttled_s)
        return figures

    def _metrics(self, begin: float, end: float) -> Iterator[tuple[str, dict[str, Any]]]:
        chosen = [each for each in self.intervals if begin < each.at_s <= end + 1.0] or self.intervals[-1:]
        kinds = {name: kind for each in chosen for name, kind in each.kinds.items()}
        for name, kind in kinds.items():
            values = [each.values[name] for each in chosen if name in each.values]
            if kind == "histogram":
                together = Buckets.together([value for value in values if isinstance(value, Buckets)])
                yield name, {"kind": kind, **_quantiles(together)}
                continue
            numbers = [value for value in values if not isinstance(value, Buckets)]
            figures: dict[str, Any] = {"kind": kind}
            if numbers:
                figures |= {
                    "min": min(numbers),
                    "mean": sum(numbers) / len(numbers),
                    "max": max(numbers),
                    "last": numbers[-1],
                }
            if kind == "counter" and numbers:
                lengths_s = sum(each.length_s for each in chosen if name in each.increases)
                figures["count"] = sum(each.increases.get(name, 0.0) for each in chosen)
                figures["rate"] = figures["count"] / lengths_s
            yield name, figures

    @property
    def notes(self) -> list[str]:
        """What a reader should know of the server, a sentence each. What it used says nothing of how full it
        was: the BEAM's schedulers wait busily."""
        notes = []
        if len(self.readings) > 1:
            process = self.to_mapping()["process"]
            limit = " (its control group's limit)" if self.readings[-1][1].is_limited else ""
            notes.append(f"the server used {process['cores_used']:.2f} of {process['cores']:g} cores{limit}")
            throttled_s, cores = process.get("throttled_s", 0.0), process["cores_used"]
            if cores and throttled_s > THROTTLED * (process["cpu_s"] / cores):
                notes.append(f"its CPU limit held the server's control group back for {throttled_s:.3g}s")
        for at_s, why in self.ended_early:
            notes.append(f"the server was not watched as asked from second {at_s:.0f} on: {why}")
        if self.absences:
            (from_s, to_s), number = self.absences[0], len(self.absences)
            more = f", and {number - 1} more times" if number > 1 else ""
            notes.append(f"the server's process was gone from second {from_s:.0f} to {to_s:.0f}{more}")
        if self.gone_s is not None:
            notes.append(f"the server's process was gone from second {self.gone_s:.0f} on")
        if self.failures:
            number = self.failures.total()
            notes.append(
                f"the metrics page could not be read {number:,} of {number + len(self.intervals):,} times: "
                f"{self.failures.most_common(1)[0][0]}"
            )
        restarts = [each.at_s for each in self.intervals if each.restarted]
        if restarts:
            times = f"{len(restarts)} times, first" if len(restarts) > 1 else "once,"
            notes.append(f"counters of the metrics page fell {times} at second {restarts[0]:.0f}: a restart")
        if self.missing and self.intervals:
            notes.append(f"the metrics page has no {', '.join(sorted(self.missing))}")
        if self.left_out:
            notes.append(f"{self.left_out:,} samples of the metrics page are beyond the bound and left out")
        return notes

    def why_no_value(self, name: str) -> str:
        """Why a threshold on the metric *name* has nothing to look at."""
        if not self.intervals:
            why = self.failures.most_common(1)
            return f"the metrics page could not be read{f': {why[0][0]}' if why else ''}"
        return "the metrics page has none" if name in self.missing else "it has no such figure"


def _quantiles(buckets: Buckets) -> dict[str, Any]:
    figures: dict[str, Any] = {"count": buckets.count}
    if buckets.count:
        figures["mean"] = buckets.mean
        for name, part in SERVER_QUANTILES.items():
            figures[name], figures[f"{name}_width"] = buckets.quantile(part)
    return figures


def _shown(value: Value) -> float | Mapping[str, Any]:
    return _quantiles(value) if isinstance(value, Buckets) else value
