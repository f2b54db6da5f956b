"""A histogram's figures, in seconds."""

from __future__ import annotations

from fastphx.load.plan.figures import PERCENTILES
from fastphx.load.result.abstract_histogram import AbstractHistogram


def latency_mapping(histogram: AbstractHistogram) -> dict[str, float]:
    """The figures of a histogram in seconds, as HdrHistogram gives them; only ``count`` if it is empty."""
    if not histogram.count:
        return {"count": 0}
    figures: dict[str, float] = {
        "count": histogram.count,
        "mean": histogram.mean_ns / 1e9,
        "min": histogram.min_ns / 1e9,
    }
    figures |= {name: histogram.percentile_ns(level) / 1e9 for name, level in PERCENTILES.items()}
    figures["max"] = histogram.max_ns / 1e9
    return figures
