"""Sides run in turns, A B A B, and what is compared is always of one round.

A machine that is shared is fast now and slow in a minute; a ratio within one round hardly notices.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


def interleave(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Each side once a round, in an order that turns around every other round."""
    samples: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            samples[name].append(sides[name]())
    return samples


@dataclass
class Ratio:
    """The median of a ratio over the rounds, and how far they lie apart."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Of two sides' samples, round by round; *low* and *high* are the quartiles' outer rounds."""
    ratios = sorted(a / b for a, b in zip(above, below, strict=True))
    outer = len(ratios) // 4
    return Ratio(statistics.median(ratios), ratios[outer], ratios[-1 - outer])


def confidence_interval(
    ratios: Sequence[float], level: float = 0.95, draws: int = 2000
) -> tuple[float, float]:
    """Of the ratios' median, by bootstrap with a fixed seed."""
    generator = random.Random(1)
    medians = sorted(statistics.median(generator.choices(ratios, k=len(ratios))) for _ in range(draws))
    cut = int((1 - level) / 2 * draws)
    return medians[cut], medians[-1 - cut]
