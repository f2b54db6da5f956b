"""The terminal: live progress while a run goes, and the summary table when it has ended."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from fastphx.load.control.progress import QuietProgress
from fastphx.load.plan.figures import LATENCIES, LATENCY_COLUMNS, LOST, ODD
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.threshold import shown_value
from fastphx.load.report.readable import count, per_second, seconds, size
from fastphx.load.result.result import Result

MAX_EVENTS_SHOWN = 20


def progress_text(row: dict[str, Any]) -> str:
    """One second of a run in one line."""
    rtt = row.get("rtt", {})
    parts = [
        f"{count(row['connected'])} connected",
        f"{count(row['joined'])} joined",
        f"{per_second(row['pushes'])} pushes",
        f"{per_second(row['replies'])} replies",
    ]
    if row["deliveries"]:
        parts.append(f"{per_second(row['deliveries'])} deliveries")
    if rtt:
        parts.append(f"RTT p50 {seconds(rtt['p50'])} p99 {seconds(rtt['p99'])}")
    for name, title in (("connect_errors", "connect errors"), ("disconnects", "disconnects")):
        if row[name]:
            parts.append(f"{count(row[name])} {title}")
    errors = row["error_replies"] + row["join_errors"]
    if errors:
        parts.append(f"{count(errors)} errors")
    if row["lost"]:
        parts.append(f"{count(row['lost'])} lost")
    if row["unsent"]:
        parts.append(f"{count(row['unsent'])} unsent")
    return ", ".join(parts)


class PlainProgress:
    """A line a second, for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def phase(self, text: str) -> None:
        self._print(text)

    def row(self, row: dict[str, Any], result: Result) -> None:
        self._print(f"{row['t']:>4}s  {progress_text(row)}")

    def close(self) -> None:
        pass


class LiveProgress:
    """A bar and the last second's figures, drawn in place."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._plan = plan
        self._first: int | None = None
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[at]}")
        )
        self._task = self._bar.add_task("starting", total=plan.duration_s, at="")
        self._live = Live(self._table(""), console=console, refresh_per_second=4, transient=True)
        self._live.start()

    def _table(self, text: str) -> Table:
        table = Table.grid()
        table.add_row(self._bar)
        table.add_row(escape(text))
        return table

    def phase(self, text: str) -> None:
        self._bar.update(self._task, description=escape(text))

    def row(self, row: dict[str, Any], result: Result) -> None:
        if result.run_s:
            self._first = row["t"] - 1 if self._first is None else self._first
            at_s = min(row["t"] - self._first, self._plan.duration_s)
            self._bar.update(self._task, completed=at_s, at=f"{at_s:g}s")
        self._live.update(self._table(progress_text(row)))

    def close(self) -> None:
        self._live.stop()


def progress_for(plan: Plan, console: Console, quiet: bool) -> QuietProgress | PlainProgress | LiveProgress:
    """What suits where the output goes."""
    if quiet:
        return QuietProgress()
    return LiveProgress(console, plan) if console.is_terminal else PlainProgress(console)


def summary(mapping: dict[str, Any], console: Console) -> None:
    """Print the tables of a run that has ended, from its result's mapping."""
    counts = Table(box=None, show_header=False, pad_edge=False)
    counts.add_column(style="bold")
    counts.add_column(justify="right")
    counts.add_column(overflow="fold")
    for row in _counted(mapping):
        counts.add_row(*map(escape, row))
    console.print()
    console.print(counts)
    latencies = Table(box=None, pad_edge=False)
    latencies.add_column("latency", style="bold")
    for title in ("count", *LATENCY_COLUMNS.values()):
        latencies.add_column(title, justify="right")
    for name, title in LATENCIES.items():
        figures = mapping["latency"][name]
        if figures["count"]:
            cells = [seconds(figures[key]) for key in LATENCY_COLUMNS]
            latencies.add_row(title, count(figures["count"]), *cells)
    console.print()
    console.print(latencies)
    if mapping["events"]:
        _print_events(mapping["events"], console)
    if "storm" in mapping:
        _print_storm(mapping["storm"], console)
    if mapping["thresholds"]:
        console.print()
    for each in mapping["thresholds"]:
        value = shown_value(each)
        held = "[green]held[/]" if each["ok"] else "[bold red]failed[/]"
        console.print(f"threshold {escape(each['expr'])}: {value}, {held}", highlight=False)


def _counted(mapping: dict[str, Any]) -> list[tuple[str, str, str]]:
    totals, client, throughput = mapping["totals"], mapping["client"], mapping["throughput"]
    lost = ", ".join(f"{count(totals[name])} {name[5:]}" for name in LOST if totals[name])
    rows = [
        ("connections", count(totals["connections"]), f"{count(totals['alive_at_end'])} alive at the end"),
        ("connect errors", count(totals["connect_errors"]), _reasons(mapping, "connect")),
        ("disconnects", count(totals["disconnects"]), _reasons(mapping, "disconnect")),
        ("joins", count(totals["joins"]), ""),
        ("join errors", count(totals["join_errors"]), _reasons(mapping, "join")),
    ]
    if totals["casts"]:
        rows += [
            ("pushes", count(totals["casts"]), per_second(throughput["pushes_per_s"])),
            ("deliveries", count(totals["deliveries"]), per_second(throughput["deliveries_per_s"])),
            ("expected", count(totals["expected_deliveries"]), ""),
            ("missing", count(totals["missing_deliveries"]), ""),
        ]
    else:
        rows += [
            ("pushes", count(totals["pushes"]), per_second(throughput["pushes_per_s"])),
            ("replies", count(totals["replies"]), per_second(throughput["replies_per_s"])),
            ("errors", count(totals["error_replies"]), ""),
            ("lost", count(totals["lost"]), lost),
        ]
        if totals["deliveries"]:
            rows.append(
                ("deliveries", count(totals["deliveries"]), per_second(throughput["deliveries_per_s"]))
            )
    why = "no joined socket, or a bound was reached" if totals["unsent"] else ""
    rows.append(("unsent", count(totals["unsent"]), why))
    rows += [(title, count(totals[name]), "") for name, title in ODD.items() if totals[name]]
    workers = f"{client['workers']} worker{'s' if client['workers'] > 1 else ''}"
    rows += [
        ("CPU a message", seconds(client["cpu_s_per_message"]), f"{client['cpu_s']:.3g} s in {workers}"),
        ("RSS a connection", size(client["rss_bytes_per_connection"]), f"{size(client['rss_bytes'])} in all"),
        ("schedule lag p99", seconds(client["schedule_lag_p99_s"]), ""),
    ]
    return rows


def _print_events(events: dict[str, dict[str, int]], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("event", style="bold", overflow="fold")
    for title in ("count", "bytes", "bytes each"):
        table.add_column(title, justify="right")
    by_count = sorted(events.items(), key=lambda item: -item[1]["count"])
    for event, figures in by_count[:MAX_EVENTS_SHOWN]:
        each = figures["bytes"] / figures["count"]
        table.add_row(escape(event), count(figures["count"]), size(figures["bytes"]), size(each))
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


def _reasons(mapping: dict[str, Any], kind: str) -> str:
    reasons = list(mapping["reasons"].get(kind, {}).items())
    shown = "; ".join(f"{reason} ({count(number)})" for reason, number in reasons[:2])
    return shown + (f"; {len(reasons) - 2} more" if len(reasons) > 2 else "")
