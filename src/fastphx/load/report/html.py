"""The report: one HTML file that needs nothing else, with its charts' library inside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from fastphx.foreign_text import MAX_SENTENCE_CHARS, html_text
from fastphx.load.plan.figures import LATENCIES, LATENCY_COLUMNS
from fastphx.load.plan.threshold import Threshold
from fastphx.load.report.journey import (
    CHECK_COLUMNS,
    MAX_ROWS_SHOWN,
    STEP_COLUMNS,
    check_cells,
    percent,
    reasons_of,
    step_cells,
    sums,
)
from fastphx.load.report.limit import MAX_WHY_CHARS, curve, step_rows, titles
from fastphx.load.report.readable import OWN_LAG, count, latency, per_second, seconds, shown, size
from fastphx.load.report.server import metric_rows, page_text, process_rows
from fastphx.load.result.hdr import decode

TICKS_PER_HALF_DISTANCE = 5
MAX_REASONS_CHARS = 700
MAX_METRIC_CHARTS = 16


def write_html(mapping: Mapping[str, Any], path: Path) -> None:
    """Write the report. Raises OSError."""
    page = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    data = {
        "series": mapping["series"],
        "server": mapping.get("server", {}).get("series", []),
        "metrics": _charted(mapping),
        "distributions": {
            title: distribution(decode(mapping["histograms"][name], mapping["latency"][name]))
            for name, title in LATENCIES.items()
            if name in mapping.get("histograms", {})
        },
    }
    parts = {
        "TITLE": html_text(f"fastphx load: {mapping['plan']['scenario']}"),
        "OUTCOME": html_text(mapping["outcome"]),
        "BADGE": html_text(mapping["outcome"].replace("_", " ")),
        "SENTENCES": "".join(
            f"<p>{html_text(sentence, MAX_SENTENCE_CHARS)}</p>" for sentence in mapping["sentences"]
        )
        + "".join(
            f"<p class=quiet>note: {html_text(note, MAX_SENTENCE_CHARS)}</p>" for note in mapping["notes"]
        ),
        "RATE": "Visits and steps" if "visits" in mapping else "Messages",
        "TILES": _tiles(mapping),
        "LATENCIES": _latencies(mapping),
        "LIMIT": _limit(mapping),
        "JOURNEY": _journey(mapping),
        "SERVER": _server(mapping),
        "SERVERCHARTS": _server_charts(mapping),
        "TOTALS": _rows((name.replace("_", " "), count(value)) for name, value in mapping["totals"].items()),
        "SCENARIO": _storm(mapping) + _pushed_events(mapping) + _topics(mapping) + _events(mapping),
        "THRESHOLDS": _thresholds(mapping),
        "REASONS": _reasons(mapping),
        "PLAN": _rows(
            (name, text) for name, value in mapping["plan"].items() if (text := _plan_value(value))
        ),
        # A "</script>" in the data would end the script, and a "<!--" take its end away.
        "DATA": orjson.dumps(data).decode().replace("<", "\\u003c"),
        "PLOTLY": get_plotlyjs(),
    }
    # In one pass: what is put in for one mark may look like another.
    page = re.sub("@@([A-Z]+)@@", lambda mark: parts[mark[1]], page)
    path.write_text(page, encoding="utf-8")


def distribution(histogram: HdrHistogram) -> list[list[float]]:
    """Points of HdrHistogram's axis: 1/(1 - percentile), and the value in milliseconds."""
    points = []
    for step in histogram.get_percentile_iterator(TICKS_PER_HALF_DISTANCE):
        level = step.percentile_level_iterated_to
        if level < 100:
            points.append([1 / (1 - level / 100), step.value_iterated_to / 1e6])
    points.append([max(10.0, float(histogram.total_count)), histogram.max_value / 1e6])
    return points


def _tiles(mapping: Mapping[str, Any]) -> str:
    if "visits" in mapping:
        return _shown_tiles(_journey_tiles(mapping))
    totals, throughput, client = mapping["totals"], mapping["throughput"], mapping["client"]
    tiles = [("connections", count(totals["connections"]))]
    for name in ("rtt", "delivery", "rejoin", "connect"):
        if mapping["latency"][name]["count"]:
            tiles.append((f"{LATENCIES[name]} p99", seconds(mapping["latency"][name]["p99"])))
            break
    if totals["casts"]:
        expected = totals["expected_deliveries"]
        received = percent(totals["deliveries"] / expected) if expected else "-"
        tiles.append(("received of expected", received))
        tiles.append(("deliveries", per_second(throughput["deliveries_per_s"])))
    else:
        tiles.append(("replies", per_second(throughput["replies_per_s"])))
        tiles.append(("lost", count(totals["lost"])))
    tiles.append(("disconnects", count(totals["disconnects"])))
    tiles.append(("memory a socket", size(client["rss_bytes_per_connection"])))
    return _shown_tiles(tiles)


def _journey_tiles(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    visits, checks = mapping["visits"], mapping["checks"].values()
    tiles = [
        ("visits ok", count(visits["ok"])),
        ("visits", per_second(mapping["throughput"]["visits_per_s"])),
        ("visit p99", seconds(mapping["latency"]["visit"].get("p99"))),
        ("visits failed", count(visits["failed"])),
        ("visits unsent", count(visits["unsent"])),
        ("step errors", count(sum(step["errors"] for step in mapping["steps"].values()))),
    ]
    if checks:
        passed, failed = (sum(check[name] for check in checks) for name in ("passed", "failed"))
        tiles.append(("checks passed", percent(passed / (passed + failed)) if passed + failed else "-"))
    return tiles


def _shown_tiles(tiles: list[tuple[str, str]]) -> str:
    return "".join(
        f"<div><b>{html_text(value)}</b><span>{html_text(name)}</span></div>" for name, value in tiles
    )


def _latencies(mapping: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{title}</th>" for title in LATENCY_COLUMNS.values())
    rows = "".join(
        f"<tr><th>{html_text(LATENCIES[name])}</th><td>{count(figures['count'])}</td>"
        + "".join(_cell(latency(mapping, name, key)) for key in LATENCY_COLUMNS)
        + "</tr>"
        for name, figures in mapping["latency"].items()
        if figures["count"]
    )
    return f"<table class=wide><tr><th></th><th>count</th>{head}</tr>{rows}</table>"


def _limit(mapping: Mapping[str, Any]) -> str:
    if "limit" not in mapping:
        return ""
    limit = mapping["limit"]
    said = "".join(f"<p>{html_text(each, MAX_SENTENCE_CHARS)}</p>" for each in limit["sentences"])
    head = "".join(f"<th>{html_text(title)}</th>" for title in titles(limit)[1:])
    body = "".join(
        f"<tr class={'held' if cells[1] == 'held' else 'broke'}><th>{html_text(shown)}</th>"
        + "".join(f"<td>{html_text(cell, MAX_WHY_CHARS)}</td>" for cell in cells)
        + "</tr>"
        for shown, cells in step_rows(limit)
    )
    load = html_text(titles(limit)[0])
    table = f"<table class=steps><tr><th>{load}</th>{head}</tr>{body}</table>"
    return f'<section><h2>Limit</h2>{said}<div class="scroll">{curve(limit)}{table}</div></section>'


def _journey(mapping: Mapping[str, Any]) -> str:
    if "visits" not in mapping:
        return ""
    steps, checks = mapping["steps"], mapping["checks"]
    why = [(name, reasons_of(step), count(step["errors"])) for name, step in steps.items() if step["errors"]]
    reasons = "".join(
        f"<tr><th>{html_text(name)}</th><td>{html_text(reasons, MAX_REASONS_CHARS)}</td>"
        f"<td>{number}</td></tr>"
        for name, reasons, number in why[:MAX_ROWS_SHOWN]
    )
    totals = "".join(f"<p class=quiet>{html_text(line)}</p>" for line in sums(mapping))
    return (
        _wide("Steps", STEP_COLUMNS, {name: step_cells(mapping, name) for name in steps})
        + (_section("Steps that failed", f"<table class=why>{reasons}</table>") if why else "")
        + _wide("Checks", CHECK_COLUMNS, {name: check_cells(check) for name, check in checks.items()})
        + _section("Sums", totals)
    )


def _server(mapping: Mapping[str, Any]) -> str:
    """The server's own figures."""
    rows = {title: f"{value} {more}" for title, value, more in process_rows(mapping)}
    rows |= metric_rows(mapping)
    body = "".join(
        f"<tr><th>{html_text(name)}</th><td>{html_text(cell)}</td></tr>" for name, cell in rows.items()
    )
    text = page_text(mapping)
    below = f"<p class=quiet>{html_text(text)}</p>" if text else ""
    return _section("Server", f"<table class=why>{body}</table>{below}") if rows or below else ""


def _charted(mapping: Mapping[str, Any]) -> list[str]:
    """The metrics of the server's page that have a chart."""
    metrics = mapping.get("server", {}).get("metrics", {})
    seen = [name for name, figures in metrics.items() if figures.get("mean") is not None]
    return seen[:MAX_METRIC_CHARTS]


def _server_charts(mapping: Mapping[str, Any]) -> str:
    server = mapping.get("server", {})
    titles = {"server-cpu": "Server: CPU", "server-memory": "Server: memory"} if "process" in server else {}
    titles |= {f"server-metric-{number}": f"Server: {name}" for number, name in enumerate(_charted(mapping))}
    return "".join(
        f'<section><h2>{html_text(title)}</h2><div class="chart" id="{name}"></div></section>'
        for name, title in titles.items()
    )


def _storm(mapping: Mapping[str, Any]) -> str:
    if "storm" not in mapping:
        return ""
    storm = mapping["storm"]
    pairs = [("rejoined", count(storm["rejoined"]))]
    pairs += [(f"{share} % rejoined after", seconds(storm[f"rejoined_{share}_s"])) for share in (50, 99, 100)]
    pairs += [
        ("attempts", count(storm["attempts"])),
        (
            "90 % of the attempts from, to",
            f"{seconds(storm['attempt_p5_s'])}, {seconds(storm['attempt_p95_s'])}",
        ),
        ("peak of the herd", per_second(storm["peak_attempts_per_s"])),
    ]
    return _section("Storm", _rows(pairs))


def _pushed_events(mapping: Mapping[str, Any]) -> str:
    rows = {event: [count(number)] for event, number in mapping["pushed_events"].items()}
    return _wide("Pushes by event", ("pushes",), rows)


def _topics(mapping: Mapping[str, Any]) -> str:
    names = ("published", "subscribers", "expected", "received")
    # Those that miss most first.
    topics = sorted(mapping["topics"].items(), key=lambda item: item[1]["received"] - item[1]["expected"])
    return _wide("Topics", names, {topic: [count(row[name]) for name in names] for topic, row in topics})


def _events(mapping: Mapping[str, Any]) -> str:
    events = sorted(mapping["events"].items(), key=lambda item: -item[1]["count"])
    rows = {
        event: [count(row["count"]), size(row["bytes"]), size(row["bytes"] / row["count"])]
        for event, row in events
    }
    return _wide("Events", ("count", "bytes", "bytes each"), rows)


def _cell(text: str) -> str:
    """A cell of a table; the own lag beside a latency stands below it."""
    value, _, lag = text.partition(OWN_LAG)
    below = f"<span>own lag {html_text(lag.removesuffix(')'))}</span>" if lag else ""
    return f"<td>{html_text(value)}{below}</td>"


def _wide(title: str, names: tuple[str, ...], rows: Mapping[str, list[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        f"<tr><th>{html_text(name)}</th>" + "".join(map(_cell, cells)) + "</tr>"
        for name, cells in list(rows.items())[:MAX_ROWS_SHOWN]
    )
    more = f"<p class=quiet>and {len(rows) - MAX_ROWS_SHOWN:,} more</p>" if len(rows) > MAX_ROWS_SHOWN else ""
    return _section(title, f"<table class=wide><tr><th></th>{head}</tr>{body}</table>{more}")


def _section(title: str, content: str) -> str:
    return f'<section><h2>{title}</h2><div class="scroll">{content}</div></section>'


def _threshold_value(each: Mapping[str, Any]) -> str:
    return "-" if each["value"] is None else shown(Threshold.parse(each["expr"]).figure, each["value"])


def _thresholds(mapping: Mapping[str, Any]) -> str:
    if not mapping["thresholds"]:
        return "<p class=quiet>None were asked for.</p>"
    rows = "".join(
        f"<tr class={'held' if each['ok'] else 'failed'}><th>{html_text(each['expr'])}</th>"
        f"<td>{_threshold_value(each)}</td>"
        f"<td>{'held' if each['ok'] else 'failed'}</td></tr>"
        for each in mapping["thresholds"]
    )
    return f"<table>{rows}</table>"


def _reasons(mapping: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html_text(kind)}</th><td>{html_text(reason)}</td><td>{count(number)}</td></tr>"
        for kind, reasons in mapping["reasons"].items()
        for reason, number in reasons.items()
    )
    nothing = (
        "Nothing else" if any(step["errors"] for step in mapping.get("steps", {}).values()) else "Nothing"
    )
    return f"<table>{rows}</table>" if rows else f"<p class=quiet>{nothing} failed.</p>"


def _rows(pairs: Any) -> str:
    return (
        "<table>"
        + "".join(f"<tr><th>{html_text(k)}</th><td>{html_text(v)}</td></tr>" for k, v in pairs)
        + "</table>"
    )


def _plan_value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join("=".join(item) if isinstance(item, list) else str(item) for item in value)
    return "" if value is None else str(value)
