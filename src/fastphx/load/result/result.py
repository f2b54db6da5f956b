"""What a run came to: merged counts and latencies, the outcome, and the exit code."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from fastphx.load.plan.threshold import Threshold, shown_value
from fastphx.load.result.abstract_histogram import AbstractHistogram
from fastphx.load.result.goals import missed_goals, missed_visits
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.latency import latency_mapping
from fastphx.load.result.reasons import LOCAL
from fastphx.load.result.series import Second
from fastphx.load.result.steps import Check, Step, add_checks, add_steps, main_failure, nearest
from fastphx.load.scenarios import scenario_class

SCHEMA = "fastphx.load/2"
EXIT_CODES = {"ok": 0, "thresholds_failed": 99, "invalid": 4, "failed": 5, "interrupted": 130}
EXIT_NO_CONNECTION = 3
OPENING = ("connect", "join")
FROM_DUE = ("rtt", "delivery")
FROM_DUE_IN_JOURNEYS = ("visit",)
"""What the schedule is of: a visit is due there, and not what is pushed in it."""
MAX_UNSENT_VISITS = 0.01
"""Visits that were due and could not begin: from more than this part on they are not the plan's load."""
ANSWERED = "status "
"""How the reasons of what was answered begin: with the status of a reply or of HTTP."""
MAX_NOTED = 3
"""Steps that one note names."""
LARGE_PART = 0.25
"""From this part of a reported figure on, what else made it is told beside it."""
MIN_LAG_SHOWN_S = 0.001
"""A lag below the grid of arrivals is none."""
TAKEN = 0.1
"""From this part of the time without a core on, others had the CPU."""
BUSY = 0.5


def _shown_s(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _add_each(merged: dict[str, list[int]], added: dict[str, list[int]]) -> None:
    for name, numbers in added.items():
        before = merged.get(name, [0] * len(numbers))
        merged[name] = [a + b for a, b in zip(before, numbers, strict=True)]


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
    steps: dict[str, Step] = field(default_factory=dict)
    """What the users of a journey did, by name."""
    checks: dict[str, Check] = field(default_factory=dict)
    """What they found to be so or not, by name."""

    def __post_init__(self) -> None:
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
        self.seconds.setdefault(second, Second(second, is_journey=self.is_journey)).add(line)

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
        and behind its schedule where the latency is timed from when it was due."""
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
        """The own lag by latency and figure, in seconds, where it is a large part of what is reported."""
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

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know, a sentence each, whatever the outcome is."""
        notes = []
        large = {name: figures["p99"] for name, figures in self.own_lag.items() if "p99" in figures}
        if large:
            histograms = dict(self._timed())
            p99s = [
                f"{LATENCIES.get(name, name)} ({_shown_s(histograms[name].percentile_ns(99) / 1e9)})"
                for name in large
            ]
            shown = len([name for name in large if name in LATENCIES]) + MAX_NOTED
            more = f" and {len(p99s) - shown} more steps" if len(p99s) > shown else ""
            notes.append(
                f"this machine's own lag is {_shown_s(max(large.values()))} at p99, which is a large part of "
                f"the p99 of {', '.join(p99s[:shown])}{more}: the server took less"
            )
        counts = self.run_counts
        behind = counts["pushes"] - counts["replies"] - counts["error_replies"] - sum(counts[n] for n in LOST)
        if self.run_s and behind > LARGE_PART * counts["pushes"]:
            answered = counts["replies"] + counts["error_replies"]
            notes.append(
                f"replies fall behind pushes: {counts['pushes'] / self.run_s:,.0f}/s were pushed and "
                f"{answered / self.run_s:,.0f}/s answered, and {behind:,} pushes were unanswered when the "
                "schedule ended"
            )
        return notes

    @property
    def ran_out(self) -> Counter[str]:
        """Why connection attempts failed for want of ports, open files or memory on this machine, counted."""
        return self.reasons.get(LOCAL, Counter())

    @property
    def invalid_reasons(self) -> list[str]:
        """Why the client, not the server, made these figures; empty where it did not."""
        plan = self.plan
        reasons = []
        if self.ran_out:
            attempts, number = self.counts["connect_attempts"], self.ran_out.total()
            failed = f"{number:,} of {attempts:,} connection attempts failed for it " if attempts else ""
            reasons.append(
                f"this machine ran out: {failed}({self.main_reason(LOCAL)}): --source gives more ports, "
                "ulimit -n more files"
            )
        if without := self.counts["rows_run_out"]:
            reasons.append(
                f"the data ran out: {without:,} visit{'s' if without > 1 else ''} found no row that no other "
                "had (--data-unique): give more rows, or fewer --users"
            )
        due, unsent = self.counts["arrivals"], self.counts["unsent"]
        if self.is_journey and unsent > MAX_UNSENT_VISITS * due:
            reasons.append(
                f"{unsent:,} of {due:,} visits were due and could not begin (the limit is "
                f"{100 * MAX_UNSENT_VISITS:g} %): as many users as may be were under way: raise --users, or "
                "lower --arrivals"
            )
        lag_s = self.lag_s("schedule_lag", 99)
        if lag_s > plan.max_schedule_lag_s:
            reasons.append(
                f"the schedule lagged {lag_s:.3g}s behind its clock (p99; the limit is "
                f"{plan.max_schedule_lag_s:g}s): {self._why_late()}"
            )
        if self.run_cpu_share > plan.max_cpu:
            reasons.append(
                f"a worker used {100 * self.run_cpu_share:.0f} % of a core (the limit is "
                f"{100 * plan.max_cpu:.0f} %): take more workers, or a lower rate"
            )
        lag_s = self.run_loop_lag_s
        if lag_s > plan.max_loop_lag_s:
            reasons.append(
                f"a worker did not run for {lag_s:.3g}s (the limit is {plan.max_loop_lag_s:g}s)"
                + (f": {self._why_late()}" if self._is_cpu_taken else "")
            )
        return reasons

    @property
    def _is_cpu_taken(self) -> bool:
        return self.run_waited_share >= TAKEN or self.run_stolen_share >= TAKEN

    def _why_late(self) -> str:
        used = f"{100 * self.run_cpu_share:.0f} %"
        if self.run_stolen_share >= max(TAKEN, self.run_waited_share):
            return f"the hypervisor gave {100 * self.run_stolen_share:.0f} % of this machine's CPU to others"
        if self.run_waited_share >= TAKEN:
            return (
                f"others had the CPU: a worker waited {100 * self.run_waited_share:.0f} % of the time for a "
                f"core, and used {used} of one"
            )
        if self.run_cpu_share >= BUSY:
            return "the client could not push at this rate"
        return f"a worker stood still meanwhile, though it used {used} of a core"

    @property
    def excused(self) -> list[str]:
        """A sentence for each latency threshold that failed, and that this machine's own stalls could have
        broken: less the own lag, and where not even the fastest was slower than the limit, it would hold."""
        sentences = []
        histograms = dict(self._timed())
        for checked in self.thresholds:
            threshold = Threshold.parse(checked["expr"])
            if checked["ok"] or checked["value"] is None or threshold.latency is None:
                continue
            name, figure = threshold.latency
            lag_s = self.own_lag_s(name, figure)
            fastest_s = histograms[name].min_ns / 1e9
            if lag_s and threshold.holds_for(max(checked["value"] - lag_s, fastest_s)):
                sentences.append(
                    f"threshold {checked['expr']} says nothing about the server: it is "
                    f"{shown_value(checked)}, and this machine's own lag is {_shown_s(lag_s)} at that figure"
                )
        return sentences

    @property
    def _failed_thresholds(self) -> list[dict[str, Any]]:
        return [each for each in self.thresholds if not each["ok"]]

    @property
    def missed_goals(self) -> list[str]:
        """What was lost beyond what the plan allows, a sentence each; looked at where the schedule ran."""
        if not self.run_s:
            return []
        if self.is_journey:
            return missed_visits(self.plan, self.visits, self.reasons)
        return missed_goals(self.plan, self.totals, self.reasons)

    @property
    def outcome(self) -> str:
        """``ok``, ``thresholds_failed``, ``invalid``, ``failed`` or ``interrupted``."""
        if self.interrupted:
            return "interrupted"
        if self.failures or not (self.was_answered or self.ran_out):
            return "failed"
        if self.invalid_reasons:
            return "invalid"
        if self.missed_goals:
            return "failed"
        failed = self._failed_thresholds
        if not failed:
            return "ok"
        return "invalid" if len(self.excused) == len(failed) else "thresholds_failed"

    @property
    def thresholds(self) -> list[dict[str, Any]]:
        """Each of the plan's thresholds with its value and whether it held."""
        figures = self._figures() if self.plan.thresholds else {}
        return [Threshold.parse(text).check(figures) for text in self.plan.thresholds]

    @property
    def exit_code(self) -> int:
        if self.outcome == "failed" and not self.failures and not self.was_answered:
            return EXIT_NO_CONNECTION
        return EXIT_CODES[self.outcome]

    @property
    def sentences(self) -> list[str]:
        """Why the exit code is not 0, a sentence each."""
        if self.interrupted:
            return ["interrupted: the reports cover what ran until then", *self._reasons()]
        return self._reasons()

    def _reasons(self) -> list[str]:
        if self.failures:
            return self.failures
        if not (self.was_answered or self.ran_out):
            if self.interrupted and not self.counts["connect_errors"]:
                return []
            return [self._why_not_answered()]
        if self.invalid_reasons:
            return [f"INVALID: {reason}" for reason in self.invalid_reasons]
        excused = self.excused
        failed = [
            f"threshold {each['expr']} failed: "
            + (self._why_no_value(each) if each["value"] is None else f"it is {shown_value(each)}")
            for each in self._failed_thresholds
            if not any(sentence.startswith(f"threshold {each['expr']} ") for sentence in excused)
        ]
        return [*self.missed_goals, *failed, *(f"INVALID: {sentence}" for sentence in excused)]

    def _why_not_answered(self) -> str:
        if not self.is_journey:
            return f"not one of {self.plan.connections} connections succeeded: {self.main_reason('connect')}"
        why = main_failure(self.steps) or self.main_reason("visit")
        return f"not one connection or HTTP request of {self.counts['visits']:,} visits was answered: {why}"

    def _why_no_value(self, checked: dict[str, Any]) -> str:
        about = Threshold.parse(checked["expr"]).named
        if about is None:
            return "nothing was counted for it"
        kind, name = about
        names: dict[str, Any] = self.steps if kind == "step" else self.checks
        if name in names:
            return f"none of its {kind}s has ended ok" if kind == "step" else "nothing was counted for it"
        return f"no {kind} of that name ran: {nearest(name, names) or f'there were no {kind}s'}"

    def main_reason(self, kind: str) -> str:
        """The most frequent reason of a kind of failure."""
        reasons = self.reasons.get(kind)
        return reasons.most_common(1)[0][0] if reasons else "no attempt has ended"

    def to_mapping(self) -> dict[str, Any]:
        """The result as ``fastphx.load/2``."""
        return {
            "schema": SCHEMA,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "sentences": self.sentences,
            "notes": self.notes,
            "own_lag": self.own_lag,
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
            **self._journey_figures(),
            "latency": {name: latency_mapping(histogram) for name, histogram in self.latencies.items()},
            "throughput": {
                "duration_s": self.run_s,
                "pushes_per_s": (self.run_counts["pushes"] + self.run_counts["casts"]) / self.run_s
                if self.run_s
                else 0.0,
                "replies_per_s": self.run_counts["replies"] / self.run_s if self.run_s else 0.0,
                "deliveries_per_s": self.run_counts["deliveries"] / self.run_s if self.run_s else 0.0,
                **(
                    {"visits_per_s": self.run_counts["visits_ok"] / self.run_s if self.run_s else 0.0}
                    if self.is_journey
                    else {}
                ),
            },
            "client": self._client_mapping(),
            **({"storm": self.storm_mapping()} if scenario_class(self.plan.scenario).has_herd else {}),
        }

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
