"""What a run must reach without being asked: each goal is a part of a whole that may fail at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastphx.errors import clip
from fastphx.load.plan.figures import LOST
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.threshold import Threshold
from fastphx.load.scenarios import scenario_class
from fastphx.load.scenarios.custom import Custom

Totals = Mapping[str, int]
Reasons = Mapping[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class Goal:
    """At most the plan's ``allow_…`` of *whole* may be *part*. A threshold on one of *figures* takes its
    place."""

    key: str
    what: str
    part: Callable[[Plan, Totals], int]
    whole: Callable[[Plan, Totals], int]
    figures: tuple[str, ...]
    holds_in_storm: bool = True
    holds_in_script: bool = True
    """A script pushes when it wants, even if it cannot."""
    is_of_held: bool | None = None
    """Only for scenarios whose sockets are held (True), or come and go (False)."""


GOALS = (
    Goal(
        "allow_unjoined",
        "sockets were not joined to all their topics when the schedule ended",
        lambda plan, totals: plan.connections - totals["alive_at_end"] - totals["closed_by_script"],
        lambda plan, totals: plan.connections,
        ("alive_at_end",),
        is_of_held=True,
    ),
    Goal(
        "allow_unjoined",
        "sockets could not connect or join",
        lambda plan, totals: totals["connect_errors"] + totals["join_errors"],
        lambda plan, totals: totals["connect_attempts"],
        ("connect_errors", "join_errors"),
        is_of_held=False,
    ),
    Goal(
        "allow_disconnects",
        "connections were lost",
        lambda plan, totals: totals["disconnects"],
        lambda plan, totals: totals["connections"],
        ("disconnects",),
        holds_in_storm=False,
    ),
    Goal(
        "allow_crashes",
        "joins ended because their channel crashed or was closed",
        lambda plan, totals: totals["channel_errors"] + totals["channel_closes"],
        lambda plan, totals: totals["joins"],
        ("channel_errors", "channel_closes"),
        holds_in_storm=False,
    ),
    Goal(
        "allow_lost",
        "pushes were lost",
        lambda plan, totals: totals["lost"],
        lambda plan, totals: totals["pushes"],
        ("lost", *LOST),
    ),
    Goal(
        "allow_error_replies",
        "pushes were answered with another status than ok",
        lambda plan, totals: totals["error_replies"],
        lambda plan, totals: totals["pushes"],
        ("error_replies",),
    ),
    Goal(
        "allow_unsent",
        "pushes were due and not sent: no socket was joined, or a bound was reached",
        lambda plan, totals: totals["unsent"],
        lambda plan, totals: totals["arrivals"],
        ("unsent",),
        holds_in_storm=False,
        holds_in_script=False,
    ),
    Goal(
        "allow_missing",
        "deliveries were missing",
        lambda plan, totals: totals["missing_deliveries"],
        lambda plan, totals: totals["expected_deliveries"],
        ("missing_deliveries",),
    ),
)


def missed_goals(plan: Plan, totals: Totals, reasons: Reasons) -> list[str]:
    """A sentence for each goal that was missed, with the likely cause."""
    scenario = scenario_class(plan.scenario)
    asked = {Threshold.parse(text).figure for text in plan.thresholds}
    sentences, causes = [], [""]
    for goal in GOALS:
        if goal.is_of_held not in (None, scenario.holds) or asked.intersection(goal.figures):
            continue
        if scenario.has_herd and not goal.holds_in_storm:
            continue
        if issubclass(scenario, Custom) and not goal.holds_in_script:
            continue
        part, whole = goal.part(plan, totals), goal.whole(plan, totals)
        allowed: float = getattr(plan, goal.key)
        if whole and part > allowed * whole:
            flag = f"--{goal.key.replace('_', '-')}"
            cause = _cause(goal, plan, totals, reasons)
            is_told = cause in causes
            causes.append(cause)
            sentences.append(
                f"{part:,} of {whole:,} {goal.what} ({flag} is {100 * allowed:g}%)"
                + ("" if is_told else f": {cause}")
            )
    return sentences


def missed_visits(plan: Plan, visits: Totals, reasons: Reasons) -> list[str]:
    """The one goal of a journey: that its visits do not fail. What else may fail is left to its script."""
    asked = {Threshold.parse(text).figure for text in plan.thresholds}
    failed, begun, allowed = visits["failed"], visits["begun"], plan.allow_failed
    if failed <= allowed * begun or "visits.failed" in asked:
        return []
    ((why, number),) = reasons["visit"].most_common(1) if reasons.get("visit") else [("", 0)]
    cause = f": {why} ({'all of them' if number == failed else f'{number:,} of them'})" if why else ""
    return [f"{failed:,} of {begun:,} visits failed (--allow-failed is {100 * allowed:g}%){cause}"]


def _cause(goal: Goal, plan: Plan, totals: Totals, reasons: Reasons) -> str:
    match goal.key:
        case "allow_lost":
            return _why_lost(plan, totals, reasons)
        case "allow_crashes" | "allow_missing":
            return why_channels_ended(plan, totals)
        case "allow_disconnects":
            return _main(reasons, "disconnect")
        case "allow_unjoined":
            return why_channels_ended(plan, totals) or _main(reasons, "connect") or _main(reasons, "join")
    return ""


def _why_lost(plan: Plan, totals: Totals, reasons: Reasons) -> str:
    most = max(LOST, key=lambda name: totals[name])
    if most in ("lost_errored", "lost_closed"):
        return why_channels_ended(plan, totals)
    if most == "lost_disconnected":
        return f"their connection ended ({_main(reasons, 'disconnect')})"
    if totals["replies"] or totals["error_replies"]:
        return f"no reply came within {plan.timeout_s:g}s, or before the end"
    return f"not one was answered: the channel seems not to reply to {_event(plan)}"


def why_channels_ended(plan: Plan, totals: Totals) -> str:
    """The likely cause if channels that were pushed to crashed or were closed; otherwise empty."""
    if not totals["pushes"] + totals["casts"]:
        return ""
    if totals["channel_errors"]:
        return f"the channel seems to crash on {_event(plan)}, which it may not know"
    if totals["channel_closes"]:
        return f"the channel seems to be closed by the server on {_event(plan)}"
    return ""


def _event(plan: Plan) -> str:
    return (
        "what the scenario pushes"
        if issubclass(scenario_class(plan.scenario), Custom)
        else f"the event{'s' if len(plan.events) > 1 else ''} {' or '.join(map(clip, plan.event_names))}"
    )


def _main(reasons: Reasons, kind: str) -> str:
    counted = reasons.get(kind)
    return counted.most_common(1)[0][0] if counted else ""
