"""The charts of a page's document."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastphx.foreign_text import visible
from fastphx.load.plan.figures import LATENCIES, LIMIT_TITLES, SERVER_QUANTILES
from fastphx.load.plan.units import seconds
from fastphx.load.report.limit import OUTCOMES, load_cell
from fastphx.load.report.page_parts import Section, chart_section, text_part
from fastphx.load.report.readable import per_second
from fastphx.load.result.abstract_histogram import AbstractHistogram
from fastphx.load.result.hdr import decode

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

MAX_POINTS = 1000
"""Of one line. Of more rows each two points are the least and the greatest of a stretch of them."""
MAX_METRIC_CHARTS = 16
TICKS_PER_HALF_DISTANCE = 5
DIGITS = 4
"""Significant ones, of a value that is no count."""
UNITS = (
    ("_bytes", "bytes", 1.0),
    ("_milliseconds", "s", 1e-3),
    ("_microseconds", "s", 1e-6),
    ("_seconds", "s", 1.0),
)
"""Of a metric: what its name has, the unit, and the scale to it."""

Row = Mapping[str, Any]
Pick = Callable[[Row], "float | None"]


def run_charts(mapping: Mapping[str, Any]) -> list[Section]:
    """What the client and the server did by the second, and the latencies by percentile."""
    return [*_client_charts(mapping), *_server_charts(mapping)]


def limit_charts(mapping: Mapping[str, Any]) -> list[Section]:
    """Throughput and latency over the load of the steps of a search for a limit; nothing where there are
    fewer than two loads. The lines go through the mean of each load, each step is a dot."""
    limit = mapping.get("limit", {"steps": ()})
    steps = [step for step in limit["steps"] if step["p99_s"]]
    loads = sorted({step["load"] for step in steps})
    if len(loads) < 2:
        return []
    x_axis = {"kind": "number", "title": LIMIT_TITLES[limit["figure"]]}
    latency = LATENCIES[steps[0]["latency"]]

    def line(name: str, key: str, said: Callable[[float], str]) -> dict[str, Any]:
        values = [[step[key] for step in steps if step["load"] == load] for load in loads]
        return {
            "name": name,
            "y": [_rounded(sum(each) / len(each)) for each in values],
            "dots": [
                [
                    step["load"],
                    _rounded(step[key]),
                    step["outcome"] == "held",
                    _told(limit, step, said(step[key])),
                ]
                for step in steps
            ],
        }

    answered = line("answered", "throughput_per_s", per_second)
    p99 = line(f"{latency} p99", "p99_s", seconds)
    return [
        chart_section(
            "limit-throughput", f"Answered a second, by {x_axis['title']}", x_axis, {}, loads, [answered]
        ),
        chart_section(
            "limit-latency",
            f"{latency} p99, by {x_axis['title']}",
            x_axis,
            {"unit": "s", "log": True},
            loads,
            [p99],
        ),
    ]


def _told(limit: Mapping[str, Any], step: Row, value: str) -> str:
    return f"{load_cell(limit, step['load'])} {OUTCOMES[step['outcome']]}: {value}"


def _client_charts(mapping: Mapping[str, Any]) -> list[Section]:
    is_journey = "visits" in mapping
    counts: list[tuple[str, Pick]] = [
        ("pushes", lambda row: row["pushes"] + row["casts"]),
        *_counts("replies", "deliveries", "joins"),
    ]
    errors = _counts("connect_errors", "disconnects", "join_errors", "error_replies", "lost", "unsent")
    standing = _counts("connected", "joined")
    if is_journey:
        counts = _counts("visits", "steps_ok", "step_errors")
        errors += _counts("visits_failed", "step_errors")
        standing += _counts("visiting")
    main = _main_latency(mapping)
    levels: list[tuple[str, Pick]] = [
        (f"{LATENCIES[main]} {level}", _level(main, level)) for level in ("p50", "p99", "max")
    ]
    if main in ("rtt", "visit"):
        levels.append(("uncorrected p99", _level(f"{main}_uncorrected", "p99")))
    of = _Rows(mapping["series"])
    return [
        of.chart("rate", f"{'Visits and steps' if is_journey else 'Messages'} a second", {}, counts),
        of.chart("latency-series", "Latency over time", {"unit": "s"}, levels),
        *_distribution(mapping),
        of.chart("connections", "Connections", {}, standing),
        of.chart("errors", "Errors a second", {}, errors),
        of.chart("cpu", "Client: CPU", {"title": "cores"}, [("cores", lambda row: row["cpu_s"])]),
        of.chart("memory", "Client: memory", {"unit": "bytes"}, [("RSS", lambda row: row["rss_bytes"])]),
        of.chart(
            "lag",
            "Client: schedule and loop lag",
            {"unit": "s"},
            [("schedule p99", _level("schedule_lag", "p99")), ("loop max", _level("loop_lag", "max"))],
        ),
    ]


def _main_latency(mapping: Mapping[str, Any]) -> str:
    names = ("visit", "rtt", "delivery", "rejoin", "join", "connect")
    return next((name for name in names if mapping["latency"].get(name, {}).get("count")), "rtt")


def _server_charts(mapping: Mapping[str, Any]) -> list[Section]:
    """Where the server is watched. What could not be read is a gap."""
    server = mapping.get("server", {})
    of = _Rows(server.get("series", []))
    charts = []
    if "process" in server:
        cores: list[tuple[str, Pick]] = [("cores", lambda row: row.get("cores_used"))]
        charts.append(of.chart("server-cpu", "Server: CPU", {"title": "cores"}, cores))
        rss: list[tuple[str, Pick]] = [("RSS", lambda row: row.get("rss_bytes"))]
        charts.append(of.chart("server-memory", "Server: memory", {"unit": "bytes"}, rss))
    metrics = server.get("metrics", {})
    seen = [name for name, figures in metrics.items() if figures.get("mean") is not None]
    for number, name in enumerate(seen[:MAX_METRIC_CHARTS]):
        unit, scale = _unit_of(name) if metrics[name]["kind"] != "counter" else ("", 1.0)
        levels = SERVER_QUANTILES if metrics[name]["kind"] == "histogram" else ("",)
        lines: list[tuple[str, Pick]] = [(level or "value", _metric(name, level, scale)) for level in levels]
        axis = {"unit": unit, "title": "a second" if metrics[name]["kind"] == "counter" else ""}
        charts.append(of.chart(f"server-metric-{number}", f"Server: {visible(name)}", axis, lines))
    return charts


def _unit_of(name: str) -> tuple[str, float]:
    return next(((unit, scale) for part, unit, scale in UNITS if part in name), ("", 1.0))


def _metric(name: str, level: str, scale: float) -> Pick:
    def pick(row: Row) -> float | None:
        value = row.get("metrics", {}).get(name)
        value = value.get(level) if isinstance(value, Mapping) else value
        return None if value is None else value * scale

    return pick


def _counts(*names: str) -> list[tuple[str, Pick]]:
    return [(name.replace("_", " "), lambda row, name=name: row.get(name)) for name in names]  # type: ignore[misc]


def _level(name: str, level: str) -> Pick:
    return lambda row: row.get(name, {}).get(level)


class _Rows:
    """Charts of a series, a row a second."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._marks = [row["t"] for row in rows if row.get("restarted")]

    def chart(
        self, key: str, title: str, y_axis: Mapping[str, Any], picks: Iterable[tuple[str, Pick]]
    ) -> Section:
        time: list[float] = [row["t"] for row in self._rows]
        values = {name: [_rounded(pick(row)) for row in self._rows] for name, pick in picks}
        x, thinned = _thinned(time, values)
        lines = [{"name": name, "y": y} for name, y in thinned.items()]
        section = chart_section(key, title, {"kind": "time"}, y_axis, x, lines, self._marks)
        if len(x) < len(time):
            stretch_s = seconds(2 * _stretch(len(time)))
            text = f"Of each {stretch_s} the least and the greatest is shown."
            section["parts"].append(text_part(text))
        return section


def _stretch(rows: int) -> int:
    """Rows that one of `MAX_POINTS` stands for."""
    return math.ceil(rows / MAX_POINTS)


def _thinned(
    x: list[float], lines: Mapping[str, list[float | None]]
) -> tuple[list[float], dict[str, list[float | None]]]:
    """At most `MAX_POINTS` points. Of each stretch the least and the greatest value of each line is kept, in
    their order: no peak and no dip is lost."""
    if len(x) <= MAX_POINTS:
        return x, dict(lines)
    length = 2 * _stretch(len(x))
    starts = range(0, len(x), length)
    times = [x[at] for start in starts for at in (start, min(start + length, len(x)) - 1)]
    return times, {
        name: [value for start in starts for value in _extremes(y[start : start + length])]
        for name, y in lines.items()
    }


def _extremes(values: list[float | None]) -> tuple[float | None, float | None]:
    known = [(value, at) for at, value in enumerate(values) if value is not None]
    if not known:
        return None, None
    low, high = min(known), max(known)
    return (low[0], high[0]) if low[1] <= high[1] else (high[0], low[0])


def _rounded(value: float | None) -> float | None:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) and math.isfinite(value) else value


def _distribution(mapping: Mapping[str, Any]) -> list[Section]:
    """Of kept histograms; or of ``percentiles``, where a run that goes on has told those (`percentiles`)."""
    points = mapping.get("percentiles")
    if points is None:
        if "histograms" not in mapping:
            return []
        points = {
            name: _percentiles(decode(text, mapping["latency"][name]))
            for name, text in mapping["histograms"].items()
        }
    lines = [{"name": title, **points[name]} for name, title in LATENCIES.items() if name in points]
    x_axis = {"kind": "percentile"}
    return [chart_section("distribution", "Latency by percentile", x_axis, {"unit": "s"}, [], lines)]


def _percentiles(histogram: HdrHistogram) -> dict[str, list[float | None]]:
    """Points of HdrHistogram's axis: 1/(1 - percentile), and the value in seconds."""
    last, greatest = max(10.0, float(histogram.get_total_count())), histogram.get_max_value()
    points = [
        (1 / (1 - step.percentile_level_iterated_to / 100), min(step.value_iterated_to, greatest))
        for step in histogram.get_percentile_iterator(TICKS_PER_HALF_DISTANCE)
        if step.percentile_level_iterated_to < 100
    ]
    # Beyond the last value there is none.
    return _points([(at, value) for at, value in points if at < last] + [(last, greatest)])


def percentiles(histogram: AbstractHistogram) -> dict[str, list[float | None]]:
    """The same of a histogram that is still counted, in a tenth of the time: its levels are the ticks
    themselves, whether a value is counted there or not."""
    last, points, at = max(10.0, float(histogram.count)), [], 1.0
    while at < last:
        level = 100 - 100 / at
        points.append((at, histogram.percentile_ns(level)))
        at = 1 / (1 - (level + 50 / (TICKS_PER_HALF_DISTANCE * at)) / 100)
    return _points([*points, (last, histogram.max_ns)])


def _points(points: list[tuple[float, float]]) -> dict[str, list[float | None]]:
    return {"x": [_rounded(at) for at, _ in points], "y": [_rounded(value / 1e9) for _, value in points]}
