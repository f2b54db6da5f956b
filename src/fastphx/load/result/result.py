"""What a run came to: merged counts and latencies, the outcome, and the exit code."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fastphx.load.plan.figures import COUNTS, GAUGES, LATENCIES, LOST, MESSAGES, PERCENTILES
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.threshold import Threshold, shown_value
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.series import Second
from fastphx.load.scenarios import scenario_class

SCHEMA = "fastphx.load/1"
EXIT_CODES = {"ok": 0, "thresholds_failed": 99, "invalid": 4, "failed": 5, "interrupted": 130}
EXIT_NO_CONNECTION = 3


def latency_mapping(histogram: Histogram) -> dict[str, float]:
    """The figures of a histogram in seconds, as HdrHistogram gives them; only ``count`` where it is empty."""
    if not histogram.count:
        return {"count": 0}
    figures: dict[str, float] = {
        "count": histogram.count,
        "mean": histogram.mean_ns / 1e9,
        "min": histogram.min_ns / 1e9,
    }
    figures |= {name: histogram.percentile_ns(level) / 1e9 for name, level in PERCENTILES.items()}
    figures["max"] = histogram.max_ns / 1e9
    return figures


@dataclass
class Result:
    """Merged from the lines of all workers; times in seconds, sizes in bytes."""

    plan: Plan
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTS, 0)))
    histograms: dict[str, Histogram] = field(default_factory=dict)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    series: list[dict[str, Any]] = field(default_factory=list)
    workers: int = 0
    alive_at_end: int = 0
    closed_by_script: int = 0
    """Sockets that the scenario's own code was done with before the end."""
    cpu_s: float = 0.0
    run_cpu_s: float = 0.0
    """The workers' CPU time while the schedule ran."""
    run_loop_lag_s: float = 0.0
    """The longest that a worker did not run while the schedule did."""
    run_cpu_share: float = 0.0
    """The part of a core that the busiest worker used while the schedule ran."""
    run_counts: Counter[str] = field(default_factory=Counter)
    """What was counted while the schedule ran."""
    run_s: float = 0.0
    rss_bytes: int = 0
    """With all joined."""
    rss_empty_bytes: int = 0
    """Before the first connection."""
    interrupted: bool = False
    failures: list[str] = field(default_factory=list)
    """Why the run failed, a sentence each."""
    topics: dict[str, list[int]] = field(default_factory=dict)
    """Published, received, and subscribers when the schedule started, where pushes are stamped."""
    events: dict[str, list[int]] = field(default_factory=dict)
    """Count and bytes, where events are counted."""
    herd: Counter[int] = field(default_factory=Counter)
    """Connection attempts in each tenth of a second since the storm."""
    gauges: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GAUGES, 0))
    """As the last merged second left them."""
    seconds: dict[int, Second] = field(default_factory=dict)

    # -- merging

    def add_line(self, line: dict[str, Any], second: int) -> None:
        """Add a worker's stats or final line, which ended in the given second of the run."""
        self.counts.update(line["counts"])
        for name, exported in line["histograms"].items():
            self.histograms.setdefault(name, Histogram()).add_export(exported)
        for kind, reasons in line["reasons"].items():
            self.reasons.setdefault(kind, Counter()).update(reasons)
        self.cpu_s += line["cpu_s"]
        self.seconds.setdefault(second, Second(second)).add(line)

    def add_final(self, line: dict[str, Any]) -> None:
        """Add what only a worker's final line has."""
        for merged, added in ((self.topics, line["topics"]), (self.events, line["events"])):
            for name, numbers in added.items():
                before = merged.get(name, [0] * len(numbers))
                merged[name] = [a + b for a, b in zip(before, numbers, strict=True)]
        self.herd.update({int(number): count for number, count in line["herd"].items()})

    def close_seconds(self, before: int, workers: int) -> list[dict[str, Any]]:
        """Turn into rows the seconds that all *workers* have reported, or that end before *before*."""
        rows = []
        for number in sorted(self.seconds):
            if number >= before and self.seconds[number].workers < workers:
                break
            second = self.seconds.pop(number)
            self.gauges = second.gauges
            rows.append(second.to_mapping())
        self.series += rows
        return rows

    # -- figures

    @property
    def lost(self) -> int:
        return sum(self.counts[name] for name in LOST)

    @property
    def expected_deliveries(self) -> int:
        """What was published, times who had subscribed when the schedule started."""
        return sum(published * subscribers for published, _, subscribers in self.topics.values())

    @property
    def missing_deliveries(self) -> int:
        return sum(max(0, expected) for expected in self._unreceived())

    @property
    def surplus_deliveries(self) -> int:
        return sum(max(0, -expected) for expected in self._unreceived())

    def _unreceived(self) -> list[int]:
        return [
            published * subscribers - received for published, received, subscribers in self.topics.values()
        ]

    @property
    def totals(self) -> dict[str, int]:
        """Every count by name."""
        return {
            **self.counts,
            "expected_deliveries": self.expected_deliveries,
            "missing_deliveries": self.missing_deliveries,
            "surplus_deliveries": self.surplus_deliveries,
            "lost": self.lost,
            "alive_at_end": self.alive_at_end,
            "closed_by_script": self.closed_by_script,
        }

    def storm_mapping(self) -> dict[str, Any]:
        """How the connections returned, in seconds since the storm; None for a share that did not."""
        rejoin = self.histograms.get("rejoin", Histogram())
        attempt = self.histograms.get("attempt", Histogram())
        figures: dict[str, Any] = {"rejoined": rejoin.count}
        for share in (50, 99, 100):
            rank = math.ceil(share * self.plan.connections / 100)
            came = rejoin.count >= rank > 0
            figures[f"rejoined_{share}_s"] = (
                rejoin.percentile_ns(100 * rank / rejoin.count) / 1e9 if came else None
            )
        figures["attempts"] = attempt.count
        for share in (5, 50, 95):
            figures[f"attempt_p{share}_s"] = attempt.percentile_ns(share) / 1e9
        figures["peak_attempts_per_s"] = 10 * max(self.herd.values(), default=0)
        return figures

    @property
    def messages(self) -> int:
        """Pushes, replies and deliveries while the schedule ran."""
        return sum(self.run_counts[name] for name in MESSAGES)

    @property
    def rss_bytes_per_connection(self) -> float:
        return (
            max(0, self.rss_bytes - self.rss_empty_bytes) / self.plan.connections if self.rss_bytes else 0.0
        )

    def lag_s(self, name: str, percentile: float) -> float:
        histogram = self.histograms.get(name)
        return histogram.percentile_ns(percentile) / 1e9 if histogram is not None else 0.0

    @property
    def invalid_reasons(self) -> list[str]:
        """Why the client, not the server, made these figures; empty where it did not."""
        plan = self.plan
        reasons = []
        lag_s = self.lag_s("schedule_lag", 99)
        if lag_s > plan.max_schedule_lag_s:
            reasons.append(
                f"the schedule lagged {lag_s:.3g}s behind its clock (p99; the limit is "
                f"{plan.max_schedule_lag_s:g}s): the client could not push at this rate"
            )
        if self.run_cpu_share > plan.max_cpu:
            reasons.append(
                f"a worker used {100 * self.run_cpu_share:.0f} % of a core (the limit is "
                f"{100 * plan.max_cpu:.0f} %): take more workers, or a lower rate"
            )
        lag_s = self.run_loop_lag_s
        if lag_s > plan.max_loop_lag_s:
            reasons.append(f"a worker did not run for {lag_s:.3g}s (the limit is {plan.max_loop_lag_s:g}s)")
        return reasons

    @property
    def outcome(self) -> str:
        """``ok``, ``thresholds_failed``, ``invalid``, ``failed`` or ``interrupted``."""
        if self.interrupted:
            return "interrupted"
        if self.failures or not self.counts["connections"]:
            return "failed"
        if self.invalid_reasons:
            return "invalid"
        return "ok" if all(each["ok"] for each in self.thresholds) else "thresholds_failed"

    @property
    def thresholds(self) -> list[dict[str, Any]]:
        """Each of the plan's thresholds with its value and whether it held."""
        figures = self._figures() if self.plan.thresholds else {}
        return [Threshold.parse(text).check(figures) for text in self.plan.thresholds]

    @property
    def exit_code(self) -> int:
        if not self.interrupted and not self.failures and not self.counts["connections"]:
            return EXIT_NO_CONNECTION
        return EXIT_CODES[self.outcome]

    @property
    def sentences(self) -> list[str]:
        """Why the exit code is not 0, a sentence each."""
        if self.interrupted:
            return ["interrupted: the reports cover what ran until then"]
        if self.failures:
            return self.failures
        if not self.counts["connections"]:
            return [
                f"not one of {self.plan.connections} connections succeeded: {self.main_reason('connect')}"
            ]
        if self.invalid_reasons:
            return [f"INVALID: {reason}" for reason in self.invalid_reasons]
        return [
            f"threshold {each['expr']} failed: "
            + ("nothing was counted for it" if each["value"] is None else f"it is {shown_value(each)}")
            for each in self.thresholds
            if not each["ok"]
        ]

    def main_reason(self, kind: str) -> str:
        """The most frequent reason of a kind of failure."""
        reasons = self.reasons.get(kind)
        return reasons.most_common(1)[0][0] if reasons else "no attempt has ended"

    def to_mapping(self) -> dict[str, Any]:
        """The result as ``fastphx.load/1``."""
        return {
            "schema": SCHEMA,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "sentences": self.sentences,
            "plan": self.plan.public_mapping(),
            **self._figures(),
            "topics": self._topics_mapping(),
            "events": {
                event: {"count": count, "bytes": size} for event, (count, size) in self.events.items()
            },
            "reasons": {kind: dict(reasons.most_common()) for kind, reasons in self.reasons.items()},
            "thresholds": self.thresholds,
            "series": self.series,
        }

    def _topics_mapping(self) -> dict[str, Any]:
        return {
            topic: {
                "published": published,
                "subscribers": subscribers,
                "expected": published * subscribers,
                "received": received,
            }
            for topic, (published, received, subscribers) in sorted(self.topics.items())
        }

    def _figures(self) -> dict[str, Any]:
        """What thresholds and comparisons look at."""
        return {
            "totals": self.totals,
            "latency": {name: latency_mapping(self.histograms.get(name, Histogram())) for name in LATENCIES},
            "throughput": {
                "duration_s": self.run_s,
                "pushes_per_s": (self.run_counts["pushes"] + self.run_counts["casts"]) / self.run_s
                if self.run_s
                else 0.0,
                "replies_per_s": self.run_counts["replies"] / self.run_s if self.run_s else 0.0,
                "deliveries_per_s": self.run_counts["deliveries"] / self.run_s if self.run_s else 0.0,
            },
            "client": {
                "workers": self.workers,
                "cpu_s": self.cpu_s,
                "cpu_share_max": self.run_cpu_share,
                "cpu_s_per_message": self.run_cpu_s / self.messages if self.messages else 0.0,
                "rss_bytes": self.rss_bytes,
                "rss_bytes_per_connection": self.rss_bytes_per_connection,
                "schedule_lag_p99_s": self.lag_s("schedule_lag", 99),
                "loop_lag_max_s": self.run_loop_lag_s,
            },
            **({"storm": self.storm_mapping()} if scenario_class(self.plan.scenario).has_herd else {}),
        }
