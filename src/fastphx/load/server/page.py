"""A Prometheus page, read: the samples that are asked for, under the names that the page itself has."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from fastphx.foreign_text import quoted
from fastphx.load.plan.server_metric import ServerMetric
from fastphx.load.server.names import usual_metrics

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Labels: TypeAlias = "tuple[tuple[str, str], ...]"

MAX_NAME_CHARS = 200
MAX_LINE_CHARS = 4096
MAX_SAMPLES = 20_000
"""Of the metrics that are asked for. What comes behind them is left out, and told."""
MAX_SAMPLE_CHARS = 1 << 20
"""Of all those samples: what is in them is read character by character."""
MAX_METRICS = 64
MAX_BUCKETS = 1000
"""Of one histogram, which are kept for every second."""
MAX_VALUE = 1e30
"""A larger one is no number either: sums of such are infinite."""
MAX_SHOWN_CHARS = 60

_NAME = re.compile(r"[A-Za-z_:][\w:]*", re.ASCII)
_SAMPLE = re.compile(r"([A-Za-z_:][\w:]*)\s*(?:\{|\s)", re.ASCII)
_TYPE = re.compile(r"#\s*TYPE\s+([A-Za-z_:][\w:]*)\s+(\w+)", re.ASCII)
_PARTS = ("_bucket", "_sum", "_count")


class PageError(ValueError):
    """It is no Prometheus page, in one clause."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of the page: its kind, and by labels its value, or the running totals of its buckets."""

    kind: Kind
    values: Mapping[Labels, float]
    buckets: Mapping[Labels, Mapping[float, float]]
    """Of a histogram, by upper bound."""
    sums: Mapping[Labels, float]
    """Of a histogram, the sum of what it has seen."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one reading of the page has of the metrics that are asked for, by their text."""

    metrics: Mapping[str, Series]
    missing: tuple[str, ...]
    """What is asked for and not there."""
    left_out: int
    """Samples, and usual metrics, beyond the bounds."""


def read_page(text: str, asked: Sequence[ServerMetric]) -> Page:
    """What *text* has of *asked*, and of the usual names. Raises PageError."""
    kinds, lines = _lines_by_name(text)
    wanted, missing, left_out = _wanted(asked, kinds, lines)
    found: dict[str, Series] = {}
    room, room_chars = MAX_SAMPLES, MAX_SAMPLE_CHARS
    for metric, (name, kind) in wanted.items():
        parts = [f"{name}_bucket", f"{name}_sum"] if kind == "histogram" else [name]
        chosen = [line for part in parts for line in lines.get(part, ())]
        taken = []
        for line in chosen[:room]:
            room_chars -= len(line)
            if room_chars < 0:
                break
            taken.append(line)
        room -= len(taken)
        left_out += len(chosen) - len(taken)
        series = _series(metric, kind, name, taken)
        if series.values or series.buckets:
            found[metric.text] = series
        elif metric in asked:
            missing.append(metric.text)
    return Page(found, tuple(missing), left_out)


def _lines_by_name(text: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    kinds: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    # What else str.splitlines takes for an end of a line may stand in a label.
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line.startswith("#"):
            if match := _TYPE.match(line[:MAX_LINE_CHARS]):
                kinds[match[1]] = match[2]
        elif line:
            match = _SAMPLE.match(line)
            if match is None or len(match[1]) > MAX_NAME_CHARS or len(line) > MAX_LINE_CHARS:
                raise PageError(f"line {number} is no sample: {quoted(line, MAX_SHOWN_CHARS)}")
            lines.setdefault(match[1], []).append(line)
    return kinds, lines


def _wanted(
    asked: Sequence[ServerMetric], kinds: Mapping[str, str], lines: Mapping[str, list[str]]
) -> tuple[dict[ServerMetric, tuple[str, Kind]], list[str], int]:
    """What to read: asked for first, then the usual; each with the page's own name for it."""
    wanted: dict[ServerMetric, tuple[str, Kind]] = {}
    missing, left_out = [], 0
    for metric in asked:
        # The page's own text first. What reads the page elsewhere may have added or taken the ending.
        name = next(
            (
                each
                for each in (metric.name, f"{metric.name}_total", metric.name.removesuffix("_total"))
                if each in lines or f"{each}_bucket" in lines
            ),
            None,
        )
        if name is None:
            missing.append(metric.text)
        else:
            wanted[metric] = (name, _kind(name, kinds, lines))
    for name in dict.fromkeys((*kinds, *lines)):
        if _is_part(name, kinds) or (name not in lines and f"{name}_bucket" not in lines):
            continue
        for metric in usual_metrics(name) if len(name) <= MAX_NAME_CHARS else ():
            if len(wanted) < MAX_METRICS:
                wanted.setdefault(metric, (name, _kind(name, kinds, lines)))
            else:
                left_out += 1
    return wanted, missing, left_out


def _kind(name: str, kinds: Mapping[str, str], lines: Mapping[str, list[str]]) -> Kind:
    if name not in lines:
        return "histogram"
    # OpenMetrics names a counter without the ending of its samples.
    if "counter" in (kinds.get(name), kinds.get(name.removesuffix("_total"))):
        return "counter"
    return "counter" if _is_part(name, kinds) else "gauge"


def _is_part(name: str, kinds: Mapping[str, str]) -> bool:
    """Whether it is of a histogram or a summary."""
    return any(
        kinds.get(name.removesuffix(part)) in ("histogram", "summary")
        for part in _PARTS
        if name.endswith(part)
    )


def _series(metric: ServerMetric, kind: Kind, name: str, lines: Sequence[str]) -> Series:
    values: dict[Labels, float] = {}
    buckets: dict[Labels, dict[float, float]] = {}
    sums: dict[Labels, float] = {}
    bounds: set[float] = set()
    try:
        # Without the lines of types the parser leaves the names as they are.
        samples = [family.samples[0] for family in text_string_to_metric_families("\n".join(lines) + "\n")]
        for sample in samples:
            value = float(sample.value)
            if not abs(value) <= MAX_VALUE or any(
                sample.labels.get(label) != chosen for label, chosen in metric.labels
            ):
                continue
            bound = sample.labels.get("le") if kind == "histogram" else None
            labels = tuple(sorted(item for item in sample.labels.items() if bound is None or item[0] != "le"))
            if kind != "histogram":
                values[labels] = value
            elif sample.name == f"{name}_sum":
                sums[labels] = value
            elif bound is not None and (limit := float(bound)) > -math.inf:
                bounds.add(limit)
                buckets.setdefault(labels, {})[limit] = value
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise PageError(f"{quoted(name, MAX_SHOWN_CHARS)} cannot be read ({type(error).__name__})") from None
    if len(bounds) > MAX_BUCKETS:
        raise PageError(f"{quoted(name, MAX_SHOWN_CHARS)} has more than {MAX_BUCKETS:,} buckets")
    return Series(kind, values, buckets, sums)
