"""How fast a figure grows over a run, and how sure that is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BLOCKS = 24
"""Neighbouring samples tell much the same: the means of so many stretches of the run count as independent."""

T_975 = 2.074
"""Student's t for 95 % and ``BLOCKS - 2`` degrees of freedom."""

WARM_UP = 1 / 6
"""The part of the run in which pools, caches and buffers fill; it does not count."""


@dataclass(frozen=True)
class Slope:
    """Growth in an hour, with its 95 % confidence interval. *level* is the figure's mean."""

    an_hour: float
    low: float
    high: float
    level: float

    def grows_beyond(self, an_hour: float) -> bool:
        """Whether the whole interval lies above *an_hour*."""
        return self.low > an_hour


def slope_of(samples: Sequence[tuple[float, float]]) -> Slope:
    """The slope of *samples*, pairs of a time in seconds and a value, after the warm-up. Raises ValueError
    where too few are left."""
    begin_s, end_s = samples[0][0], samples[-1][0]
    kept = [sample for sample in samples if sample[0] >= begin_s + (end_s - begin_s) * WARM_UP]
    if len(kept) < 2 * BLOCKS:
        raise ValueError(f"{len(kept)} samples are too few for {BLOCKS} stretches: run longer")
    bounds = [len(kept) * block // BLOCKS for block in range(BLOCKS + 1)]
    blocks = [kept[low:high] for low, high in pairwise(bounds)]
    hours = [statistics.fmean(at_s for at_s, _ in block) / 3600 for block in blocks]
    values = [statistics.fmean(value for _, value in block) for block in blocks]
    line = statistics.linear_regression(hours, values)
    rest = [value - line.slope * hour - line.intercept for hour, value in zip(hours, values, strict=True)]
    middle = statistics.fmean(hours)
    error = (
        sum(each**2 for each in rest) / (BLOCKS - 2) / sum((hour - middle) ** 2 for hour in hours)
    ) ** 0.5
    return Slope(line.slope, line.slope - T_975 * error, line.slope + T_975 * error, statistics.fmean(values))
