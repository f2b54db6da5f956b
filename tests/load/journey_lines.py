"""A journey's result, made of lines as its workers write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from fastphx.load.plan.plan import Plan
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.result import Result
from fastphx.load.result.step_histogram import StepHistogram
from fastphx.load.scenarios import Scenario


class Journey(Scenario):
    """A scenario of users that needs no file of them."""

    name: ClassVar[str] = "journey"
    holds: ClassVar[bool] = False
    is_journey: ClassVar[bool] = True


def timed(values_ms: list[float], kind: type[Histogram | StepHistogram] = Histogram) -> dict[str, Any]:
    histogram = kind()
    for value in values_ms:
        histogram.record(int(value * 1e6))
    return histogram.export()


def step(*ok_ms: float, cut: int = 0, reasons: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What a line tells of a step; what is 0 or empty is left out, as a worker does."""
    reasons = reasons or {}
    counted = {
        "attempts": len(ok_ms) + cut + sum(reasons.values()),
        "ok": len(ok_ms),
        "cut": cut,
        "bytes": 100 * len(ok_ms),
        "reasons": dict(reasons),
        "histogram": timed(list(ok_ms), StepHistogram) if ok_ms else {},
    }
    return {name: value for name, value in counted.items() if value}


def line(
    steps: Mapping[str, Any] | None = None,
    checks: Mapping[str, list[int]] | None = None,
    *,
    reasons: Mapping[str, Mapping[str, int]] | None = None,
    visits_ms: tuple[float, ...] = (),
    **counts: int,
) -> dict[str, Any]:
    return {
        "type": "stats",
        "at_ns": 0,
        "counts": counts,
        "histograms": {name: timed(list(visits_ms)) for name in ("visit", "visit_uncorrected") if visits_ms},
        "reasons": dict(reasons or {}),
        "steps": dict(steps or {}),
        "checks": dict(checks or {}),
        **dict.fromkeys(("connected", "joined", "in_flight", "visiting"), 1),
        "rss_bytes": 1 << 20,
        "cpu_s": 0.5,
    }


def journey(*lines: dict[str, Any], **plan: Any) -> Result:
    """The result of a journey of 10 s whose workers wrote *lines*, one a second."""
    result = Result(Plan.from_mapping({"scenario": "journey", **plan}), run_s=10.0, workers=1)
    for second, each in enumerate(lines):
        result.add_line(each, second)
        result.run_counts.update(each["counts"])
    result.close_seconds(len(lines), 1)
    return result


def shop(**plan: Any) -> Result:
    """A journey of two steps that went well but for a few."""
    steps = {
        "connect /socket": step(*[2.0] * 100),
        "push echo": step(*[1.0] * 280, 40.0, 50.0, cut=2, reasons={"timeout": 7, "status error": 3}),
    }
    return journey(
        line(
            steps,
            {"echoed": [278, 4], "has a price": [40, 0]},
            visits_ms=(30.0,) * 90,
            arrivals=100,
            visits=100,
            visits_ok=90,
            visits_failed=8,
            visits_cut=2,
            connect_attempts=100,
            connections=100,
            closed=100,
            joins=100,
            join_attempts=100,
        ),
        **plan,
    )
