"""What happened between two readings of the metrics page: rates of counters, quantiles of histograms."""

from __future__ import annotations

from collections.abc import Mapping

from fastphx.load.server.interval import Buckets, Interval, Value
from fastphx.load.server.page import Labels, Page, Series


class Rates:
    """Compares each reading of the page with the one before it."""

    def __init__(self) -> None:
        self._before: Mapping[str, Series] = {}
        self._before_s = 0.0

    def add(self, page: Page, at_s: float, scrape_s: float) -> Interval:
        """The interval that ends with *page*, which came at *at_s*."""
        length_s = at_s - self._before_s if self._before else 0.0
        values: dict[str, Value] = {}
        increases: dict[str, float] = {}
        restarted = []
        for name, series in page.metrics.items():
            before = self._before.get(name)
            if series.kind == "gauge":
                values[name] = max(series.values.values())
            elif before is not None and before.kind == series.kind and length_s > 0:
                if series.kind == "counter":
                    increase = _increase(before.values, series.values)
                    if increase is not None:
                        increases[name] = increase
                        values[name] = increase / length_s
                else:
                    buckets = _bucket_increase(before, series)
                    increase = None if buckets is None else buckets.count
                    if buckets is not None:
                        values[name] = buckets
                if increase is None:
                    restarted.append(name)
        self._before, self._before_s = page.metrics, at_s
        kinds = {name: series.kind for name, series in page.metrics.items()}
        return Interval(at_s, length_s, values, kinds, increases, tuple(restarted), scrape_s)


def _increase(before: Mapping[Labels, float], now: Mapping[Labels, float]) -> float | None:
    """How much all series have grown; None where one has fallen. What was not there before has begun at 0."""
    grown = 0.0
    for labels, value in now.items():
        if value < before.get(labels, 0.0):
            return None
        grown += value - before.get(labels, 0.0)
    return grown


def _bucket_increase(before: Series, now: Series) -> Buckets | None:
    in_all: dict[float, float] = {}
    for labels, buckets in now.buckets.items():
        old = before.buckets.get(labels, {})
        below = 0.0
        for bound in sorted(buckets):
            grown = buckets[bound] - old.get(bound, 0.0)
            if grown < 0:
                return None
            in_all[bound] = in_all.get(bound, 0.0) + max(0.0, grown - below)
            below = max(below, grown)
    total = _increase(before.sums, now.sums)
    bounds = tuple(sorted(in_all))
    return Buckets(bounds, tuple(in_all[bound] for bound in bounds), total or 0.0)
