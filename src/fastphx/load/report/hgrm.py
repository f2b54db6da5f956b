"""HdrHistogram's percentile distribution, which its own plotter reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from fastphx.load.result.hdr import to_hdr
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.result import Result

MILLISECOND_NS = 1e6
PREFERRED = ("visit", "rtt", "delivery", "rejoin", "join")


def main_latency(result: Result) -> str:
    """The latency that the scenario is about."""
    timed = [name for name in PREFERRED if result.histograms.get(name, Histogram()).count]
    return timed[0] if timed else "connect"


def write_hgrm(result: Result, _mapping: Mapping[str, Any], path: Path) -> None:
    """Write the distribution of the main latency, in milliseconds. Raises OSError."""
    histogram = result.histograms.get(main_latency(result), Histogram())
    hdr = to_hdr(histogram)
    text = BytesIO()
    hdr.output_percentile_distribution(text, MILLISECOND_NS)
    # The library scales every figure but this one.
    deviation = f"StdDeviation   = {hdr.get_stddev() / MILLISECOND_NS:12.3f}"
    path.write_bytes(re.sub(rb"StdDeviation += +[\d.]+", deviation.encode(), text.getvalue()))
