"""What a journey's reports have in common: the columns of its steps, and the sums that hold of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastphx.load.plan.figures import named
from fastphx.load.report.readable import count, first_reasons, lagged, per_second

MAX_ROWS_SHOWN = 100
MAX_REASONS_SHOWN = 3
MAX_REASONS_CHARS = 400
"""Of those of one step, in text."""
STEP_COLUMNS = ("attempts", "ok/s", "errors", "p50", "p95", "p99", "max")
CHECK_COLUMNS = ("passed", "failed", "rate")


def step_cells(
    mapping: Mapping[str, Any], name: str, time: Callable[[float | None, float | None], str] = lagged
) -> list[str]:
    """STEP_COLUMNS of one step; *time* writes a latency, with this machine's own lag if that is told."""
    step, duration_s = mapping["steps"][name], mapping["throughput"]["duration_s"]
    own_lag = mapping["own_lag"].get(named("step", name), {})
    return [
        count(step["attempts"]),
        per_second(step["ok"] / duration_s).removesuffix("/s") if duration_s else "-",
        count(step["errors"]),
        *(time(step["latency"].get(figure), own_lag.get(figure)) for figure in STEP_COLUMNS[3:]),
    ]


def check_cells(check: Mapping[str, Any]) -> list[str]:
    """CHECK_COLUMNS of one check."""
    return [count(check["passed"]), count(check["failed"]), percent(check["rate"])]


def percent(part: float) -> str:
    """A part of a whole. It is 100 % only if it is all of it."""
    shown = f"{100 * part:.4g}"
    return f"{100 * part:.12g} %" if shown == "100" else f"{shown} %"


def reasons_of(step: Mapping[str, Any]) -> str:
    """The most frequent reasons of a step's errors, in few words."""
    return first_reasons(step["reasons"], MAX_REASONS_SHOWN)


def sums(mapping: Mapping[str, Any]) -> list[str]:
    """The sums of visits and steps, a line each."""
    visits, steps = mapping["visits"], mapping["steps"].values()
    each = {name: sum(step[name] for step in steps) for name in ("attempts", "ok", "errors", "cut")}
    return [
        _sum("visits", visits, "due", ("begun", "unsent")),
        _sum("visits", visits, "begun", ("ok", "failed", "cut")),
        _sum("steps", each, "attempts", ("ok", "errors", "cut")),
    ]


def _sum(what: str, counts: Mapping[str, int], whole: str, parts: tuple[str, ...]) -> str:
    # Of what was under way in a worker that died, the end is not known.
    rest = counts[whole] - sum(counts[part] for part in parts)
    unknown = f" + {count(rest)} whose end is not known" if rest else ""
    listed = " + ".join(f"{count(counts[part])} {part}" for part in parts)
    return f"{what}: {count(counts[whole])} {whole} = {listed}{unknown}"
