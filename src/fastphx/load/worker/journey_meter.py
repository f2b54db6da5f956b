"""What the visits of a worker count and time together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from fastphx.errors import clip
from fastphx.load.journeys.failure import VisitFailed, place_at
from fastphx.load.plan.figures import COUNTS, JOURNEY_COUNTS, LOST
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.reasons import Reasons
from fastphx.load.worker.meter import HISTOGRAMS as METER_HISTOGRAMS
from fastphx.load.worker.step_counter import StepCounter

MAX_STEPS_BYTES = 256 * 1024
"""Of the steps of one line. What does not fit goes with the next."""
MAX_NAME_CHARS = 200
"""Of a step, or a check."""
HISTOGRAMS = (*METER_HISTOGRAMS, "visit", "visit_uncorrected")


class JourneyMeter:
    """One worker's. *max_steps* bounds the names of steps, and of checks; *too_many* is told of the name that
    is one too many, in a sentence."""

    events = None
    topics = None

    def __init__(
        self, script: str, max_steps: int, too_many: Callable[[str], object], reasons: Reasons
    ) -> None:
        self.counts = dict.fromkeys((*COUNTS, *JOURNEY_COUNTS), 0)
        self.connect = Histogram()
        self.join = Histogram()
        self.rtt = Histogram()
        self.rtt_uncorrected = Histogram()
        self.delivery = Histogram()
        self.schedule_lag = Histogram()
        self.visit = Histogram()
        self.visit_uncorrected = Histogram()
        self.visiting = 0
        self.joined = 0
        self.note = reasons.add
        self._script = script
        self._max_steps = max_steps
        self._too_many = too_many
        self._steps: dict[str, StepCounter] = {}
        self._checks: dict[str, list[int]] = {}
        self._untold: list[StepCounter] = []

    @property
    def connected(self) -> int:
        counts = self.counts
        return counts["connections"] - counts["disconnects"] - counts["closed"]

    @property
    def in_flight(self) -> int:
        counts = self.counts
        ended = counts["replies"] + counts["error_replies"] + sum(counts[name] for name in LOST)
        return counts["pushes"] - ended

    def step(self, name: str) -> StepCounter:
        """The counter of the steps of that name. Raises VisitFailed for one name too many."""
        found = self._steps.get(name)
        if found is None:
            self._bound(name, "steps", len(self._steps))
            found = self._steps[name] = StepCounter(name)
        return found

    def check(self, name: str, ok: bool) -> None:
        """Count a check. Raises VisitFailed for one name too many."""
        found = self._checks.get(name)
        if found is None:
            self._bound(name, "checks", len(self._checks))
            found = self._checks[name] = [0, 0]
        found[not ok] += 1

    def _bound(self, name: str, what: str, count: int) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a step or a check is a str, not {type(name).__name__}")
        if not name:
            raise ValueError("the name of a step or a check is empty")
        if len(name) > MAX_NAME_CHARS:
            raise ValueError(
                f"the name {clip(name, 40)} has {len(name)} characters: {MAX_NAME_CHARS} at most"
            )
        if count < self._max_steps:
            return
        sentence = (
            f"{self._line()} makes more than {self._max_steps} names of {what} ({clip(name)} is the next): "
            "leave topics and ids out of them, with name=, or raise --max-steps"
        )
        self._too_many(sentence)
        raise VisitFailed(sentence)

    def _line(self) -> str:
        """The line of the script that is being run."""
        frame = sys._getframe()
        while frame is not None and frame.f_code.co_filename != self._script:
            frame = frame.f_back  # type: ignore[assignment]
        return place_at(self._script, None if frame is None else frame.f_lineno)

    # -- lines

    def take(self) -> dict[str, Any]:
        """The part of a stats line that tells of steps and checks: of MAX_STEPS_BYTES at most."""
        checks, self._checks = self._checks, {name: [0, 0] for name in self._checks}
        told = {name: numbers for name, numbers in checks.items() if any(numbers)}
        steps = self._take_steps()
        return {**({"steps": steps} if steps else {}), **({"checks": told} if told else {})}

    def take_rest(self) -> Iterator[dict[str, Any]]:
        """The run is over: the lines of all that was not told yet."""
        for counter in self._steps.values():
            counter.cut_rest()
        self._untold.clear()
        while part := self.take():
            yield part

    def _take_steps(self) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        size = 0
        # Those that did not fit into the last line come first.
        waiting = self._untold or list(self._steps.values())
        while waiting and size < MAX_STEPS_BYTES:
            counter = waiting.pop(0)
            counted = counter.take()
            if counted:
                taken[counter.name] = counted
                size += len(orjson.dumps(counted)) + len(counter.name)
        self._untold = waiting
        return taken
