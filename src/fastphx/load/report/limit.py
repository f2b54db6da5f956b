"""How the reports show a search for a limit: its steps as rows, and a curve of throughput and latency."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from fastphx.foreign_text import html_text
from fastphx.load.plan.figures import LATENCIES, LIMIT_TITLES, RATES
from fastphx.load.report.readable import count, per_second, seconds

COLUMNS = ("for", "came of it", "joined", "answered", "p50", "p99", "own lag", "why")
OUTCOMES = {"held": "held", "broke": "broke", "own": "this machine"}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 240, 70, 70, 26, 40
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


def curve(limit: Mapping[str, Any]) -> str:
    """Throughput, and p99 on a log scale, over the load, as SVG: each step is a point, hollow where it has
    not held; the lines go through the mean of each load. Empty where there are fewer than two loads."""
    steps = [step for step in limit["steps"] if step["p99_s"]]
    loads: list[float] = sorted({step["load"] for step in steps})
    if len(loads) < 2:
        return ""
    most = max(step["throughput_per_s"] for step in steps) or 1.0
    lowest, highest = (pick(math.log10(1e3 * step["p99_s"]) for step in steps) for pick in (min, max))
    # A decade at least: what hardly changes is a flat line.
    highest = max(highest, lowest + 1)

    def x(load: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * load / loads[-1]

    def y(part: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * part

    def line(kind: str, part: Callable[[Mapping[str, Any]], float]) -> str:
        parts = {load: [part(step) for step in steps if step["load"] == load] for load in loads}
        path = " ".join(f"{x(load):.1f},{y(sum(each) / len(each)):.1f}" for load, each in parts.items())
        dots = "".join(
            f'<circle cx="{x(step["load"]):.1f}" cy="{y(part(step)):.1f}" r="4"'
            f"{'' if step['outcome'] == 'held' else ' class=open'}>"
            f"<title>{html_text(_told(limit, step))}</title></circle>"
            for step in steps
        )
        return f'<g class="{kind}"><polyline points="{path}"/>{dots}</g>'

    def text(at: tuple[float, float], anchor: str, words: str, kind: str = "") -> str:
        kind = f' class="{kind}"' if kind else ""
        words = html_text(words)
        return f'<text x="{at[0]:.0f}" y="{at[1]:.0f}" text-anchor="{anchor}"{kind}>{words}</text>'

    parts = (0.0, 0.5, 1.0)
    texts = [
        *(text((x(p * loads[-1]), HEIGHT - BOTTOM + 16), "middle", _short(p * loads[-1])) for p in parts),
        *(text((LEFT - 8, y(p) + 4), "end", _short(p * most)) for p in parts),
        *(
            text(
                (WIDTH - RIGHT + 8, y(p) + 4), "start", seconds(10 ** (lowest + p * (highest - lowest)) / 1e3)
            )
            for p in parts
        ),
        text((WIDTH / 2, HEIGHT - 6), "middle", LIMIT_TITLES[limit["figure"]]),
        text((LEFT, TOP - 6), "start", "answered a second", "answered"),
        text((WIDTH - RIGHT, TOP - 6), "end", f"{LATENCIES[steps[0]['latency']]} p99, log scale", "latency"),
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="curve" aria-label="throughput and latency">'
        + "".join(texts)
        + line("answered", lambda step: step["throughput_per_s"] / most)
        + line("latency", lambda step: (math.log10(1e3 * step["p99_s"]) - lowest) / (highest - lowest))
        + "</svg>"
    )


def _told(limit: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    answered = per_second(step["throughput_per_s"])
    return (
        f"{load_cell(limit, step['load'])} {OUTCOMES[step['outcome']]}: {answered}, {seconds(step['p99_s'])}"
    )


def _short(value: float) -> str:
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
