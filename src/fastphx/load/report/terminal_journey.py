"""The tables of a journey that has ended, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape as escape_markup
from rich.table import Table

from fastphx.foreign_text import visible
from fastphx.load.report.journey import (
    CHECK_COLUMNS,
    MAX_REASONS_CHARS,
    MAX_ROWS_SHOWN,
    STEP_COLUMNS,
    check_cells,
    reasons_of,
    step_cells,
    sums,
)
from fastphx.load.report.readable import count, main_reasons, per_second, starred


def visit_rows(mapping: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What the visits came to: title, figure, and what there is to say of it."""
    visits = mapping["visits"]
    why = "users were under way, or no row was left" if visits["unsent"] else ""
    rows = [
        ("visits", count(visits["begun"]), ""),
        ("visits ok", count(visits["ok"]), per_second(mapping["throughput"]["visits_per_s"])),
        ("visits failed", count(visits["failed"]), main_reasons(mapping, "visit")),
        ("visits cut", count(visits["cut"]), "by the end of the run" if visits["cut"] else ""),
        ("unsent", count(visits["unsent"]), why),
    ]
    if visits["ticks"]:
        rows.append(("ticks", count(visits["ticks"]), f"{count(visits['late_ticks'])} late"))
    titles = {
        "unread_dropped": "unread dropped",
        "http_retries": "HTTP retries",
        "rows_run_out": "without a row",
    }
    rows += [(title, count(visits[name]), "") for name, title in titles.items() if visits[name]]
    for kind in ("lean pages", "left open", "stop"):
        if kind in mapping["reasons"]:
            rows.append((kind, count(sum(mapping["reasons"][kind].values())), main_reasons(mapping, kind)))
    return rows


def print_journey(mapping: Mapping[str, Any], console: Console) -> None:
    """Print the steps, the checks and the sums."""
    steps, checks = mapping["steps"], mapping["checks"]
    _print_named(console, "step", STEP_COLUMNS, {name: step_cells(mapping, name, starred) for name in steps})
    for name, step in list(steps.items())[:MAX_ROWS_SHOWN]:
        if step["reasons"]:
            why = visible(reasons_of(step), MAX_REASONS_CHARS)
            console.print(f"{visible(name)}: {why}", markup=False, highlight=False)
    _print_named(console, "check", CHECK_COLUMNS, {name: check_cells(each) for name, each in checks.items()})
    console.print()
    for line in sums(mapping):
        console.print(line, highlight=False)


def _print_named(console: Console, what: str, columns: tuple[str, ...], rows: dict[str, list[str]]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column(what, style="bold", overflow="fold")
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    for name, cells in list(rows.items())[:MAX_ROWS_SHOWN]:
        table.add_row(escape_markup(visible(name)), *cells)
    console.print()
    console.print(table)
    if len(rows) > MAX_ROWS_SHOWN:
        console.print(f"and {len(rows) - MAX_ROWS_SHOWN:,} more {what}s", highlight=False)
