"""How fast a figure grows over a run, and how sure that is."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

BLOCKS = 24
"""Neighbouring samples tell much the same: the means of so many stretches of the run count as independent."""

T_ALONE = 2.074
"""Student's t for 95 % and ``BLOCKS - 2`` degrees of freedom; steps have one more."""

FIGURES = 60
"""How many figures a soak may judge; it has 39."""

T_TOGETHER = 3.867
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


def _stretches(samples: Samples) -> list[Samples]:
    """*samples* after the warm-up, in ``BLOCKS`` parts. Raises ValueError where too few are left."""
    begin_s, end_s = samples[0][0], samples[-1][0]
    kept = [sample for sample in samples if sample[0] >= begin_s + (end_s - begin_s) * WARM_UP]
    if len(kept) < 2 * BLOCKS:
        raise ValueError(f"{len(kept)} samples are too few for {BLOCKS} stretches: run longer")
    bounds = [len(kept) * block // BLOCKS for block in range(BLOCKS + 1)]
    return [kept[low:high] for low, high in pairwise(bounds)]


def slope_of(samples: Samples) -> Slope:
    """The slope of *samples* after the warm-up. Raises ValueError where too few are left.

    Most figures vary around a line. One that never falls, as what the system has given to a process, stays
    where it has come to: its distances to a line depend on one another, and its steps do not.
    """
    stretches = _stretches(samples)
    values = [value for stretch in stretches for _, value in stretch]
    never_falls = all(after >= before for before, after in pairwise(values))
    an_hour, error = _by_steps(stretches) if never_falls else _by_line(stretches)
    return Slope(an_hour, error, statistics.fmean(values))


def _by_line(stretches: Sequence[Samples]) -> tuple[float, float]:
    """Growth in an hour and its standard error, from the means of *stretches*."""
    hours = [statistics.fmean(at_s for at_s, _ in stretch) / 3600 for stretch in stretches]
    values = [statistics.fmean(value for _, value in stretch) for stretch in stretches]
    line = statistics.linear_regression(hours, values)
    rest = [value - line.slope * hour - line.intercept for hour, value in zip(hours, values, strict=True)]
    middle = statistics.fmean(hours)
    error = sum(each**2 for each in rest) / (BLOCKS - 2) / sum((hour - middle) ** 2 for hour in hours)
    return line.slope, error**0.5


def _by_steps(stretches: Sequence[Samples]) -> tuple[float, float]:
    """Growth in an hour and its standard error, from what each of *stretches* adds."""
    ends = [stretches[0][0], *(stretch[-1] for stretch in stretches)]
    steps = [after - before for (_, before), (_, after) in pairwise(ends)]
    hours_a_step = (ends[-1][0] - ends[0][0]) / 3600 / len(steps)
    error = statistics.stdev(steps) / len(steps) ** 0.5
    return statistics.fmean(steps) / hours_a_step, error / hours_a_step


def slopes_of(figures: Mapping[Key, Samples]) -> dict[Key, Slope]:
    """The slope of each figure. Raises ValueError where they are too many, or samples too few."""
    if len(figures) > FIGURES:
        raise ValueError(f"{len(figures)} figures are more than the {FIGURES} that T_TOGETHER is for")
    return {key: slope_of(samples) for key, samples in figures.items()}
