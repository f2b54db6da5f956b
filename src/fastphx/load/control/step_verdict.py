"""What a step of a search for a limit came to: the server held it or not, or this machine was in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastphx.load.plan.figures import LATENCIES, LOST
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.threshold import Threshold, shown_value
from fastphx.load.plan.units import seconds
from fastphx.load.result.counted import OPENING
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.limit import Outcome
from fastphx.load.result.result import Result
from fastphx.load.scenarios import scenario_class

MOST_TOLD = 3
"""Of what broke a step, that is told."""
LEAST_DRIFTING = 100
"""Samples of each third from which on its p99 is one."""
RISE = 1.25
"""A p99 drifts where each third's is so much higher than that of the third before,"""
WHOLE_RISE = 2.0
"""the last one so much higher than the first,"""
LEAST_RISE_S = 0.002
"""and by so much: less is the grid of arrivals, and the timers'. What this machine lagged is taken off."""
BREAKS = {
    "connect_errors": ("connection attempts failed", "connect"),
    "join_errors": ("joins failed", "join"),
    "disconnects": ("connections were lost", "disconnect"),
    "channel_errors": ("channels crashed", "channel"),
    "channel_closes": ("channels were closed by the server", "channel"),
    "lost": ("pushes were lost", ""),
    "unsent": ("were due and not sent", ""),
}
"""What breaks a step wherever it is not 0 and no threshold is on it, and the kind of its reasons."""


@dataclass(frozen=True, slots=True)
class StepVerdict:
    outcome: Outcome
    why: str = ""


def main_latency(plan: Plan) -> str:
    """The latency that a plan's load is told by."""
    scenario = scenario_class(plan.scenario)
    if scenario.is_journey:
        return "visit"
    if scenario.is_stamped:
        return "delivery"
    return "rtt" if scenario.holds and (plan.think_time_s or plan.rate[0].rate) else "join"


def judge_step(step: Result, thirds: Sequence[Histogram]) -> StepVerdict:
    """*step* is all that was counted in it, and what was timed in its last two thirds; *thirds* are the main
    latency of each."""
    bottlenecks = step.bottlenecks
    if bottlenecks:
        return StepVerdict("own", bottlenecks[0])
    thresholds = step.thresholds
    excused = step.excused(thresholds)
    failed = [
        f"{each['expr']} failed: "
        + ("nothing was counted for it" if each["value"] is None else f"it is {shown_value(each)}")
        for each in judged_thresholds(step)
        if not each["ok"] and each["expr"] not in excused
    ]
    broken = [*failed, *_breaks(step), *step.missed_goals, *_drift(step, thirds)]
    if broken:
        return StepVerdict("broke", "; ".join(broken[:MOST_TOLD]))
    return StepVerdict("own", next(iter(excused.values()))) if excused else StepVerdict("held")


def judged_thresholds(step: Result) -> list[dict[str, Any]]:
    """Those that can be looked at: where no connection was opened, none was timed."""
    return [
        each
        for each in step.thresholds
        if each["value"] is not None
        or not scenario_class(step.plan.scenario).holds
        or Threshold.parse(each["expr"]).figure.partition(".")[0] not in OPENING
    ]


def break_counts(step: Result) -> dict[str, int]:
    """What breaks a step, and is not 0."""
    totals = step.totals
    return {name: totals[name] for name in BREAKS if totals[name]}


def _breaks(step: Result) -> list[str]:
    asked = {Threshold.parse(text).figure for text in step.plan.thresholds}
    sentences = []
    for name, number in break_counts(step).items():
        if step.is_journey and name not in ("unsent", "disconnects"):
            # What a visit makes of it is its script's affair.
            continue
        if name in asked or (name == "lost" and asked.intersection(LOST)):
            continue
        what, kind = BREAKS[name]
        reason = step.reasons.get(kind)
        why = f" ({reason.most_common(1)[0][0]})" if reason else ""
        sentences.append(f"{number:,} {what}{why}")
    return sentences


def _drift(step: Result, thirds: Sequence[Histogram]) -> list[str]:
    """Latency that rises all the time has no value yet: the server takes in more than it gives out."""
    if len(thirds) != 3 or any(third.count < LEAST_DRIFTING for third in thirds):
        return []
    name = main_latency(step.plan)
    first, second, last = (third.percentile_ns(99) / 1e9 for third in thirds)
    rise_s = last - first - step.own_lag_s(name, "p99")
    if second < RISE * first or last < RISE * second or last < WHOLE_RISE * first or rise_s < LEAST_RISE_S:
        return []
    values = ", ".join(map(seconds, (first, second, last)))
    return [f"the p99 of the {LATENCIES[name]} drifts: {values} by thirds of the step"]
