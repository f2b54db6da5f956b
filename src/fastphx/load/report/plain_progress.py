"""A run's progress as lines, for a log."""

from __future__ import annotations

from typing import Any

from fastphx.load.plan.units import seconds
from fastphx.load.report.readable import count, per_second
from fastphx.load.report.server import server_text
from fastphx.load.report.unwaiting_stream import UnwaitingStream
from fastphx.load.result.result import Result


def progress_text(row: dict[str, Any]) -> str:
    """One second of a run in one line."""
    if "visiting" in row:
        return _journey_text(row)
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


def _journey_text(row: dict[str, Any]) -> str:
    visit = row.get("visit", {})
    parts = [
        f"{count(row['visiting'])} visiting",
        f"{per_second(row['visits_ok'])} visits",
        f"{per_second(row['steps_ok'])} steps",
    ]
    if visit:
        parts.append(f"visit p50 {seconds(visit['p50'])} p99 {seconds(visit['p99'])}")
    titles = {
        "step_errors": "step errors",
        "visits_failed": "visits failed",
        "disconnects": "disconnects",
        "unsent": "unsent",
    }
    parts += [f"{count(row[name])} {title}" for name, title in titles.items() if row[name]]
    return ", ".join(parts)


class PlainProgress:
    """A line a second on *output*."""

    def __init__(self, output: UnwaitingStream) -> None:
        self._output = output

    def _print(self, text: str) -> None:
        self._output.write(f"{text}\n")

    def phase(self, text: str, lasts_s: float | None = None) -> None:
        self._print(text)

    def row(self, row: dict[str, Any], result: Result) -> None:
        texts = (progress_text(row), server_text(result.server))
        self._print(f"{row['t']:>4}s  {', '.join(filter(None, texts))}")

    def output(self, text: str) -> None:
        self._print(text)

    def close(self) -> None:
        self._output.end()
