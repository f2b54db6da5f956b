"""The steps and checks of a journey, merged from the lines of all workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from fastphx.foreign_text import clipped, visible
from fastphx.load.result.latency import latency_mapping
from fastphx.load.result.reasons import MAX_REASONS, OTHER
from fastphx.load.result.step_histogram import StepHistogram

MAX_NAMES = 500
"""Different steps, and different checks, that are kept; the rest is counted as "other"."""
MAX_NEAREST = 5


@dataclass(slots=True)
class Step:
    """What the users waited for under one name. ``attempts`` is ``ok + errors + cut`` when all have ended."""

    name: str
    attempts: int = 0
    ok: int = 0
    cut: int = 0
    """Those that the end of the run has cut."""
    bytes: int = 0
    """What was read for those that ended ok."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why how many failed; at most MAX_REASONS different ones, the rest is "other"."""
    latency: StepHistogram = field(default_factory=StepHistogram)
    """Of those that ended ok."""

    def add(self, counted: Mapping[str, Any]) -> None:
        """Add what a line tells of this step."""
        self.attempts += counted.get("attempts", 0)
        self.ok += counted.get("ok", 0)
        self.cut += counted.get("cut", 0)
        self.bytes += counted.get("bytes", 0)
        for reason, number in counted.get("reasons", {}).items():
            known = clipped(reason)
            has_room = known in self.reasons or len(self.reasons) < MAX_REASONS
            self.reasons[known if has_room else OTHER] += number
        if "histogram" in counted:
            self.latency.add_export(counted["histogram"])

    @property
    def errors(self) -> int:
        return self.reasons.total()

    @property
    def error_rate(self) -> float | None:
        """The part of those that have ended by themselves that failed; None if none has."""
        ended = self.ok + self.errors
        return self.errors / ended if ended else None

    @property
    def min_s(self) -> float:
        return self.latency.min_ns / 1e9

    @property
    def mean_s(self) -> float:
        return self.latency.mean_ns / 1e9

    @property
    def p50_s(self) -> float:
        return self.percentile_s(50)

    @property
    def p90_s(self) -> float:
        return self.percentile_s(90)

    @property
    def p95_s(self) -> float:
        return self.percentile_s(95)

    @property
    def p99_s(self) -> float:
        return self.percentile_s(99)

    @property
    def p999_s(self) -> float:
        return self.percentile_s(99.9)

    @property
    def max_s(self) -> float:
        return self.latency.max_ns / 1e9

    def percentile_s(self, percentile: float) -> float:
        """The latency at *percentile* (0 to 100) of those that ended ok, in seconds to two digits; 0 where
        none did. Raises ValueError if it is no percentile.
        """
        return self.latency.percentile_ns(percentile) / 1e9

    def to_mapping(self) -> dict[str, Any]:
        return {
            "attempts": self.attempts,
            "ok": self.ok,
            "errors": self.errors,
            "cut": self.cut,
            "bytes": self.bytes,
            "error_rate": self.error_rate,
            "reasons": dict(self.reasons.most_common()),
            "latency": latency_mapping(self.latency),
        }


@dataclass(slots=True)
class Check:
    """What the users have found to be so, or not, under one name."""

    name: str
    passed: int = 0
    failed: int = 0

    @property
    def rate(self) -> float:
        """The part that passed; 0 if none was made."""
        made = self.passed + self.failed
        return self.passed / made if made else 0.0

    def to_mapping(self) -> dict[str, Any]:
        return {"passed": self.passed, "failed": self.failed, "rate": self.rate}


def add_steps(steps: dict[str, Step], counted: Mapping[str, Mapping[str, Any]]) -> None:
    """Add a line's ``steps``."""
    for name, figures in counted.items():
        known = _known_name(steps, name)
        steps.setdefault(known, Step(known)).add(figures)


def add_checks(checks: dict[str, Check], counted: Mapping[str, list[int]]) -> None:
    """Add a line's ``checks``."""
    for name, (passed, failed) in counted.items():
        known = _known_name(checks, name)
        check = checks.setdefault(known, Check(known))
        check.passed += passed
        check.failed += failed


def _known_name(names: Mapping[str, object], name: str) -> str:
    """*name* as all reports write it, so that no two are the same in one of them."""
    shown = visible(name)
    return shown if shown in names or len(names) < MAX_NAMES else OTHER


def nearest(name: str, names: Iterable[str]) -> str:
    """Those of *names* that are most like *name*, first; empty if there are none."""
    found = sorted(names, key=lambda each: -SequenceMatcher(None, name, each).ratio())
    more = f", and {len(found) - MAX_NEAREST} more" if len(found) > MAX_NEAREST else ""
    return f"there were {', '.join(found[:MAX_NEAREST])}{more}" if found else ""


def main_failure(steps: Mapping[str, Step]) -> str:
    """The most frequent reason of all, and whose step's it is; empty if no step failed."""
    failed = [
        (number, step.name, reason) for step in steps.values() for reason, number in step.reasons.items()
    ]
    if not failed:
        return ""
    number, name, reason = max(failed, key=lambda each: each[0])
    return f"{name} failed {number:,} time{'s' if number > 1 else ''}: {reason}"
