"""What a run came to, in plain text: for the message of a test that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastphx.foreign_text import MAX_SENTENCE_CHARS, visible
from fastphx.load.plan.figures import LATENCIES, LATENCY_COLUMNS
from fastphx.load.plan.threshold import shown_value
from fastphx.load.report.journey import (
    CHECK_COLUMNS,
    MAX_REASONS_CHARS,
    MAX_ROWS_SHOWN,
    STEP_COLUMNS,
    check_cells,
    reasons_of,
    step_cells,
)
from fastphx.load.report.limit import step_rows
from fastphx.load.report.readable import STAR, count, starred
from fastphx.load.report.server import metric_rows, process_rows


def plain_text(mapping: Mapping[str, Any]) -> str:
    """The outcome and why, the thresholds with their values, and the steps and checks, or the latencies, of
    a result's mapping."""
    scenario, outcome = visible(mapping["plan"]["scenario"]), mapping["outcome"]
    parts = [
        [f"fastphx load {scenario}: {outcome} (exit code {mapping['exit_code']})"],
        [visible(sentence, MAX_SENTENCE_CHARS) for sentence in mapping["sentences"]]
        + _other_thresholds(mapping),
        _limit(mapping),
        *(_journey(mapping) if "visits" in mapping else [_latencies(mapping)]),
        [STAR] if mapping["own_lag"] else [],
        [f"{title}: {value} {more}" for title, value, more in process_rows(mapping)]
        + [f"{visible(name)}: {figures}" for name, figures in metric_rows(mapping).items()],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _other_thresholds(mapping: Mapping[str, Any]) -> list[str]:
    """Those that no sentence tells of."""
    return [
        f"threshold {visible(each['expr'])} {'held' if each['ok'] else 'failed'}: it is {shown_value(each)}"
        for each in mapping["thresholds"]
        if not any(sentence.startswith(f"threshold {each['expr']} ") for sentence in mapping["sentences"])
    ]


def _limit(mapping: Mapping[str, Any]) -> list[str]:
    if "limit" not in mapping:
        return []
    limit = mapping["limit"]
    said = [visible(sentence, MAX_SENTENCE_CHARS) for sentence in limit["sentences"]]
    rows = [f"{shown}: {', '.join(filter(None, cells[:2]))}" for shown, cells in step_rows(limit)]
    return [*(sentence for sentence in said if sentence not in mapping["sentences"]), *rows]


def _journey(mapping: Mapping[str, Any]) -> list[list[str]]:
    steps = dict(list(mapping["steps"].items())[:MAX_ROWS_SHOWN])
    checks = dict(list(mapping["checks"].items())[:MAX_ROWS_SHOWN])
    return [
        _table(("step", *STEP_COLUMNS), {name: step_cells(mapping, name, starred) for name in steps}),
        [
            f"{visible(name)}: {visible(reasons_of(step), MAX_REASONS_CHARS)}"
            for name, step in steps.items()
            if step["reasons"]
        ],
        _table(("check", *CHECK_COLUMNS), {name: check_cells(each) for name, each in checks.items()}),
    ]


def _latencies(mapping: Mapping[str, Any]) -> list[str]:
    rows = {}
    for name, figures in mapping["latency"].items():
        if figures["count"]:
            own_lag = mapping["own_lag"].get(name, {})
            cells = [starred(figures[key], own_lag.get(key)) for key in LATENCY_COLUMNS]
            rows[LATENCIES[name]] = [count(figures["count"]), *cells]
    return _table(("latency", "count", *LATENCY_COLUMNS.values()), rows)


def _table(titles: tuple[str, ...], rows: Mapping[str, list[str]]) -> list[str]:
    """Names to the left, figures to the right; nothing if there are no rows."""
    if not rows:
        return []
    lines = [list(titles), *([visible(name), *cells] for name, cells in rows.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            [
                name.ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)),
            ]
        )
        for name, *cells in lines
    ]
