"""What a run came to: the verdict on what was counted, the exit code, and all of it as JSON values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastphx.load.plan.figures import LATENCIES, LOCAL, LOST
from fastphx.load.plan.threshold import Threshold, shown_value
from fastphx.load.plan.units import seconds
from fastphx.load.result.counted import LARGE_PART, Counted
from fastphx.load.result.goals import missed_goals, missed_visits
from fastphx.load.result.steps import main_failure, nearest

SCHEMA = "fastphx.load/2"
TIME = "%Y-%m-%dT%H:%M:%SZ"
"""In UTC."""
EXIT_CODES = {"ok": 0, "thresholds_failed": 99, "invalid": 4, "failed": 5, "interrupted": 130}
EXIT_NO_CONNECTION = 3
MAX_UNSENT_VISITS = 0.01
"""Visits that were due and could not begin: from more than this part on they are not the plan's load."""
MAX_NOTED = 3
"""Steps that one note names."""
TAKEN = 0.1
"""From this part of the time without a core on, others had the CPU."""
BUSY = 0.5
MIN_BUSY_S = 1.0
"""A shorter run of users says nothing of a core: they have all begun at once."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to."""

    outcome: str
    """``ok``, ``thresholds_failed``, ``invalid``, ``failed`` or ``interrupted``."""
    exit_code: int
    sentences: list[str]
    """Why the exit code is not 0, a sentence each."""
    thresholds: list[dict[str, Any]]
    """Each that was looked at, as `Threshold.check` gives it."""


class Result(Counted):
    """What was counted, and what it means."""

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures should know, a sentence each, whatever the outcome is."""
        if self.limit is not None:
            # The figures of the whole run are of all its steps, and say nothing by themselves.
            return self.limit.notes
        notes = []
        large = {name: figures["p99"] for name, figures in self.own_lag.items() if "p99" in figures}
        if large:
            histograms = dict(self._timed())
            p99s = [
                f"{LATENCIES.get(name, name)} ({seconds(histograms[name].percentile_ns(99) / 1e9)})"
                for name in large
            ]
            shown = len([name for name in large if name in LATENCIES]) + MAX_NOTED
            rest = len(p99s) - shown
            more = f" and {rest} more step{'s' if rest > 1 else ''}" if rest > 0 else ""
            notes.append(
                f"this machine's own lag is {seconds(max(large.values()))} at p99, which is a large part of "
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
        return notes + self.server.notes

    @property
    def ran_out(self) -> Counter[str]:
        """Why connection attempts failed for want of ports, open files or memory on this machine, counted."""
        return self.reasons.get(LOCAL, Counter())

    @property
    def invalid_reasons(self) -> list[str]:
        """Why the client, not the server, made these figures; empty if it did not."""
        if self.limit is not None:
            bottleneck = self.limit.own_bottleneck
            return [] if bottleneck is None else [bottleneck]
        return [*self._out_of_resources, *self._out_of_users, *self._own_lags]

    @property
    def bottlenecks(self) -> list[str]:
        """How this machine was the bottleneck, whatever the plan asked for."""
        return [*self._out_of_resources, *self._own_lags]

    @property
    def _out_of_resources(self) -> list[str]:
        if not self.ran_out:
            return []
        attempts, number = self.counts["connect_attempts"], self.ran_out.total()
        failed = f"{number:,} of {attempts:,} connection attempts failed for it " if attempts else ""
        why = self.main_reason(LOCAL)
        return [
            f"this machine ran out: {failed}({why}): --source gives more ports, ulimit -n more files",
        ]

    @property
    def _out_of_users(self) -> list[str]:
        plan, reasons = self.plan, []
        if without := self.counts["rows_run_out"]:
            reasons.append(
                f"the data ran out: {without:,} visit{'s' if without > 1 else ''} found no row that no other "
                "had (--data-unique): give more rows, or fewer --users"
            )
        # Those without a row are told above.
        due, unsent = self.counts["arrivals"], self.counts["unsent"] - without
        if self.is_journey and unsent > MAX_UNSENT_VISITS * due:
            reasons.append(
                f"{unsent:,} of {due:,} visits were due and could not begin (the limit is "
                f"{100 * MAX_UNSENT_VISITS:g} %): {plan.max_users:,} users were under way: raise --users, or "
                "lower --arrivals"
            )
        return reasons

    @property
    def _own_lags(self) -> list[str]:
        plan, reasons = self.plan, []
        lag_s = self.lag_s("schedule_lag", 99)
        if lag_s > plan.max_schedule_lag_s:
            reasons.append(
                f"the schedule lagged {lag_s:.3g}s behind its clock (p99; the limit is "
                f"{plan.max_schedule_lag_s:g}s): {self._why_late()}"
            )
        has_run = not self.is_journey or self.run_s >= MIN_BUSY_S
        if self.run_cpu_share > plan.max_cpu and has_run:
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

    def excused(self, thresholds: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """A sentence for each latency threshold that failed, by its expression, and that this machine's own
        stalls could have broken: less the own lag, and where not even the fastest was slower than the limit,
        it would hold."""
        sentences: dict[str, str] = {}
        if self.limit is not None:
            return sentences
        histograms = dict(self._timed())
        for checked in thresholds:
            threshold = Threshold.parse(checked["expr"])
            if checked["ok"] or checked["value"] is None or threshold.latency is None:
                continue
            name, figure = threshold.latency
            lag_s = self.own_lag_s(name, figure)
            fastest_s = histograms[name].min_ns / 1e9
            if lag_s and threshold.holds_for(max(checked["value"] - lag_s, fastest_s)):
                sentences[checked["expr"]] = (
                    f"threshold {checked['expr']} says nothing about the server: it is "
                    f"{shown_value(checked)}, and this machine's own lag is {seconds(lag_s)} at that figure"
                )
        return sentences

    @property
    def missed_goals(self) -> list[str]:
        """What was lost beyond what the plan allows, a sentence each. Nothing if the schedule did not run."""
        if not self.run_s or self.limit is not None:
            return []
        if self.is_journey:
            return missed_visits(self.plan, self.visits, self.reasons)
        return missed_goals(self.plan, self.totals, self.reasons)

    @property
    def verdict(self) -> Verdict:
        """What has been counted until now comes to."""
        thresholds = self.thresholds
        excused = self.excused(thresholds)
        outcome = self._outcome(thresholds, excused)
        sentences = self._reasons(thresholds, excused)
        if self.interrupted:
            sentences = ["interrupted: the reports cover what ran until then", *sentences]
        has_connected = outcome != "failed" or bool(self.failures) or self.was_answered
        exit_code = EXIT_CODES[outcome] if has_connected else EXIT_NO_CONNECTION
        return Verdict(outcome, exit_code, sentences, thresholds)

    @property
    def outcome(self) -> str:
        """As the `verdict` has it."""
        return self.verdict.outcome

    @property
    def exit_code(self) -> int:
        """As the `verdict` has it."""
        return self.verdict.exit_code

    @property
    def sentences(self) -> list[str]:
        """As the `verdict` has them."""
        return self.verdict.sentences

    def _outcome(self, thresholds: Sequence[Mapping[str, Any]], excused: Mapping[str, str]) -> str:
        if self.interrupted:
            return "interrupted"
        if self.failures or not (self.was_answered or self.ran_out):
            return "failed"
        if self.invalid_reasons:
            return "invalid"
        if self.missed_goals:
            return "failed"
        failed = [each["expr"] for each in thresholds if not each["ok"]]
        if not failed:
            return "ok"
        return "invalid" if all(expr in excused for expr in failed) else "thresholds_failed"

    @property
    def thresholds(self) -> list[dict[str, Any]]:
        """Each of the plan's thresholds with its value and whether it held. In a search for a limit they
        are those of the limit: the others were looked at in each step."""
        figures = self.figures() if self.plan.thresholds else {}
        thresholds = map(Threshold.parse, self.plan.thresholds)
        return [
            each.check(figures) for each in thresholds if self.limit is None or each.limit_figure is not None
        ]

    def _reasons(self, thresholds: Sequence[Mapping[str, Any]], excused: Mapping[str, str]) -> list[str]:
        """Why the outcome is not ok."""
        if self.failures:
            return self.failures
        if not (self.was_answered or self.ran_out):
            if self.interrupted and not self.counts["connect_errors"]:
                return []
            return [self._why_not_answered()]
        if self.invalid_reasons:
            return [f"INVALID: {reason}" for reason in self.invalid_reasons]
        failed = [
            f"threshold {each['expr']} failed: "
            + (self._why_no_value(each) if each["value"] is None else f"it is {shown_value(each)}")
            for each in thresholds
            if not each["ok"] and each["expr"] not in excused
        ]
        return [*self.missed_goals, *failed, *(f"INVALID: {sentence}" for sentence in excused.values())]

    def _why_not_answered(self) -> str:
        if not self.is_journey:
            return f"not one of {self.plan.connections} connections succeeded: {self.main_reason('connect')}"
        made_none = not (self.steps or self.counts["connect_attempts"] or self.reasons.get("visit"))
        why = "they made none" if made_none else main_failure(self.steps) or self.main_reason("visit")
        return f"not one connection or HTTP request of {self.counts['visits']:,} visits was answered: {why}"

    def _why_no_value(self, checked: Mapping[str, Any]) -> str:
        about = Threshold.parse(checked["expr"]).named
        if about is None:
            return "nothing was counted for it"
        kind, name = about
        if kind == "server":
            return self.server.why_no_value(name)
        names: dict[str, Any] = self.steps if kind == "step" else self.checks
        if name in names:
            return f"none of its {kind}s has ended ok" if kind == "step" else "nothing was counted for it"
        return f"no {kind} of that name ran: {nearest(name, names) or f'there were no {kind}s'}"

    def main_reason(self, kind: str) -> str:
        """The most frequent reason of a kind of failure."""
        reasons = self.reasons.get(kind)
        return reasons.most_common(1)[0][0] if reasons else "no attempt has ended"

    def to_mapping(self) -> dict[str, Any]:
        """The result as ``fastphx.load/2``. Raises ModuleNotFoundError without the extra ``load``."""
        verdict = self.verdict
        return {
            "schema": SCHEMA,
            "name": self.plan.run_name,
            "started_at": self.started_at.strftime(TIME),
            "outcome": verdict.outcome,
            "exit_code": verdict.exit_code,
            "sentences": verdict.sentences,
            **self.counted_mapping(),
            "thresholds": verdict.thresholds,
            "histograms": self._encoded_histograms(),
            "series": self.series,
        }

    def counted_mapping(self) -> dict[str, Any]:
        """What the result of a run that goes on has, too: all but the verdict, and in a few milliseconds."""
        figures = self.figures()
        if "server" in figures:
            figures["server"]["series"] = self.server.series
        return {
            "notes": self.notes,
            "own_lag": self.own_lag,
            "plan": self.plan.public_mapping(),
            **figures,
            "pushed_events": dict(self.pushed_events),
            "topics": self.topics_mapping(),
            "events": {
                event: {"count": count, "bytes": size} for event, (count, size) in self.events.items()
            },
            "reasons": {kind: dict(reasons.most_common()) for kind, reasons in self.reasons.items()},
        }

    def _encoded_histograms(self) -> dict[str, str]:
        # The package of HdrHistogram has no place in a process that runs a load, and this one has done that.
        from fastphx.load.result.hdr import encode

        return {name: encode(histogram) for name, histogram in self.latencies.items() if histogram.count}
