"""Handing a counted histogram to the ``hdrhistogram`` package: percentiles and the ``.hgrm`` output."""

from __future__ import annotations

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from fastphx.load.result.abstract_histogram import HIGHEST_NS, LOWEST_NS, AbstractHistogram


def to_hdr(histogram: AbstractHistogram) -> HdrHistogram:
    """The same counts as an ``HdrHistogram`` of nanoseconds."""
    hdr = HdrHistogram(LOWEST_NS, HIGHEST_NS, histogram.significant_digits)
    counts = histogram.export()["counts"]
    for index, count in zip(counts[::2], counts[1::2], strict=True):
        hdr.record_value(hdr.get_value_from_index(index), count)
    if counts:
        hdr.min_value = histogram.min_ns
        hdr.max_value = histogram.max_ns
    return hdr
