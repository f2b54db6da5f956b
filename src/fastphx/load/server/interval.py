"""What happened between two readings of the metrics page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias


@dataclass(frozen=True, slots=True)
class Buckets:
    """What a histogram has seen in some time: how many up to each bound, and their sum."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    """How many in each bucket, not below it."""
    sum: float

    @property
    def count(self) -> float:
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        return self.sum / self.count if self.count else None

    def quantile(self, part: float) -> tuple[float | None, float | None]:
        """Where *part* (0.99) of what was seen lies, evenly spread in its bucket, and that bucket's width,
        which is the error. Beyond the last finite bound it is that bound, and the width is not known."""
        rank, seen, lower = part * self.count, 0.0, 0.0
        for bound, number in zip(self.bounds, self.counts, strict=True):
            if number and seen + number >= rank:
                if bound == float("inf"):
                    return lower, None
                lower = min(lower, bound)
                return lower + (bound - lower) * max(0.0, rank - seen) / number, bound - lower
            seen, lower = seen + number, bound
        return None, None

    @classmethod
    def together(cls, several: Sequence[Buckets]) -> Self:
        """All of them, by the bounds that any has."""
        counts: defaultdict[float, float] = defaultdict(float)
        for each in several:
            for bound, number in zip(each.bounds, each.counts, strict=True):
                counts[bound] += number
        bounds = tuple(sorted(counts))
        return cls(bounds, tuple(counts[bound] for bound in bounds), sum(each.sum for each in several))


Value: TypeAlias = "float | Buckets"


@dataclass(frozen=True, slots=True)
class Interval:
    """From one reading of the page to the next; times in seconds of one clock."""

    at_s: float
    length_s: float
    """0: there was no reading before it, so that there is no rate."""
    values: Mapping[str, Value]
    """Gauges as they are; counters a second; histograms what came in it."""
    kinds: Mapping[str, str]
    increases: Mapping[str, float]
    """How much each counter has grown."""
    restarted: tuple[str, ...]
    """Counters and histograms that have fallen: whoever counts has started again."""
    scrape_s: float
    """How long reading the page took."""
