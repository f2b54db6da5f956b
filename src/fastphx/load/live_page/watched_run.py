"""A run as its live page shows it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastphx.foreign_text import visible
from fastphx.load.live_page.feed import Feed, Moment
from fastphx.load.plan.threshold import Threshold
from fastphx.load.report.page_charts import percentiles
from fastphx.load.report.page_document import MAX_POINTS, page_document
from fastphx.load.result.result import Result

MAX_OUTPUT_LINES = 200
MAX_LINE_CHARS = 1000


@dataclass(frozen=True, slots=True)
class _Told:
    """How much of what only grows the moments until now have shown."""

    rows: int = 0
    server_rows: int = 0
    lines: int = 0
    whole_at: int = 0
    """How many rows there were when all had to be told at once."""
    phase: str = ""


class WatchedRun:
    """The `Progress` of a run that is watched, and its moments, which *feed* makes events of."""

    def __init__(self) -> None:
        self.feed = Feed(self.moment)
        self._result: Result
        self._ended: Mapping[str, Any] | None = None
        self._phase = "starting"
        self._phase_from_s = time.monotonic()
        self._phase_lasts_s: float | None = None
        self._output: deque[str] = deque(maxlen=MAX_OUTPUT_LINES)
        self._lines = 0
        self._begun_s: int | None = None
        """The last second before the schedule."""
        self._told = _Told()

    def watch(self, result: Result) -> None:
        """The run fills *result*; before, there are no moments."""
        self._result = result

    def phase(self, text: str, lasts_s: float | None = None) -> None:
        self._phase, self._phase_lasts_s = text, lasts_s
        self._phase_from_s = time.monotonic()
        self.feed.changed()

    def row(self, row: dict[str, Any], result: Result) -> None:
        if result.run_s and self._begun_s is None:
            self._begun_s = row["t"] - 1
        self.feed.changed()

    def output(self, text: str) -> None:
        self._output.append(visible(text, MAX_LINE_CHARS))
        self._lines += 1
        self.feed.changed()

    def close(self) -> None:
        pass

    def end(self, mapping: Mapping[str, Any]) -> None:
        """The run has ended, and its result is *mapping*."""
        self._ended = mapping
        self.feed.changed(hurry=True)

    # -- what is shown of it

    def moment(self) -> Moment:
        """The run as it is now."""
        ended, before = self._ended, self._told
        if ended is not None:
            return Moment(lambda: page_document(ended), None, is_last=True)
        result, lines = self._result, list(self._output)
        rows, server_rows = len(result.series), len(result.server.series)
        live = self._live()
        is_whole = before.phase != self._phase or rows - before.whole_at >= MAX_POINTS
        now = self._told = _Told(
            rows,
            server_rows,
            self._lines,
            rows if is_whole else before.whole_at,
            self._phase,
        )

        def document(since: _Told) -> dict[str, Any]:
            # The figures are those of the time when a viewer first needs them.
            shown = {**self._mapping_so_far(), "series": result.series[since.rows : rows]}
            if "server" in shown:
                shown["server"]["series"] = result.server.series[since.server_rows : server_rows]
            timed = result.latencies.items()
            shown["percentiles"] = {name: percentiles(each) for name, each in timed if each.count}
            new = min(now.lines - since.lines, len(lines))
            return {**page_document(shown), "live": {**live, "output": lines[len(lines) - new :]}}

        return Moment(
            whole=lambda: document(_Told()),
            update=None if is_whole else lambda: document(before),
            is_last=False,
        )

    def _live(self) -> dict[str, Any]:
        return {
            "phase": visible(self._phase),
            "elapsed_s": round(time.monotonic() - self._phase_from_s, 1),
            "planned_s": self._phase_lasts_s,
        }

    def _mapping_so_far(self) -> dict[str, Any]:
        """As if the run had ended now. There is no verdict yet, and what is a mean over the schedule in the
        end is that of the last second."""
        result = self._result
        mapping = {"outcome": "running", "sentences": [], **result.counted_mapping()}
        row: Mapping[str, Any] = result.series[-1] if result.series else {}
        mapping["throughput"] = {
            "duration_s": 0.0 if self._begun_s is None else float(row["t"] - self._begun_s),
            "pushes_per_s": row.get("pushes", 0) + row.get("casts", 0),
            "replies_per_s": row.get("replies", 0),
            "deliveries_per_s": row.get("deliveries", 0),
            **({"visits_per_s": row.get("visits_ok", 0)} if result.is_journey else {}),
        }
        checked = [Threshold.parse(each["expr"]).check(mapping) for each in result.thresholds]
        # What nothing was counted for until now has not failed yet.
        mapping["thresholds"] = [each for each in checked if each["value"] is not None]
        return mapping
