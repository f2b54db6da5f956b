"""The tables of a run that has ended, on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape as escape_markup
from rich.table import Table

from fastphx.foreign_text import MAX_SENTENCE_CHARS, visible
from fastphx.load.plan.figures import LATENCIES, LATENCY_COLUMNS, LOST, ODD
from fastphx.load.plan.threshold import shown_value
from fastphx.load.plan.units import seconds
from fastphx.load.report.limit import step_rows, titles
from fastphx.load.report.readable import STAR, count, main_reasons, per_second, size, starred
from fastphx.load.report.server import metric_rows, page_text, process_rows
from fastphx.load.report.terminal_journey import print_journey, visit_rows

MAX_EVENTS_SHOWN = 20
WIDE = 120
"""Columns of a terminal from which on a table has its longest cells, too."""


def summary(mapping: dict[str, Any], console: Console) -> None:
    """Print the tables of a run that has ended, from its result's mapping."""
    counts = Table(box=None, show_header=False, pad_edge=False)
    counts.add_column(style="bold")
    counts.add_column(justify="right")
    counts.add_column(overflow="fold")
    for row in _counted(mapping):
        counts.add_row(*map(_text, row))
    console.print()
    console.print(counts)
    latencies = Table(box=None, pad_edge=False)
    latencies.add_column("latency", style="bold")
    for title in ("count", *LATENCY_COLUMNS.values()):
        latencies.add_column(title, justify="right")
    for name, figures in mapping["latency"].items():
        if figures["count"]:
            own_lag = mapping["own_lag"].get(name, {})
            cells = [starred(figures[key], own_lag.get(key)) for key in LATENCY_COLUMNS]
            latencies.add_row(LATENCIES[name], count(figures["count"]), *cells)
    if latencies.row_count:
        console.print()
        console.print(latencies)
    _print_metrics(mapping, console)
    if mapping["own_lag"]:
        console.print(STAR, markup=False, highlight=False)
    for note in mapping["notes"]:
        console.print(f"note: {visible(note, MAX_SENTENCE_CHARS)}", markup=False, highlight=False)
    if "limit" in mapping:
        _print_limit(mapping["limit"], console)
    if mapping["events"]:
        _print_events(mapping["events"], console)
    if "storm" in mapping:
        _print_storm(mapping["storm"], console)
    if "visits" in mapping:
        print_journey(mapping, console)
    if mapping["thresholds"]:
        console.print()
    for each in mapping["thresholds"]:
        value = shown_value(each)
        held = "[green]held[/]" if each["ok"] else "[bold red]failed[/]"
        console.print(f"threshold {_text(each['expr'])}: {value}, {held}", highlight=False)


def _print_metrics(mapping: dict[str, Any], console: Console) -> None:
    """The metrics of the server's page."""
    metrics = metric_rows(mapping)
    table = Table(box=None, pad_edge=False)
    table.add_column("server metric", style="bold", overflow="fold")
    table.add_column("", overflow="fold")
    for name, figures in metrics.items():
        table.add_row(_text(name), figures)
    if metrics:
        console.print()
        console.print(table)
    if text := page_text(mapping):
        console.print(text, highlight=False)


def _text(text: str) -> str:
    return escape_markup(visible(text))


def _counted(mapping: dict[str, Any]) -> list[tuple[str, str, str]]:
    if "visits" in mapping:
        return visit_rows(mapping) + _sockets(mapping, "") + _own(mapping)
    totals = mapping["totals"]
    ends = f"{count(totals['alive_at_end'])} alive at the end"
    if totals["closed_by_script"]:
        ends += f", {count(totals['closed_by_script'])} closed by the scenario"
    why = "no joined socket, or a bound was reached" if totals["unsent"] else ""
    unsent = ("unsent", count(totals["unsent"]), why)
    return [*_sockets(mapping, ends), *_messages(mapping), unsent, *_own(mapping)]


def _sockets(mapping: dict[str, Any], ends: str) -> list[tuple[str, str, str]]:
    totals = mapping["totals"]
    return [
        ("connections", count(totals["connections"]), ends),
        ("connect errors", count(totals["connect_errors"]), main_reasons(mapping, "connect")),
        ("disconnects", count(totals["disconnects"]), main_reasons(mapping, "disconnect")),
        ("joins", count(totals["joins"]), ""),
        ("join errors", count(totals["join_errors"]), main_reasons(mapping, "join")),
    ]


def _messages(mapping: dict[str, Any]) -> list[tuple[str, str, str]]:
    totals, throughput = mapping["totals"], mapping["throughput"]
    deliveries = ("deliveries", count(totals["deliveries"]), per_second(throughput["deliveries_per_s"]))
    if totals["casts"]:
        return [
            ("pushes", count(totals["casts"]), per_second(throughput["pushes_per_s"])),
            deliveries,
            ("expected", count(totals["expected_deliveries"]), ""),
            ("missing", count(totals["missing_deliveries"]), ""),
        ]
    lost = ", ".join(f"{count(totals[name])} {name[5:]}" for name in LOST if totals[name])
    return [
        ("pushes", count(totals["pushes"]), per_second(throughput["pushes_per_s"])),
        *(
            (f"push {event}", count(number), "")
            for event, number in list(mapping["pushed_events"].items())[:MAX_EVENTS_SHOWN]
        ),
        ("replies", count(totals["replies"]), per_second(throughput["replies_per_s"])),
        ("errors", count(totals["error_replies"]), ""),
        ("lost", count(totals["lost"]), lost),
        *([deliveries] if totals["deliveries"] else []),
    ]


def _own(mapping: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What was odd, and what the run itself took."""
    totals, client = mapping["totals"], mapping["client"]
    workers = f"{client['workers']} worker{'s' if client['workers'] > 1 else ''}"
    memory = f"{size(client['rss_bytes'])} in {workers}, and {size(client['own_rss_bytes'])} in the run's own"
    cpu = f"{client['run_cpu_s']:.3g} s in {workers}"
    rows = [(title, count(totals[name]), "") for name, title in ODD.items() if totals[name]]
    if "visits" in mapping:
        rows.append(("CPU a step", seconds(client["cpu_s_per_step"]), cpu))
    else:
        rows.append(("CPU a message", seconds(client["cpu_s_per_message"]), cpu))
        rows.append(("RSS a connection", size(client["rss_bytes_per_connection"]), memory))
    lag = ("schedule lag p99", seconds(client["schedule_lag_p99_s"]), "")
    return [*rows, lag, *process_rows(mapping)]


def _print_limit(limit: dict[str, Any], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    # The last two columns are for a wide terminal: why each step broke, and this machine's own lag.
    shown_columns = -2 if console.width < WIDE else None
    load, *columns = titles(limit)
    table.add_column(load, style="bold", justify="right")
    for title in columns[:shown_columns]:
        is_text = title in ("for", "came of it", "why")
        table.add_column(title, justify="left" if is_text else "right", overflow="fold")
    for shown, cells in step_rows(limit):
        table.add_row(shown, *map(_text, cells[:shown_columns]))
    console.print()
    console.print(table)
    for sentence in limit["sentences"]:
        console.print(visible(sentence, MAX_SENTENCE_CHARS), style="bold", markup=False, highlight=False)


def _print_events(events: dict[str, dict[str, int]], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("event", style="bold", overflow="fold")
    for title in ("count", "bytes", "bytes each"):
        table.add_column(title, justify="right")
    by_count = sorted(events.items(), key=lambda item: -item[1]["count"])
    for event, figures in by_count[:MAX_EVENTS_SHOWN]:
        each = figures["bytes"] / figures["count"]
        table.add_row(_text(event), count(figures["count"]), size(figures["bytes"]), size(each))
    console.print()
    console.print(table)


def _print_storm(storm: dict[str, Any], console: Console) -> None:
    console.print()
    for share in (50, 99, 100):
        console.print(f"{share} % rejoined after {seconds(storm[f'rejoined_{share}_s'])}", highlight=False)
    spread = f"{seconds(storm['attempt_p5_s'])} to {seconds(storm['attempt_p95_s'])}"
    peak = per_second(storm["peak_attempts_per_s"])
    console.print(
        f"{count(storm['attempts'])} attempts, 90 % of them from {spread}, at most {peak}", highlight=False
    )
