"""A run's progress drawn in place, for a terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fastphx.load.control.step_verdict import main_latency
from fastphx.load.plan.figures import LATENCIES
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.units import seconds
from fastphx.load.report.newest_error import NewestError
from fastphx.load.report.plain_progress import progress_text
from fastphx.load.report.readable import per_second
from fastphx.load.report.server import server_text
from fastphx.load.report.sparkline import sparkline
from fastphx.load.report.unwaiting_stream import UnwaitingStream
from fastphx.load.result.result import Result

BAR_CHARS = 30
MOST_SECONDS = 60
"""Whose figures are drawn, a character each."""
NARROW_CHARS = 60
"""A narrower terminal shows the last figure alone beside a sparkline,"""
FIGURE_CHARS = (22, 38)
"""which takes so many characters with its words, and so many with the largest one."""
ANSWERS = {"visit": "visits_ok", "delivery": "deliveries", "rtt": "replies", "join": "joins"}
"""What is counted where the latency of a plan is that."""


class LiveProgress:
    """What goes on and how far it is, the last second's figures, those of the last minute as sparklines, and
    the last error, drawn in place on *output*."""

    def __init__(self, plan: Plan, output: UnwaitingStream) -> None:
        self._output = output
        self._latency = main_latency(plan)
        self._answers = ANSWERS[self._latency]
        self._p99s_s: deque[float | None] = deque(maxlen=MOST_SECONDS)
        self._rates: deque[float] = deque(maxlen=MOST_SECONDS)
        self._phase = "starting"
        self._began_s = monotonic()
        self._lasts_s: float | None = None
        self._texts: list[str] = []
        self._error = NewestError()
        console = Console(file=cast("Any", output))
        self._live = Live(self, console=console, refresh_per_second=4, transient=True)
        self._live.start()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._bar()
        yield from map(Text, self._texts)
        if self._rates:
            yield self._sparklines(options)
        if self._error.text:
            yield Text(f"last error: {self._error.text}", style="red")

    def _bar(self) -> Table:
        """A bar that moves by the clock, where it is known how long this part lasts."""
        bar = Table.grid(padding=(0, 1))
        at_s = monotonic() - self._began_s
        if self._lasts_s is None:
            bar.add_row(Text(self._phase))
        else:
            at_s = min(at_s, self._lasts_s)
            drawn = ProgressBar(total=self._lasts_s, completed=at_s, width=BAR_CHARS)
            bar.add_row(Text(self._phase), drawn, Text(f"{at_s:.0f}s"))
        return bar

    def _sparklines(self, options: ConsoleOptions) -> Table:
        """The latency's p99, and the rate of answers."""
        table = Table.grid(padding=(0, 1))
        has_most = options.max_width >= NARROW_CHARS
        width = min(MOST_SECONDS, options.max_width - FIGURE_CHARS[has_most])
        figures: list[tuple[str, list[float | None], Callable[[float], str]]] = [
            (f"{LATENCIES[self._latency]} p99", list(self._p99s_s), seconds),
            (self._answers.partition("_")[0], list(self._rates), per_second),
        ]
        for title, values, shown in figures:
            known = [value for value in values if value is not None]
            if known:
                line = sparkline(values, width, ascii_only=options.ascii_only)
                most = f", at most {shown(max(known))}" if has_most else ""
                table.add_row(Text(title), Text(line, style="cyan"), Text(shown(known[-1]) + most))
        return table

    def phase(self, text: str, lasts_s: float | None = None) -> None:
        self._phase, self._lasts_s, self._began_s = text, lasts_s, monotonic()

    def row(self, row: dict[str, Any], result: Result) -> None:
        self._p99s_s.append(row.get(self._latency, {}).get("p99"))
        self._rates.append(row[self._answers])
        self._texts = [text for text in (progress_text(row), server_text(result.server)) if text]
        self._error.look(result)

    def output(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._live.stop()
        self._output.end()
