"""The report: one HTML file that needs nothing else, with its charts' library inside."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from fastphx.load.hdr import to_hdr
from fastphx.load.histogram import Histogram
from fastphx.load.report.figures import count, per_second, seconds, size
from fastphx.load.report.terminal import TITLES
from fastphx.load.result import LATENCIES, Result

TICKS_PER_HALF_DISTANCE = 5
COLUMNS = (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9"), ("max", "max"))


def write_html(result: Result, mapping: Mapping[str, Any], path: Path) -> None:
    """Write the report. Raises OSError."""
    page = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    data = {
        "series": mapping["series"],
        "distributions": {
            TITLES[name]: distribution(result.histograms[name])
            for name in LATENCIES
            if result.histograms.get(name, Histogram()).count
        },
    }
    parts = {
        "TITLE": escape(f"fastphx load: {mapping['plan']['scenario']}"),
        "OUTCOME": escape(mapping["outcome"]),
        "SENTENCES": "".join(f"<p>{escape(sentence)}</p>" for sentence in mapping["sentences"]),
        "TILES": _tiles(mapping),
        "LATENCIES": _latencies(mapping),
        "TOTALS": _rows((name.replace("_", " "), count(value)) for name, value in mapping["totals"].items()),
        "THRESHOLDS": _thresholds(mapping),
        "REASONS": _reasons(mapping),
        "PLAN": _rows((name, _plan_value(value)) for name, value in mapping["plan"].items()),
        # A "</script>" in the data would end the script.
        "DATA": orjson.dumps(data).decode().replace("</", "<\\/"),
        "PLOTLY": get_plotlyjs(),
    }
    for name, text in parts.items():
        page = page.replace(f"@@{name}@@", text)
    path.write_text(page, encoding="utf-8")


def distribution(histogram: Histogram) -> list[list[float]]:
    """Points of HdrHistogram's axis: 1/(1 - percentile), and the value in milliseconds."""
    points = []
    for step in to_hdr(histogram).get_percentile_iterator(TICKS_PER_HALF_DISTANCE):
        level = step.percentile_level_iterated_to
        if level < 100:
            points.append([1 / (1 - level / 100), step.value_iterated_to / 1e6])
    points.append([max(10.0, float(histogram.count)), histogram.max_ns / 1e6])
    return points


def _tiles(mapping: Mapping[str, Any]) -> str:
    totals, throughput, client = mapping["totals"], mapping["throughput"], mapping["client"]
    tiles = [("connections", count(totals["connections"]))]
    for name in ("rtt", "delivery", "rejoin", "connect"):
        if mapping["latency"][name]["count"]:
            tiles.append((f"{TITLES[name]} p99", seconds(mapping["latency"][name]["p99"])))
            break
    if totals["casts"]:
        tiles.append(
            ("received of expected", f"{_percent(totals['deliveries'], totals['expected_deliveries'])}")
        )
        tiles.append(("deliveries", per_second(throughput["deliveries_per_s"])))
    else:
        tiles.append(("replies", per_second(throughput["replies_per_s"])))
        tiles.append(("lost", count(totals["lost"])))
    tiles.append(("disconnects", count(totals["disconnects"])))
    tiles.append(("memory a socket", size(client["rss_bytes_per_connection"])))
    return "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in tiles)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _latencies(mapping: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{title}</th>" for _, title in COLUMNS)
    rows = "".join(
        f"<tr><th>{escape(TITLES[name])}</th><td>{count(figures['count'])}</td>"
        + "".join(f"<td>{seconds(figures[key])}</td>" for key, _ in COLUMNS)
        + "</tr>"
        for name, figures in mapping["latency"].items()
        if figures["count"]
    )
    return f"<table class=wide><tr><th></th><th>count</th>{head}</tr>{rows}</table>"


def _thresholds(mapping: Mapping[str, Any]) -> str:
    if not mapping["thresholds"]:
        return "<p class=quiet>None were asked for.</p>"
    rows = "".join(
        f"<tr class={'held' if each['ok'] else 'failed'}><th>{escape(each['expr'])}</th>"
        f"<td>{'-' if each['value'] is None else format(each['value'], '.6g')}</td>"
        f"<td>{'held' if each['ok'] else 'failed'}</td></tr>"
        for each in mapping["thresholds"]
    )
    return f"<table>{rows}</table>"


def _reasons(mapping: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{escape(kind)}</th><td>{escape(reason)}</td><td>{count(number)}</td></tr>"
        for kind, reasons in mapping["reasons"].items()
        for reason, number in reasons.items()
    )
    return f"<table>{rows}</table>" if rows else "<p class=quiet>Nothing failed.</p>"


def _rows(pairs: Any) -> str:
    return (
        "<table>"
        + "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in pairs)
        + "</table>"
    )


def _plan_value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join("=".join(item) if isinstance(item, list) else str(item) for item in value)
    return "" if value is None else str(value)
