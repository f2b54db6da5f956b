"""Figures for people: 3 significant digits with a unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastphx.load.plan.figures import LATENCY_FIGURES, RATES
from fastphx.load.plan.units import digits, seconds

OWN_LAG = " (own lag "
STAR = "*: this machine's own lag is a quarter of it or more"


def latency(mapping: Mapping[str, Any], name: str, figure: str) -> str:
    """A latency's figure, with this machine's own lag beside it if that is a large part of it."""
    return lagged(mapping["latency"][name][figure], mapping["own_lag"].get(name, {}).get(figure))


def lagged(value: float | None, own_lag_s: float | None) -> str:
    """A time, with this machine's own lag beside it, if there is one to tell."""
    return seconds(value) if own_lag_s is None else f"{seconds(value)}{OWN_LAG}{seconds(own_lag_s)})"


def starred(value: float | None, own_lag_s: float | None) -> str:
    """As :func:`lagged`, with no more than a star, which STAR explains."""
    return seconds(value) + "*" * (own_lag_s is not None)


def main_reasons(mapping: Mapping[str, Any], kind: str) -> str:
    """The most frequent reasons of a kind of failure, in few words."""
    return first_reasons(mapping["reasons"].get(kind, {}), 2)


def first_reasons(reasons: Mapping[str, int], shown: int) -> str:
    """The first *shown* of some reasons with their counts, and how many more there are."""
    texts = [f"{reason} ({count(number)})" for reason, number in list(reasons.items())[:shown]]
    more = len(reasons) - shown
    return "; ".join([*texts, *([f"{more} more"] if more > 0 else [])])


def size(value: float) -> str:
    """A size in bytes, in the unit that suits it."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= scale:
            return f"{digits(value / scale)} {unit}"
    return f"{value:.0f} B"


def count(value: float) -> str:
    return f"{value:,.0f}"


def per_second(value: float) -> str:
    return f"{value:,.0f}/s" if value >= 100 or _is_whole(value) else f"{digits(value)}/s"


def shown(figure: str, value: float) -> str:
    """A figure's value for people."""
    section, _, name = figure.rpartition(".")
    if section == "limit":
        return per_second(value) if name in RATES else count(value)
    if section.startswith("server["):
        return per_second(value) if name == "rate" else metric(section, value)
    if section == "server" and name in ("cpu", "cpu_max"):
        return f"{100 * value:.4g} %"
    if name.endswith("_per_s"):
        return per_second(value)
    if "bytes" in name:
        return size(value)
    if name in ("rate", "error_rate"):
        return f"{100 * value:.4g} %"
    if name.endswith("_s") or "_s_" in name or name in LATENCY_FIGURES[1:]:
        return seconds(value)
    return count(value) if _is_whole(value) else digits(value)


def metric(name: str, value: float) -> str:
    """A value of a metric of the server's page, in the unit that its name says."""
    if "_bytes" in name and "kilobytes" not in name and "megabytes" not in name and value >= 0:
        return size(value)
    for unit, scale in (("_milliseconds", 1e-3), ("_microseconds", 1e-6), ("_seconds", 1.0)):
        if unit in name and value >= 0:
            return seconds(value * scale)
    return count(value) if _is_whole(value) else digits(value)


def _is_whole(value: float) -> bool:
    """Neither an infinite value is, nor NaN."""
    return float(value).is_integer()
