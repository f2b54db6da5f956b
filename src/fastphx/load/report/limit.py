"""How the reports show a search for a limit: its steps as rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastphx.load.plan.figures import LATENCIES, LIMIT_TITLES, RATES
from fastphx.load.plan.units import seconds
from fastphx.load.report.readable import count, per_second

COLUMNS = ("for", "came of it", "joined", "answered", "p50", "p99", "own lag", "why")
OUTCOMES = {"held": "held", "broke": "broke", "own": "this machine"}
MAX_WHY_CHARS = 300


def load_cell(limit: Mapping[str, Any], load: float) -> str:
    """The load of a step."""
    return per_second(load) if limit["figure"] in RATES else count(load)


def step_rows(limit: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The load of each step, and its cells under COLUMNS; the last one, why, is foreign text."""
    return [
        (
            load_cell(limit, step["load"]),
            [
                step["purpose"],
                OUTCOMES[step["outcome"]],
                count(step["joined"]),
                per_second(step["throughput_per_s"]),
                seconds(step["p50_s"]),
                seconds(step["p99_s"]),
                seconds(step["own_lag_s"]),
                step["why"],
            ],
        )
        for step in limit["steps"]
    ]


def titles(limit: Mapping[str, Any]) -> tuple[str, ...]:
    """The titles of the rows: the load's, and COLUMNS with the name of the latency."""
    name = LATENCIES[limit["steps"][0]["latency"]] if limit["steps"] else "latency"
    columns = [f"{name} {title}" if title in ("p50", "p99") else title for title in COLUMNS]
    return (LIMIT_TITLES[limit["figure"]], *columns)
