"""A run's progress drawn in place, for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from fastphx.load.plan.plan import Plan
from fastphx.load.report.plain_progress import progress_text
from fastphx.load.report.server import server_text
from fastphx.load.result.result import Result


class LiveProgress:
    """A bar and the last second's figures, drawn in place."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._first: int | None = None
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[at]}")
        )
        self._task = self._bar.add_task("starting", total=plan.duration_s, at="")
        self._live = Live(self._table(), console=Console(), refresh_per_second=4, transient=True)
        self._live.start()

    def _table(self, *texts: str) -> Table:
        table = Table.grid()
        table.add_row(self._bar)
        for line in filter(None, texts):
            table.add_row(escape(line))
        return table

    def phase(self, text: str) -> None:
        self._bar.update(self._task, description=escape(text))

    def row(self, row: dict[str, Any], result: Result) -> None:
        if result.run_s:
            self._first = row["t"] - 1 if self._first is None else self._first
            at_s = min(row["t"] - self._first, self._plan.duration_s)
            self._bar.update(self._task, completed=at_s, at=f"{at_s:g}s")
        self._live.update(self._table(progress_text(row), server_text(result.server)))

    def output(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._live.stop()
