"""Times, rates and parts as people write them, in base units: seconds, a second, the whole."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError

MAX_RATE_PER_S = 10_000_000.0
MAX_DURATION_S = 30 * 86400.0
MAX_LAG_S = 60.0
"""A larger limit limits nothing: who writes 500 means milliseconds."""
MAX_TOLERANCE = 1000.0

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|h)?")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/\s*(s|m|h))?")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(%)?")


def duration_s(value: object, what: str = "the duration") -> float:
    """``"500ms"``, ``"30s"``, ``"2m"``, ``"1h"`` or a number of seconds, in seconds. Raises PlanError."""
    seconds = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        seconds = float(match[1]) * _SECONDS[match[2]]
    if not 0 <= seconds <= MAX_DURATION_S:
        raise PlanError(f"{what} is {clip(str(value))}: give a time like 500ms, 30s or 2m, at most 30 days")
    return seconds


def rate_per_s(value: object, what: str = "the rate") -> float:
    """``"100/s"``, ``"30/m"`` or a number a second, in units a second. Raises PlanError."""
    rate = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        rate = float(value)
    elif isinstance(value, str) and (match := _RATE.fullmatch(value.strip())):
        rate = float(match[1]) / _SECONDS[match[2] or "s"]
    if not 0 <= rate <= MAX_RATE_PER_S:
        raise PlanError(
            f"{what} is {clip(str(value))}: give a number a second like 500 or 500/s, "
            f"at most {MAX_RATE_PER_S:g}"
        )
    return rate


def part(value: object) -> float:
    """``"95%"`` or ``0.95``: a part of the whole. Raises PlanError, also for 95, which would be 9,500 %."""
    found = _fraction(value)
    if found > 1 and not _is_percentage(value):
        raise PlanError(
            f"{_shown(value)} is {100 * found:,.6g} %: write {_shown(value)}% for that part of it"
        )
    if found > 1:
        raise PlanError(f"{_shown(value)} is more than the whole: give at most 100%")
    if not found >= 0:
        raise PlanError(f"{_shown(value)} is not a part like 95% or 0.95")
    return found


def share_above_0(value: object) -> float:
    """A :func:`part` that is not nothing. Raises PlanError."""
    found = part(value)
    if not found:
        raise PlanError(f"{_shown(value)} is not a part like 95% or 0.95")
    return found


def tolerance(value: str) -> float:
    """How much worse is still no worse: ``"5%"`` or ``"0.05"``; a percentage may be above 100. Raises
    PlanError."""
    found = _fraction(value)
    if found > 1 and not _is_percentage(value):
        raise PlanError(f"the tolerance {_shown(value)} is {100 * found:,.6g} %: write {_shown(value)}%")
    if not 0 <= found <= MAX_TOLERANCE:
        raise PlanError(f"the tolerance {clip(value)} is not like 5% or 0.05")
    return found


def lag_s(value: object) -> float:
    """How long this machine may lag: a text with its unit, like ``100ms``, or a number of seconds of a plan
    file. Raises PlanError."""
    if isinstance(value, str) and value.strip().replace(".", "", 1).isdecimal():
        number = value.strip()
        raise PlanError(f"{number} has no unit: write {number}ms or {number}s")
    seconds = duration_s(value, "the lag")
    if seconds > MAX_LAG_S:
        raise PlanError(f"{seconds:g}s is no limit: give a time like 500ms, at most {MAX_LAG_S:g}s")
    return seconds


def _fraction(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and (match := _PART.fullmatch(value.strip())):
        return float(match[1]) / (100 if match[2] else 1)
    return math.nan


def _is_percentage(value: object) -> bool:
    return isinstance(value, str) and value.rstrip().endswith("%")


def _shown(value: object) -> str:
    return clip(value.strip()).strip("'") if isinstance(value, str) else str(value)[:40]


def _plain(number: float) -> str:
    """The number without an exponent, and without loss."""
    written = repr(number).removesuffix(".0")
    if "e" not in written:
        return written
    # So small or so large a number is rare, and every worker would hold the module.
    from decimal import Decimal

    return format(Decimal(written), "f")


@dataclass(frozen=True, slots=True)
class RateStep:
    """*rate* arrivals a second, over all connections, for *duration_s* seconds."""

    rate: float
    duration_s: float

    def __str__(self) -> str:
        return f"{_plain(self.rate)}/s:{_plain(self.duration_s)}s"


def rate_steps(rate: object, duration: object) -> tuple[RateStep, ...]:
    """A constant *rate* over *duration*, or the steps of ``"100/s:30s,500/s:60s"``. Raises PlanError."""
    if not (isinstance(rate, str) and ":" in rate):
        steps = [RateStep(rate_per_s(rate), duration_s(10.0 if duration is None else duration))]
    else:
        steps = [
            RateStep(rate_per_s(each), duration_s(length, "a step's duration"))
            for each, _, length in (step.partition(":") for step in rate.split(","))
        ]
        total_s = sum(step.duration_s for step in steps)
        if duration is not None and not math.isclose(duration_s(duration), total_s, abs_tol=1e-6):
            raise PlanError(
                f"the duration is {clip(str(duration))} and the steps of the rate last {total_s:g}s: "
                "leave it out"
            )
    if any(step.duration_s <= 0 for step in steps):
        raise PlanError("the duration is 0: give a time like 10s")
    return tuple(steps)


def seconds(value: float | None) -> str:
    """A time, in the unit that suits it."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale * 0.9995:
            return f"{digits(value / scale)} {unit}"
    return f"{digits(value * 1e9)} ns"


def digits(value: float) -> str:
    """Three significant ones, and no fewer before the point than there are."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
