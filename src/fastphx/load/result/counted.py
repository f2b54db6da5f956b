"""What the workers of a run have counted and timed, merged, and the figures that come of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastphx.load.plan.figures import (
    COUNTS,
    GAUGES,
    JOURNEY_COUNTS,
    JOURNEY_GAUGES,
    JOURNEY_LATENCIES,
    LATENCIES,
    LOST,
    MESSAGES,
    PERCENTILES,
    VISITS,
    named,
)
from fastphx.load.plan.plan import Plan
from fastphx.load.result.abstract_histogram import AbstractHistogram
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.latency import latency_mapping
from fastphx.load.result.limit import Limit
from fastphx.load.result.reasons import ANSWERED
from fastphx.load.result.series import Second
from fastphx.load.result.steps import Check, Step, add_checks, add_steps
from fastphx.load.scenarios import scenario_class
from fastphx.load.server.figures import ServerFigures

OPENING = ("connect", "join")
FROM_DUE = ("rtt", "delivery")
FROM_DUE_IN_JOURNEYS = ("visit",)
"""What the schedule is of: a visit is due there, and not what is pushed in it."""
LARGE_PART = 0.25
"""From this part of a reported figure on, what else made it is told beside it."""
MIN_LAG_SHOWN_S = 0.001
"""A lag below the grid of arrivals is none."""


def _add_each(merged: dict[str, list[int]], added: dict[str, list[int]]) -> None:
    for name, numbers in added.items():
        before = merged.get(name, [0] * len(numbers))
        merged[name] = [a + b for a, b in zip(before, numbers, strict=True)]


@dataclass
class Counted:
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
    opening_lag: Histogram = field(default_factory=Histogram)
    """How late the workers woke until each connection had ended its first attempt."""
    run_lag: Histogram = field(default_factory=Histogram)
    """How late the workers woke while the schedule ran."""
    run_waited_share: float = 0.0
    """The part of the time that the worker which waited most was ready to run and had no core."""
    run_stolen_share: float = 0.0
    """The part of the machine's CPU that its hypervisor gave to others."""
    run_counts: Counter[str] = field(default_factory=Counter)
    """What was counted while the schedule ran."""
    run_s: float = 0.0
    rss_bytes: int = 0
    """With all joined."""
    own_rss_bytes: int = 0
    """Of the run's own process, with all joined."""
    rss_empty_bytes: int = 0
    """Before the first connection."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    interrupted: bool = False
    failures: list[str] = field(default_factory=list)
    """Why the run failed, a sentence each."""
    topics: dict[str, list[int]] = field(default_factory=dict)
    """Published, received, and subscribers when the schedule started, if pushes are stamped."""
    events: dict[str, list[int]] = field(default_factory=dict)
    """Count and bytes, if events are counted."""
    pushed_events: Counter[str] = field(default_factory=Counter)
    """Pushes of the schedule by event, if there are several."""
    herd: Counter[int] = field(default_factory=Counter)
    """Connection attempts in each tenth of a second since the storm."""
    gauges: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GAUGES, 0))
    """As the last merged second left them."""
    seconds: dict[int, Second] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    """What the users of a journey did, by name."""
    checks: dict[str, Check] = field(default_factory=dict)
    """What they found to be so or not, by name."""
    limit: Limit | None = None
    """What a search for a limit has found until now."""
    server: ServerFigures = field(default_factory=ServerFigures)
    """What was read of the server itself."""

    def __post_init__(self) -> None:
        self._rest: list[Mapping[str, Mapping[str, Any]]] = []
        self.is_journey = scenario_class(self.plan.scenario).is_journey
        if self.is_journey:
            self.counts.update(dict.fromkeys(JOURNEY_COUNTS, 0))
            self.gauges.update(dict.fromkeys(JOURNEY_GAUGES, 0))

    # -- merging

    def add_line(self, line: dict[str, Any], second: int) -> None:
        """Add a worker's stats or final line, which ended in the given second of the run."""
        self.counts.update(line["counts"])
        for name, exported in line["histograms"].items():
            self.histograms.setdefault(name, Histogram()).add_export(exported)
        for kind, reasons in line["reasons"].items():
            self.reasons.setdefault(kind, Counter()).update(reasons)
        self.cpu_s += line["cpu_s"]
        self.add_steps(line)
        row = self.seconds.setdefault(second, Second(second, is_journey=self.is_journey))
        row.add(line)
        for steps in self._rest:
            row.add_steps(steps)
        self._rest.clear()

    def add_rest(self, line: dict[str, Any]) -> None:
        """Add a line of steps and checks that did not fit into the one which comes next: its second is
        theirs."""
        self.add_steps(line)
        self._rest.append(line.get("steps", {}))

    def add_scheduled(self, line: dict[str, Any]) -> None:
        """Add what a worker tells when its schedule has ended."""
        self.run_cpu_s += line["run_cpu_s"]
        run_s = line["run_s"]
        share, waited, stolen = (
            line[name] / run_s if run_s else 0.0 for name in ("run_cpu_s", "run_waited_s", "run_stolen_s")
        )
        self.run_cpu_share = max(self.run_cpu_share, share)
        self.run_waited_share = max(self.run_waited_share, waited)
        self.run_stolen_share = max(self.run_stolen_share, stolen)
        self.run_lag.add_export(line["run_lag"])
        self.run_loop_lag_s = max(self.run_loop_lag_s, line["run_lag_ns"] / 1e9)
        self.run_counts.update(line["run_counts"])
        self.alive_at_end += line["alive"]
        self.closed_by_script += line["closed_by_script"]

    def add_steps(self, line: dict[str, Any]) -> None:
        """Add the steps and checks of a line, which may have nothing else."""
        add_steps(self.steps, line.get("steps", {}))
        add_checks(self.checks, line.get("checks", {}))

    def add_topics(self, topics: dict[str, list[int]]) -> None:
        """Add what some topics of a worker came to."""
        _add_each(self.topics, topics)

    def add_final(self, line: dict[str, Any]) -> None:
        """Add what only a worker's final line has."""
        _add_each(self.events, line["events"])
        self.pushed_events.update(line.get("pushed_events", {}))
        self.herd.update({int(number): count for number, count in line["herd"].items()})

    def settle(self) -> None:
        """A worker died: what it had under way ended with it, and nobody has counted how."""
        counts = self.counts
        lost = sum(counts[name] for name in LOST)
        for whole, ended, end in (
            ("connect_attempts", counts["connections"] + counts["connect_errors"], "connect_errors"),
            ("connections", counts["disconnects"] + counts["closed"], "disconnects"),
            ("join_attempts", counts["joins"] + counts["join_errors"], "join_errors"),
            ("pushes", counts["replies"] + counts["error_replies"] + lost, "lost_disconnected"),
            ("visits", counts["visits_ok"] + counts["visits_failed"] + counts["visits_cut"], "visits_cut"),
        ):
            if counts[whole] > ended:
                counts[end] += counts[whole] - ended
        for step in self.steps.values():
            step.cut = step.attempts - step.ok - step.errors

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
        """Every count by name; those of visits stand in `visits`."""
        return {
            **{name: count for name, count in self.counts.items() if name not in JOURNEY_COUNTS},
            "expected_deliveries": self.expected_deliveries,
            "missing_deliveries": self.missing_deliveries,
            "surplus_deliveries": self.surplus_deliveries,
            "lost": self.lost,
            "alive_at_end": self.alive_at_end,
            "closed_by_script": self.closed_by_script,
        }

    @property
    def visits(self) -> dict[str, int]:
        """What the visits of a journey came to: ``due`` is ``begun`` and ``unsent``, and ``begun`` is ``ok``,
        ``failed`` and ``cut``."""
        return {name: self.counts[count] for name, count in VISITS.items()}

    @property
    def was_answered(self) -> bool:
        """Whether one connection succeeded, or in a journey one HTTP request."""
        return bool(
            self.counts["connections"]
            or any(
                step.ok or any(reason.startswith(ANSWERED) for reason in step.reasons)
                for step in self.steps.values()
            )
        )

    @property
    def latencies(self) -> dict[str, Histogram]:
        """What is timed in runs of this scenario, by name, empty or not."""
        return {
            name: self.histograms.get(name, Histogram())
            for name in LATENCIES
            if self.is_journey or name not in JOURNEY_LATENCIES
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

    def own_lag_s(self, latency: str, figure: str) -> float:
        """How late this machine itself was, at the same figure as one of *latency* (or of a step): to wake,
        and behind its schedule if the latency is timed from when it was due."""
        is_before_run = latency in OPENING and scenario_class(self.plan.scenario).holds
        woken = self.opening_lag if is_before_run else self.run_lag
        behind = self.histograms.get("schedule_lag") if latency in self._from_due else None
        behind = Histogram() if behind is None else behind
        if figure == "mean":
            return max(woken.mean_ns, behind.mean_ns) / 1e9
        level = {**PERCENTILES, "max": 100.0}.get(figure)
        if level is None:
            return 0.0
        return max(woken.percentile_ns(level), behind.percentile_ns(level)) / 1e9

    @property
    def _from_due(self) -> tuple[str, ...]:
        """What is timed from when the schedule had it due."""
        return FROM_DUE_IN_JOURNEYS if self.is_journey else FROM_DUE

    @property
    def own_lag(self) -> dict[str, dict[str, float]]:
        """The own lag by latency and figure, in seconds, if it is a large part of what is reported."""
        found: dict[str, dict[str, float]] = {}
        for name, histogram in self._timed():
            figures = latency_mapping(histogram)
            for figure in (*PERCENTILES, "max"):
                lag_s = self.own_lag_s(name, figure) if figure in figures else 0.0
                # A wake that was later than the whole figure has not met it.
                may_be_part = name in self._from_due or lag_s <= figures.get(figure, 0.0)
                if may_be_part and lag_s >= max(MIN_LAG_SHOWN_S, LARGE_PART * figures.get(figure, 0.0)):
                    found.setdefault(name, {})[figure] = lag_s
        return found

    def _timed(self) -> Iterator[tuple[str, AbstractHistogram]]:
        """Every latency, and those of the steps as thresholds name them."""
        yield from self.latencies.items()
        for step in self.steps.values():
            yield named("step", step.name), step.latency

    def topics_mapping(self) -> dict[str, Any]:
        return {
            topic: {
                "published": published,
                "subscribers": subscribers,
                "expected": published * subscribers,
                "received": received,
            }
            for topic, (published, received, subscribers) in sorted(self.topics.items())
        }

    def figures(self) -> dict[str, Any]:
        """What thresholds and comparisons look at."""
        return {
            "totals": self.totals,
            **self._journey_figures(),
            "latency": {name: latency_mapping(histogram) for name, histogram in self.latencies.items()},
            "throughput": {
                "duration_s": self.run_s,
                "pushes_per_s": self._per_s("pushes", "casts"),
                "replies_per_s": self._per_s("replies"),
                "deliveries_per_s": self._per_s("deliveries"),
                **({"visits_per_s": self._per_s("visits_ok")} if self.is_journey else {}),
            },
            "client": self._client_mapping(),
            **({"limit": self.limit.to_mapping()} if self.limit is not None else {}),
            **({"server": self.server.to_mapping()} if self.server.is_watched else {}),
            **({"storm": self.storm_mapping()} if scenario_class(self.plan.scenario).has_herd else {}),
        }

    def _per_s(self, *counts: str) -> float:
        """How many of them there were in a second while the schedule ran."""
        return sum(self.run_counts[name] for name in counts) / self.run_s if self.run_s else 0.0

    def _journey_figures(self) -> dict[str, Any]:
        if not self.is_journey:
            return {}
        return {
            "visits": self.visits,
            "steps": {name: step.to_mapping() for name, step in self.steps.items()},
            "checks": {name: check.to_mapping() for name, check in self.checks.items()},
        }

    def _client_mapping(self) -> dict[str, Any]:
        mapping: dict[str, Any] = {
            "workers": self.workers,
            "cpu_s": self.cpu_s,
            "run_cpu_s": self.run_cpu_s,
            "cpu_share_max": self.run_cpu_share,
            "cpu_s_per_message": self.run_cpu_s / self.messages if self.messages else 0.0,
            "rss_bytes": self.rss_bytes,
            "own_rss_bytes": self.own_rss_bytes,
            "rss_bytes_per_connection": self.rss_bytes_per_connection,
            "schedule_lag_p99_s": self.lag_s("schedule_lag", 99),
            "loop_lag_max_s": self.run_loop_lag_s,
            "waited_share_max": self.run_waited_share,
            "stolen_share": self.run_stolen_share,
        }
        if self.is_journey:
            ended = sum(step.ok + step.errors for step in self.steps.values())
            mapping["cpu_s_per_step"] = self.run_cpu_s / ended if ended else 0.0
            # A journey's sockets come and go: the plan has no number of them.
            del mapping["rss_bytes_per_connection"]
        return mapping
