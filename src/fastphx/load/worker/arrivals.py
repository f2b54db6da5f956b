"""When the visits of a worker are due, and what numbers they have over all workers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import NamedTuple

from fastphx.load.plan.share import Share
from fastphx.load.plan.units import RateStep


class _Piece(NamedTuple):
    """A part of the schedule with one law: from *start_s* to *end_s* with *rate* visits a second, or, in the
    ramp of *ramp_s*, with that part of it which has passed."""

    start_s: float
    end_s: float
    rate: float
    ramp_s: float

    def expected(self) -> float:
        """The visits of the whole piece."""
        if not self.ramp_s:
            return self.rate * (self.end_s - self.start_s)
        return self.rate * (self.end_s**2 - self.start_s**2) / (2 * self.ramp_s)

    def time_of(self, number: float) -> float:
        """When so many visits of it are due."""
        if not self.ramp_s:
            return self.start_s + number / self.rate
        return math.sqrt(self.start_s**2 + 2 * self.ramp_s * number / self.rate)


def _pieces(steps: Sequence[RateStep], ramp_s: float) -> Iterator[_Piece]:
    at_s = 0.0
    for step in steps:
        end_s = at_s + step.duration_s
        ramp_end_s = min(max(at_s, ramp_s), end_s)
        if at_s < ramp_end_s:
            yield _Piece(at_s, ramp_end_s, step.rate, ramp_s)
        if ramp_end_s < end_s:
            yield _Piece(ramp_end_s, end_s, step.rate, 0.0)
        at_s = end_s


def arrivals(
    steps: Sequence[RateStep], start_ns: int, share: Share, seed: int | None = None, ramp_s: float = 0.0
) -> Iterator[tuple[int, int]]:
    """The number and the time, in nanoseconds, of each visit of *share*: evenly spaced in each step, or with
    a *seed* at exponential gaps; within *ramp_s* from the start the rate rises from 0. They are the same
    whatever the number of workers."""
    random = None if seed is None else Random(f"{seed}/arrivals")
    numbers = count()
    for piece in _pieces(steps, ramp_s):
        if not piece.rate:
            continue
        expected = piece.expected()
        at = 0.5 if random is None else random.expovariate(1.0)
        while at < expected:
            number = next(numbers)
            if number % share.workers == share.index:
                yield number, start_ns + int(piece.time_of(at) * 1e9)
            at += 1.0 if random is None else random.expovariate(1.0)
