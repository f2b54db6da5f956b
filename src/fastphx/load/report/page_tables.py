"""The tables of a page's document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastphx.foreign_text import MAX_SENTENCE_CHARS, MAX_SHOWN_CHARS, visible
from fastphx.load.plan.figures import LATENCIES, LATENCY_COLUMNS
from fastphx.load.plan.threshold import Threshold
from fastphx.load.plan.units import seconds
from fastphx.load.report.journey import (
    CHECK_COLUMNS,
    MAX_ROWS_SHOWN,
    STEP_COLUMNS,
    check_cells,
    reasons_of,
    step_cells,
    sums,
)
from fastphx.load.report.limit import COLUMNS, MAX_WHY_CHARS, step_rows, titles
from fastphx.load.report.page_parts import Section, section, table_part, text_part
from fastphx.load.report.readable import OWN_LAG, count, latency, per_second, shown, size
from fastphx.load.report.server import metric_rows, page_text, process_rows

MAX_REASONS_CHARS = 700
LIMIT_KINDS = {"for": "word", "came of it": "verdict", "why": "text"}
"""Of the columns of a search's steps that are no figures."""


def limit_table(mapping: Mapping[str, Any]) -> list[Section]:
    """What a search for a limit says, and its steps."""
    if "limit" not in mapping:
        return []
    limit = mapping["limit"]
    kinds = ["name", *(LIMIT_KINDS.get(column, "figure") for column in COLUMNS)]
    rows = [
        _row("held" if cells[1] == "held" else "failed", [load, *cells], MAX_WHY_CHARS)
        for load, cells in step_rows(limit)
    ]
    parts = [text_part(each, MAX_SENTENCE_CHARS) for each in limit["sentences"]]
    steps = table_part(zip(titles(limit), kinds, strict=True), rows)
    return [section("limit", "Limit", [*parts, steps])]


def first_tables(mapping: Mapping[str, Any]) -> list[Section]:
    """What is above the charts: thresholds, what failed, latencies, the steps of a journey, the server."""
    return [
        *_thresholds(mapping),
        *_reasons(mapping),
        *_latencies(mapping),
        *_journey(mapping),
        *_server(mapping),
    ]


def last_tables(mapping: Mapping[str, Any]) -> list[Section]:
    """What is below the charts: what only one scenario counts, the totals and the plan."""
    totals = [(name.replace("_", " "), count(value)) for name, value in mapping["totals"].items()]
    plan = [
        (name.replace("_", " "), text)
        for name, value in mapping["plan"].items()
        if (text := _plan_value(value))
    ]
    return [
        *_storm(mapping),
        *_pushed_events(mapping),
        *_topics(mapping),
        *_events(mapping),
        *_nothing_failed(mapping),
        section("totals", "Totals", [_pairs(totals)], "half"),
        section("plan", "Plan", [_pairs(plan)], "half"),
    ]


def _latencies(mapping: Mapping[str, Any]) -> list[Section]:
    rows = {
        LATENCIES[name]: [
            count(figures["count"]),
            *(latency(mapping, name, key) for key in LATENCY_COLUMNS),
        ]
        for name, figures in mapping["latency"].items()
        if figures["count"]
    }
    return _figures("latency", "Latency", ("count", *LATENCY_COLUMNS.values()), rows)


def _journey(mapping: Mapping[str, Any]) -> list[Section]:
    if "visits" not in mapping:
        return []
    steps, checks = mapping["steps"], mapping["checks"]
    why = [(name, reasons_of(step), count(step["errors"])) for name, step in steps.items() if step["errors"]]
    return [
        *_figures("steps", "Steps", STEP_COLUMNS, {name: step_cells(mapping, name) for name in steps}),
        *_reasoned("step-reasons", "Steps that failed", why),
        *_figures(
            "checks", "Checks", CHECK_COLUMNS, {name: check_cells(each) for name, each in checks.items()}
        ),
        section("sums", "Sums", [text_part(line) for line in sums(mapping)]),
    ]


def _server(mapping: Mapping[str, Any]) -> list[Section]:
    rows = {title: f"{value} {more}" for title, value, more in process_rows(mapping)}
    rows |= metric_rows(mapping)
    text = page_text(mapping)
    parts = [_pairs(rows.items())] if rows else []
    return (
        [section("server", "Server", [*parts, *([text_part(text)] if text else [])])] if rows or text else []
    )


def _thresholds(mapping: Mapping[str, Any]) -> list[Section]:
    rows = []
    for each in mapping["thresholds"]:
        verdict = "held" if each["ok"] else "failed"
        rows.append(_row(verdict, [each["expr"], _threshold_value(each), verdict]))
    columns = [("", "name"), ("", "figure"), ("", "verdict")]
    return [section("thresholds", "Thresholds", [table_part(columns, rows)])] if rows else []


def _threshold_value(each: Mapping[str, Any]) -> str:
    return "-" if each["value"] is None else shown(Threshold.parse(each["expr"]).figure, each["value"])


def _storm(mapping: Mapping[str, Any]) -> list[Section]:
    if "storm" not in mapping:
        return []
    storm = mapping["storm"]
    first, last = seconds(storm["attempt_p5_s"]), seconds(storm["attempt_p95_s"])
    pairs = [
        ("rejoined", count(storm["rejoined"])),
        *((f"{share} % rejoined after", seconds(storm[f"rejoined_{share}_s"])) for share in (50, 99, 100)),
        ("attempts", count(storm["attempts"])),
        ("90 % of the attempts from, to", f"{first}, {last}"),
        ("peak of the herd", per_second(storm["peak_attempts_per_s"])),
    ]
    return [section("storm", "Storm", [_pairs(pairs)])]


def _pushed_events(mapping: Mapping[str, Any]) -> list[Section]:
    rows = {event: [count(number)] for event, number in mapping["pushed_events"].items()}
    return _figures("pushed-events", "Pushes by event", ("pushes",), rows)


def _topics(mapping: Mapping[str, Any]) -> list[Section]:
    names = ("published", "subscribers", "expected", "received")
    # Those that miss most first.
    topics = sorted(mapping["topics"].items(), key=lambda item: item[1]["received"] - item[1]["expected"])
    rows = {topic: [count(row[name]) for name in names] for topic, row in topics}
    return _figures("topics", "Topics", names, rows)


def _events(mapping: Mapping[str, Any]) -> list[Section]:
    events = sorted(mapping["events"].items(), key=lambda item: -item[1]["count"])
    rows = {
        event: [count(row["count"]), size(row["bytes"]), size(row["bytes"] / row["count"])]
        for event, row in events
    }
    return _figures("events", "Events", ("count", "bytes", "bytes each"), rows)


def _reasons(mapping: Mapping[str, Any]) -> list[Section]:
    rows = [
        (kind, reason, count(number))
        for kind, reasons in mapping["reasons"].items()
        for reason, number in reasons.items()
    ]
    return _reasoned("reasons", "What failed", rows)


def _nothing_failed(mapping: Mapping[str, Any]) -> list[Section]:
    if any(mapping["reasons"].values()):
        return []
    has_told = any(step["errors"] for step in mapping.get("steps", {}).values())
    nothing = "Nothing else" if has_told else "Nothing"
    return [section("reasons", "What failed", [text_part(f"{nothing} failed.")])]


def _reasoned(key: str, title: str, rows: list[tuple[str, str, str]]) -> list[Section]:
    columns = [("", "name"), ("", "text"), ("", "figure")]
    shown_rows = [_row("", each, MAX_REASONS_CHARS) for each in rows[:MAX_ROWS_SHOWN]]
    return [section(key, title, [table_part(columns, shown_rows), *_more(len(rows))])] if rows else []


def _figures(key: str, title: str, names: tuple[str, ...], rows: Mapping[str, list[str]]) -> list[Section]:
    """A table of figures; nothing where it has no rows."""
    if not rows:
        return []
    columns = [("", "name"), *((name, "figure") for name in names)]
    shown_rows = [
        ["", [visible(name), *map(_figure, cells)]] for name, cells in list(rows.items())[:MAX_ROWS_SHOWN]
    ]
    return [section(key, title, [table_part(columns, shown_rows), *_more(len(rows))])]


def _more(number: int) -> list[dict[str, Any]]:
    return [text_part(f"and {number - MAX_ROWS_SHOWN:,} more")] if number > MAX_ROWS_SHOWN else []


def _pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return table_part([("", "name"), ("", "figure")], [_row("", pair) for pair in pairs])


def _row(kind: str, cells: Iterable[str], limit: int = MAX_SHOWN_CHARS) -> list[Any]:
    return [kind, [visible(cell, limit) for cell in cells]]


def _figure(text: str) -> str | list[str]:
    """A cell; the own lag beside a latency stands below it."""
    value, _, lag = text.partition(OWN_LAG)
    return [value, f"own lag {lag.removesuffix(')')}"] if lag else value


def _plan_value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join("=".join(item) if isinstance(item, list) else str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "" if value is None else str(value)
