"""What the visits of a journey did, as rows of Locust's request table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastphx.load.locust.statistics import ODD, STEP_HALF_MAGNITUDE, Row, adding_up

UNNAMED = "step"
"""The type of a step whose name is one word."""
LEFT_REASONS = ("left open", "stop")
"""What visits leave behind when they end."""


def journey_rows(line: Mapping[str, Any], script: str) -> Iterator[Row]:
    """The rows of one stats, steps or final line; *script* is the name of the file. Visits and checks are not
    in the total: the steps that they are of are."""
    for name, step in line.get("steps", {}).items():
        yield step_row(name, step)
    for name, (passed, failed) in line.get("checks", {}).items():
        yield Row(name, passed + failed, failed, {"check failed": failed}, method="check", is_in_total=False)
    counts: Mapping[str, int] = line.get("counts", {})
    reasons: Mapping[str, Mapping[str, int]] = line.get("reasons", {})

    def count(name: str) -> int:
        return counts.get(name, 0)

    failed = count("visits_failed")
    yield Row(
        script,
        count("visits_ok") + count("visits_cut") + failed,
        failed,
        adding_up(reasons, "visit", failed, "failed"),
        line.get("histograms", {}).get("visit"),
        method="visit",
        is_in_total=False,
    )
    yield Row("cast", count("casts"))
    yield Row("deliver", count("deliveries"), size_bytes=count("delivery_bytes"))
    lost = count("disconnects")
    yield Row("disconnect", lost, lost, adding_up(reasons, "disconnect", lost, "disconnected"))
    yield Row("drop unread message", count("unread_dropped"))
    odd = {reason: number for name, reason in ODD.items() if (number := count(name))}
    for kind in LEFT_REASONS:
        odd |= reasons.get(kind, {})
    yield Row("unexpected", sum(odd.values()), sum(odd.values()), odd)


def step_row(name: str, step: Mapping[str, Any]) -> Row:
    """One row a name. What was cut is a request without a response time, and no failure."""
    kind, _, what = name.partition(" ")
    reasons: Mapping[str, int] = step.get("reasons", {})
    errors = sum(reasons.values())
    return Row(
        what or name,
        step.get("ok", 0) + errors + step.get("cut", 0),
        errors,
        reasons,
        step.get("histogram"),
        step.get("bytes", 0),
        method=kind if what else UNNAMED,
        half_magnitude=STEP_HALF_MAGNITUDE,
    )
