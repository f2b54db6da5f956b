"""How fast a figure grows over a run, and how sure that is."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

BLOCKS = 24
"""Neighbouring samples tell much the same: the means of so many stretches of the run count as independent."""

T_ALONE = 2.074
"""Student's t for 95 % and ``BLOCKS - 2`` degrees of freedom."""

FIGURES = 40
"""How many figures a soak may judge."""

T_TOGETHER = 3.700
"""The same for 1 - 0.05 / ``FIGURES`` (Bonferroni): of 40 intervals of 95 %, two miss the truth by chance."""

WARM_UP = 1 / 6
"""The part of the run in which pools, caches and buffers fill; it does not count."""

Samples = Sequence[tuple[float, float]]
"""Times in seconds, and the values at them."""

Key = tuple[str, str]
"""A process and its figure."""


@dataclass(frozen=True)
class Slope:
    """Growth in an hour, and its standard *error*. *level* is the figure's mean."""

    an_hour: float
    error: float
    level: float

    def interval(self, t: float) -> tuple[float, float]:
        """The confidence interval that *t*, a quantile of Student's t, gives."""
        return self.an_hour - t * self.error, self.an_hour + t * self.error

    def grows_beyond(self, an_hour: float) -> bool:
        """Whether the whole interval lies above *an_hour*, with 95 % for all figures together."""
        return self.interval(T_TOGETHER)[0] > an_hour


def slope_of(samples: Samples) -> Slope:
    """The slope of *samples* after the warm-up. Raises ValueError where too few are left."""
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
    return Slope(line.slope, error, statistics.fmean(values))


def slopes_of(figures: Mapping[Key, Samples]) -> dict[Key, Slope]:
    """The slope of each figure. Raises ValueError where they are too many, or samples too few."""
    if len(figures) > FIGURES:
        raise ValueError(f"{len(figures)} figures are more than the {FIGURES} that T_TOGETHER is for")
    return {key: slope_of(samples) for key, samples in figures.items()}
