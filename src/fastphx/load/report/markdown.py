"""A summary in Markdown, for the page of a CI step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastphx.foreign_text import MAX_SENTENCE_CHARS, markdown_text
from fastphx.load.plan.figures import LATENCIES, LATENCY_COLUMNS
from fastphx.load.plan.threshold import shown_value
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
from fastphx.load.report.limit import MAX_WHY_CHARS, step_rows, titles
from fastphx.load.report.readable import count, latency, per_second, size
from fastphx.load.report.server import metric_rows, page_text, process_rows


def markdown(mapping: Mapping[str, Any]) -> str:
    """The summary of a result's mapping."""
    totals, client, throughput = mapping["totals"], mapping["client"], mapping["throughput"]
    lines = [f"### fastphx load: {markdown_text(mapping['plan']['scenario'])}, {mapping['outcome']}", ""]
    lines += [f"- {markdown_text(sentence, MAX_SENTENCE_CHARS)}" for sentence in mapping["sentences"]]
    lines += [f"- note: {markdown_text(note, MAX_SENTENCE_CHARS)}" for note in mapping["notes"]]
    lines += _limit(mapping["limit"]) if "limit" in mapping else []
    lines += [
        "",
        f"| latency | count | {' | '.join(LATENCY_COLUMNS.values())} |",
        f"| --- | --: |{' --: |' * len(LATENCY_COLUMNS)}",
    ]
    for name, figures in mapping["latency"].items():
        if figures["count"]:
            cells = [
                LATENCIES[name],
                count(figures["count"]),
                *(latency(mapping, name, key) for key in LATENCY_COLUMNS),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| figure | value |", "| --- | --: |"]
    rows = [
        ("connections", f"{count(totals['connections'])}, {count(totals['alive_at_end'])} alive at the end"),
        ("connect errors", count(totals["connect_errors"])),
        ("disconnects", count(totals["disconnects"])),
        ("joins", count(totals["joins"])),
        ("join errors", count(totals["join_errors"])),
        ("pushes", f"{count(totals['pushes'] + totals['casts'])}, {per_second(throughput['pushes_per_s'])}"),
        *((f"push {markdown_text(event)}", count(sent)) for event, sent in mapping["pushed_events"].items()),
        ("replies", f"{count(totals['replies'])}, {per_second(throughput['replies_per_s'])}"),
        ("error replies", count(totals["error_replies"])),
        ("lost", count(totals["lost"])),
    ]
    if "visits" in mapping:
        rows = [*_visits(mapping), ("connections", count(totals["connections"]))]
    elif totals["expected_deliveries"]:
        received = f"{count(totals['deliveries'])} of {count(totals['expected_deliveries'])}"
        rows.append(("deliveries", received))
    if "visits" in mapping:
        rows.append(("CPU a step", seconds(client["cpu_s_per_step"])))
    else:
        rows += [
            ("CPU a message", seconds(client["cpu_s_per_message"])),
            ("RSS a connection", size(client["rss_bytes_per_connection"])),
        ]
    rows += [(name, f"{value} {more}") for name, value, more in process_rows(mapping)]
    lines += [f"| {name} | {value} |" for name, value in rows]
    lines += _metrics(mapping)
    if "visits" in mapping:
        lines += _journey(mapping)
    if mapping["thresholds"]:
        lines += ["", "| threshold | value | |", "| --- | --: | --- |"]
        for each in mapping["thresholds"]:
            value = shown_value(each)
            lines.append(
                f"| {markdown_text(each['expr'])} | {value} | {'held' if each['ok'] else '**failed**'} |"
            )
    return "\n".join(lines) + "\n"


def _limit(limit: Mapping[str, Any]) -> list[str]:
    load, *columns = titles(limit)
    lines = [f"- {markdown_text(sentence, MAX_SENTENCE_CHARS)}" for sentence in limit["sentences"]]
    lines += ["", f"| {load} | {' | '.join(columns)} |", "| --: | --- | --- |" + " --: |" * 5 + " --- |"]
    for shown, cells in step_rows(limit):
        why = markdown_text(cells[-1], MAX_WHY_CHARS)
        lines.append(f"| {shown} | {' | '.join(cells[:-1])} | {why} |")
    return lines


def _metrics(mapping: Mapping[str, Any]) -> list[str]:
    """The metrics of the server's page."""
    rows = [f"| {markdown_text(name)} | {figures} |" for name, figures in metric_rows(mapping).items()]
    text = page_text(mapping)
    return [
        *(["", "| server metric | |", "| --- | --- |", *rows] if rows else []),
        *(["", text] if text else []),
    ]


def _visits(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    visits = mapping["visits"]
    return [
        ("visits ok", f"{count(visits['ok'])}, {per_second(mapping['throughput']['visits_per_s'])}"),
        ("visits failed", count(visits["failed"])),
        ("visits unsent", count(visits["unsent"])),
    ]


def _journey(mapping: Mapping[str, Any]) -> list[str]:
    lines = ["", *(f"- {line}" for line in sums(mapping))]
    steps = {
        name: [*step_cells(mapping, name), markdown_text(reasons_of(step))]
        for name, step in mapping["steps"].items()
    }
    lines += _named("step", (*STEP_COLUMNS, "why"), steps)
    return lines + _named(
        "check", CHECK_COLUMNS, {name: check_cells(each) for name, each in mapping["checks"].items()}
    )


def _named(what: str, columns: tuple[str, ...], rows: Mapping[str, list[str]]) -> list[str]:
    if not rows:
        return []
    lines = ["", f"| {what} | {' | '.join(columns)} |", f"| --- |{' --: |' * len(columns)}"]
    for name, cells in list(rows.items())[:MAX_ROWS_SHOWN]:
        lines.append(f"| {markdown_text(name)} | {' | '.join(cells)} |")
    if len(rows) > MAX_ROWS_SHOWN:
        lines += ["", f"and {len(rows) - MAX_ROWS_SHOWN:,} more {what}s"]
    return lines


def write_markdown(mapping: Mapping[str, Any], path: Path) -> None:
    """Append the summary to *path*, as CI systems want it. Raises OSError."""
    with path.open("a", encoding="utf-8") as file:
        file.write(markdown(mapping))
