"""When the visits of a worker are due, and what numbers they have over all workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from fastphx.load.plan.share import Share
from fastphx.load.plan.units import RateStep


def arrivals(
    steps: Sequence[RateStep], start_ns: int, share: Share, seed: int | None = None
) -> Iterator[tuple[int, int]]:
    """The number and the time, in nanoseconds, of each visit of *share*: evenly spaced in each step, or with
    a *seed* at exponential gaps. They are the same whatever the number of workers."""
    random = None if seed is None else Random(f"{seed}/arrivals")
    number = 0
    step_ns = float(start_ns)
    for step in steps:
        end_ns = step_ns + step.duration_s * 1e9
        if step.rate > 0:
            gap_ns = 1e9 / step.rate
            due_ns = step_ns + (gap_ns / 2 if random is None else random.expovariate(1.0) * gap_ns)
            while due_ns < end_ns:
                if number % share.workers == share.index:
                    yield number, int(due_ns)
                number += 1
                due_ns += gap_ns if random is None else random.expovariate(1.0) * gap_ns
        step_ns = end_ns
