"""HdrHistogram's percentile distribution, which its own plotter reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from fastphx.load.result.error import ResultError
from fastphx.load.result.hdr import decode, to_hdr
from fastphx.load.result.histogram import Histogram

MILLISECOND_NS = 1e6
PREFERRED = ("visit", "rtt", "delivery", "rejoin", "join")


def main_latency(mapping: Mapping[str, Any]) -> str:
    """The latency that the scenario is about."""
    latency = mapping["latency"]
    timed = [name for name in PREFERRED if latency.get(name, {}).get("count")]
    return timed[0] if timed else "connect"


def write_hgrm(mapping: Mapping[str, Any], path: Path) -> None:
    """Write the distribution of the main latency, in milliseconds. Raises OSError; ResultError where the
    result was kept without histograms."""
    name = main_latency(mapping)
    figures = mapping["latency"][name]
    encoded = mapping.get("histograms", {}).get(name)
    if encoded is None and figures["count"]:
        raise ResultError("the result was kept without histograms, by an older fastphx")
    hdr = to_hdr(Histogram()) if encoded is None else decode(encoded, figures)
    text = BytesIO()
    hdr.output_percentile_distribution(text, MILLISECOND_NS)
    # The library scales every figure but this one.
    deviation = f"StdDeviation   = {hdr.get_stddev() / MILLISECOND_NS:12.3f}"
    path.write_bytes(re.sub(rb"StdDeviation += +[\d.]+", deviation.encode(), text.getvalue()))
