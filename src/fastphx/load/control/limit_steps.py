"""Finds the limit of a server: runs the steps that the search asks for on the workers, and tells what came of
each. The connections stay open between the steps where the figure allows it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from fastphx.load.control.collected_step import PARTS, CollectedStep
from fastphx.load.control.limit_search import LimitSearch, Try
from fastphx.load.control.open_files import max_connections
from fastphx.load.control.progress import Progress
from fastphx.load.control.step_verdict import (
    StepVerdict,
    break_counts,
    judge_step,
    judged_thresholds,
    main_latency,
)
from fastphx.load.plan.figures import PERCENTILES
from fastphx.load.plan.plan import MAX_CONNECTIONS, Plan
from fastphx.load.plan.threshold import Threshold
from fastphx.load.plan.units import MAX_RATE_PER_S
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.limit import Limit, LimitStep, Verdict, load_text
from fastphx.load.result.result import Result
from fastphx.load.scenarios import scenario_class
from fastphx.load.worker.timeouts import GRACE_S

SAMPLES_BEYOND = 100
"""Samples beyond each percentile that is judged."""
LEAST_STEP_S = 3.0
"""A step lasts no less, unless --step-max says so."""
RECOVERED = 1.5
"""The p50 before a step, less this machine's own lag, may be so much higher than that of the first step,"""
RECOVERED_S = 0.001
"""or so much: less is the grid of arrivals."""
PROBE_SAMPLES = 20
PROBE_S = (0.1, 2.0)
"""How long it is looked how the server is, at least and at most."""
LEAD_NS = 50_000_000
"""How far ahead a common start is, so that every worker has heard of it."""


class Crew(Protocol):
    """The workers of a run."""

    @property
    def count(self) -> int: ...

    def send(self, command: dict[str, Any]) -> None:
        """To each of them."""

    async def reached(self, kind: str, timeout_s: float) -> bool:
        """Wait for a line of that kind of each; False where the run is over for another reason."""


class LimitSteps:
    """The search of one run. *result* is the whole run's: its `limit` grows with each step."""

    def __init__(
        self,
        plan: Plan,
        result: Result,
        crew: Crew,
        progress: Progress,
        is_over: Callable[[], bool],
    ) -> None:
        assert plan.find_limit is not None
        self._plan = plan
        self._result = result
        self._crew = crew
        self._progress = progress
        self._is_over = is_over
        self._figure = plan.find_limit
        self._latency = main_latency(plan)
        self._collected: CollectedStep | None = None
        self._usual_s: float | None = None
        """The p50 of the first step that held."""
        self._usual_load = 0.0
        self._usual_connected = 0
        self._samples_per_load = 0.0
        self.ran_s = 0.0
        """How long all steps were judged."""
        self._limit = result.limit = Limit(plan.find_limit, plan.limit_precision)
        is_whole = self._figure in ("connections", "users")
        self.search = LimitSearch(plan.first_load, plan.limit_precision, self._most(), is_whole=is_whole)

    def on_line(self, worker: int, line: dict[str, Any]) -> None:
        """One more line of a worker."""
        if self._collected is not None:
            self._collected.add(worker, line)

    async def run(self) -> None:
        """Search until the limit is known, or why it is not."""
        limit, search, last = self._limit, self.search, 0.0
        while (tried := search.next) is not None and not self._is_over():
            if limit.steps:
                why = await self._recover()
                if self._is_over():
                    break
                if why:
                    limit.verdict, limit.after, limit.after_why = "not_recovered", last, why
                    search.end()
                    break
            step = await self._step(tried)
            if step is None:
                break
            limit.steps.append(step)
            last = tried.load
            search.record(step.outcome)
            self._tell()
        if self._is_over():
            limit.verdict = "interrupted"
        elif limit.verdict == "searching":
            limit.verdict = self._verdict()
        if limit.failure is not None:
            self._result.failures.append(limit.failure)

    def _tell(self) -> None:
        limit, search = self._limit, self.search
        limit.held, limit.broke, limit.own_from = search.held, search.broke, search.own_from
        limit.once_held = search.once_held

    def _verdict(self) -> Verdict:
        search = self.search
        if not search.is_stable:
            return "not_stable"
        if search.own_from is not None and (search.broke is None or search.held is None):
            return "this_machine"
        if search.held is None:
            return "none_held"
        return "found" if search.broke is not None else "no_limit"

    def _most(self) -> float:
        """The largest load that can be asked for."""
        if self._figure == "connections":
            return min(MAX_CONNECTIONS, max_connections() * (self._crew.count if self._plan.url else 1))
        return MAX_CONNECTIONS if self._figure == "users" else MAX_RATE_PER_S

    # -- one step

    async def _step(self, tried: Try) -> LimitStep | None:
        """None where the run was over before the step was."""
        plan = self._plan_of(tried.load)
        collected = self._collected = CollectedStep(plan, self._figure == "connections")
        title = (
            f"step {len(self._limit.steps) + 1}, to {tried.purpose}: {load_text(self._figure, tried.load)}"
        )
        if self._figure == "connections":
            self._progress.phase(title)
            self._crew.send({"command": "resize", "connections": plan.connections, "at_ns": _soon_ns()})
            opening_s = plan.connections / plan.connect_rate + plan.connect_timeout_s + plan.join_timeout_s
            if not await self._crew.reached("ready", 2 * opening_s + GRACE_S):
                return None
        needed_s = self._needed_s(tried.load)
        duration_s = min(plan.step_max_s, max(LEAST_STEP_S, needed_s))
        self._limit.short_steps += needed_s > plan.step_max_s
        self._progress.phase(f"{title}, for {duration_s:.3g}s", duration_s)
        began_ns = time.monotonic_ns()
        if not await self._run_schedule(self._asked(tried.load), duration_s, PARTS):
            return None
        collected.result.server = self._result.server.between(began_ns, time.monotonic_ns())
        self._collected = None
        collected.result.run_s = collected.run_s
        self.ran_s += collected.run_s
        self._result.alive_at_end = collected.result.alive_at_end
        verdict = judge_step(collected.result, collected.thirds)
        return self._told(tried, collected, verdict)

    async def _run_schedule(self, load: float, duration_s: float, parts: int) -> bool:
        self._crew.send(
            {"command": "step", "at_ns": _soon_ns(), "load": load, "duration_s": duration_s, "parts": parts}
        )
        return await self._crew.reached("stepped", duration_s + self._plan.timeout_s + GRACE_S)

    def _plan_of(self, load: float) -> Plan:
        thresholds = tuple(
            text for text in self._plan.thresholds if Threshold.parse(text).limit_figure is None
        )
        return replace(self._plan.with_load(load), thresholds=thresholds)

    def _asked(self, load: float) -> float:
        """What the workers are to do: pushes or visits a second, or users."""
        return self._plan.rate[0].rate if self._figure == "connections" else load

    def _needed_s(self, load: float) -> float:
        """How long a step takes until SAMPLES_BEYOND lie beyond each percentile that is judged."""
        levels = [99.0]
        for text in self._plan.thresholds:
            latency = Threshold.parse(text).latency
            if latency is not None and latency[1] in PERCENTILES:
                levels.append(PERCENTILES[latency[1]])
        samples = SAMPLES_BEYOND / (1 - max(levels) / 100)
        per_s = self._samples_per_load * load
        if self._figure in ("rate", "arrivals"):
            per_s = load
        elif self._figure == "connections" and self._plan.rate[0].rate:
            per_s = self._plan.rate[0].rate
        elif self._latency == "join":
            # Each is timed once, when it is opened: there are no more samples in a longer step.
            return 0.0
        return samples / per_s * PARTS / (PARTS - 1) if per_s else math.inf

    def _told(self, tried: Try, collected: CollectedStep, verdict: StepVerdict) -> LimitStep:
        result, run_s = collected.result, collected.run_s
        timed = result.histograms.get(self._latency) or Histogram()
        p50_s, p99_s = (timed.percentile_ns(level) / 1e9 if timed.count else None for level in (50, 99))
        if run_s and tried.load:
            self._samples_per_load = timed.count / run_s / tried.load
        if verdict.outcome == "held" and self._usual_s is None:
            self._usual_s, self._usual_load = p50_s or 0.0, tried.load
            self._usual_connected = collected.gauges["connected"] if self._figure == "rate" else 0
        counts = result.run_counts
        answered = counts["replies"] + counts["error_replies"] + counts["deliveries"]
        if result.is_journey:
            answered = counts["visits_ok"]
        elif not scenario_class(self._plan.scenario).holds:
            answered = counts["joins"]
        return LimitStep(
            load=tried.load,
            purpose=tried.purpose,
            outcome=verdict.outcome,
            why=verdict.why,
            duration_s=run_s * PARTS / (PARTS - 1),
            throughput_per_s=answered / run_s if run_s else 0.0,
            latency=self._latency,
            samples=timed.count,
            p50_s=p50_s,
            p99_s=p99_s,
            joined=result.alive_at_end,
            counts=break_counts(result),
            thresholds=judged_thresholds(result),
            cpu_share=result.run_cpu_share,
            own_lag_s=result.own_lag_s(self._latency, "p99"),
            server=result.server.to_mapping(),
        )

    # -- between two steps

    async def _recover(self) -> str:
        """Wait until nothing is in flight, all connections are back and the p50 is as usual. Empty, or why it
        is not within the time that the server has."""
        until_s = time.monotonic() + self._plan.recover_s
        why = "no time was given"
        load = self._asked(self._usual_load)
        per_s = self._samples_per_load * load if self._figure == "users" else load
        probe_s = min(max(PROBE_SAMPLES / per_s, PROBE_S[0]), PROBE_S[1]) if per_s else PROBE_S[0]
        self._progress.phase(f"waiting until the server is as before, at most {self._plan.recover_s:g}s")
        while not self._is_over():
            collected = self._collected = CollectedStep(self._plan, has_opening=False)
            if not await self._run_schedule(load, probe_s, 1):
                return ""
            self._collected = None
            self.ran_s += collected.run_s
            why = self._why_not_recovered(collected)
            if not why:
                return ""
            if time.monotonic() >= until_s:
                return f"{why} {self._plan.recover_s:g}s later"
        return ""

    def _why_not_recovered(self, probe: CollectedStep) -> str:
        gauges = probe.gauges
        if gauges["in_flight"]:
            return f"{gauges['in_flight']:,} pushes were in flight"
        if gauges["visiting"]:
            return f"{gauges['visiting']:,} visits were under way"
        if gauges["connected"] < self._usual_connected:
            return f"{gauges['connected']:,} of {self._usual_connected:,} connections were open"
        timed = probe.thirds[0]
        if self._usual_s is None or not timed.count:
            return ""
        p50_s = timed.percentile_ns(50) / 1e9 - probe.result.own_lag_s(self._latency, "p50")
        if p50_s <= max(RECOVERED * self._usual_s, self._usual_s + RECOVERED_S):
            return ""
        return (
            f"the p50 was {p50_s * 1e3:.3g} ms, and {self._usual_s * 1e3:.3g} ms in the first step that held,"
        )


def _soon_ns() -> int:
    return time.monotonic_ns() + LEAD_NS
