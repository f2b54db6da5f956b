"""What must hold of a result: ``rtt.p99<50ms``, ``lost==0``, ``step["push echo"].p95<50ms``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.figures import (
    JOURNEY_LATENCIES,
    JOURNEY_SECTIONS,
    LATENCIES,
    LATENCY_FIGURES,
    NAMED_SECTIONS,
    RATES,
    SECTIONS,
    figure_of,
    names_in,
    parse_named,
)

_EXPRESSION = re.compile(
    r'\s*([a-z_][a-z0-9_.]*|(?:step|check|server)\["(?:[^"\\]|\\.)*"\]\.\w+)'
    r"\s*(<=|>=|==|!=|<|>)\s*(\d+(?:\.\d+)?(?:e-?\d+)?)\s*"
    r"(ns|us|µs|ms|s|m|h|%|KB|MB|GB|KiB|MiB|GiB|/s)?\s*"
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_UNITS = {
    None: 1.0, "/s": 1.0, "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
    "%": 0.01, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3,
}  # fmt: skip
_TIMES = ("ns", "us", "µs", "ms", "s", "m", "h")
_SIZES = ("KB", "MB", "GB", "KiB", "MiB", "GiB")


def units_of(figure: str) -> tuple[str, ...]:
    """The units that *figure* may be told in; a count has none."""
    section, _, name = figure.rpartition(".")
    if figure.startswith("server["):
        return _units_of_metric(section, name)
    if section == "server" and name in ("cpu", "cpu_max"):
        return ("%",)
    if _is_timed(section, name):
        return () if name == "count" else _TIMES
    if section == "limit":
        return ("/s",) if name in RATES else ()
    if name.endswith("_per_s"):
        return ("/s",)
    if "bytes" in name and section:
        return _SIZES
    if "share" in name or (name.endswith("rate") and parse_named(figure)):
        return ("%",)
    return _TIMES if name.endswith("_s") or "_s_per_" in name else ()


def _units_of_metric(section: str, name: str) -> tuple[str, ...]:
    """A metric's name says what it is in, if anything does; a counter's figures are what came a second."""
    if name == "count":
        return ()
    if name == "rate":
        return ("/s",)
    if "_bytes" in section:
        return _SIZES
    return _TIMES if "_seconds" in section else ()


def _is_timed(section: str, name: str) -> bool:
    """Whether *name* is a figure of a latency: of *section*, or of the step that *section* names."""
    return section in LATENCIES or (section.startswith("step[") and name in LATENCY_FIGURES)


def _check_unit(text: str, figure: str, number: str, unit: str | None) -> None:
    """Raises PlanError for a unit that the figure is not in, and for a number that needs one: figures that
    have their unit in their name (``client.cpu_s``) do not."""
    units = units_of(figure)
    if unit is not None and unit not in units:
        known = f"{', '.join(units)}" if units else "no unit: it is a count"
        raise PlanError(f"the threshold {clip(text)}: {figure} takes {known}")
    section, _, name = figure.rpartition(".")
    if unit is None and float(number) and _is_timed(section, name) and units:
        raise PlanError(f"the threshold {clip(text)}: {number} has no unit: write {number}ms or {number}s")
    if units == ("%",) and float(number) > (100 if unit else 1):
        raise PlanError(f"the threshold {clip(text)} is above the whole: write it like 95%")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One expression: a figure of the result, a comparison, and a number with a unit.

    A figure is ``LATENCY.FIGURE`` (``rtt.p99``), ``SECTION.NAME`` (``client.rss_bytes_per_connection``,
    ``throughput.replies_per_s``), of one step or check of a journey, whose name is written as a JSON string
    (``step["push echo"].p95``, ``check["echoed"].rate``), or a total (``lost``). ``%`` is a hundredth. A
    latency's limit needs a unit, unless it is 0.
    """

    expr: str
    figure: str
    comparison: str
    limit: float
    unit: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises PlanError if it is no such expression."""
        match = _EXPRESSION.fullmatch(text)
        if match is None:
            raise PlanError(
                f'the threshold {clip(text)} is not like rtt.p99<50ms, lost==0 or step["push echo"].p95<50ms'
            )
        figure, comparison, number, unit = match.groups()
        check_figure(figure, f"the threshold {clip(text)}")
        _check_unit(text, figure, number, unit)
        return cls(text.strip(), figure, comparison, float(number) * _UNITS[unit], unit)

    def check(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """``{"expr", "value", "ok"}`` of a result's mapping. A figure that nothing was counted for has no
        value and does not hold."""
        value = figure_of(result, self.figure)
        ok = value is not None and self.holds_for(value)
        return {"expr": self.expr, "value": value, "ok": ok}

    @property
    def latency(self) -> tuple[str, str] | None:
        """The latency (``rtt``, ``step["push echo"]``) and its figure that have an upper limit here; None for
        any other threshold."""
        section, _, name = self.figure.rpartition(".")
        is_limited = _is_timed(section, name) and name != "count" and self.comparison in ("<", "<=")
        return (section, name) if is_limited else None

    @property
    def named(self) -> tuple[str, str] | None:
        """``step``, ``check`` or ``server``, and the name of the one that it is about; None for any other
        threshold."""
        parts = parse_named(self.figure)
        return None if parts is None else parts[:2]

    @property
    def is_of_journeys(self) -> bool:
        """Whether only a journey has its figure."""
        section, _, _ = self.figure.partition(".")
        kind = self.named[0] if self.named else section
        return kind in (*JOURNEY_SECTIONS, "visits", *JOURNEY_LATENCIES)

    @property
    def is_of_server(self) -> bool:
        """Whether only a run that watches its server has its figure."""
        return self.figure.startswith(("server.", "server["))

    @property
    def limit_figure(self) -> str | None:
        """The figure whose limit it is about (``rate`` of ``limit.rate>=4000``); None for any other
        threshold."""
        section, _, name = self.figure.partition(".")
        return name if section == "limit" else None

    def holds_for(self, value: float) -> bool:
        """Whether *value* would hold."""
        return _COMPARE[self.comparison](value, self.limit)


def check_figure(figure: str, what: str) -> None:
    """Raises PlanError, which begins with *what*, if no result can have such a figure."""
    (_check_named if "[" in figure else _check_plain)(figure, what)


def _check_named(figure: str, what: str) -> None:
    parts = parse_named(figure)
    if parts is None:
        raise PlanError(
            f'{what}: the name is no JSON string: write a quote in it as \\", a backslash as \\\\'
        )
    section, _, name = parts
    if name not in NAMED_SECTIONS[section]:
        raise PlanError(f"{what}: a {section} has {', '.join(NAMED_SECTIONS[section])}")


def _check_plain(figure: str, what: str) -> None:
    section, dot, name = figure.partition(".")
    names = names_in(section)
    if dot and names is None:
        known = ", ".join((*LATENCIES, *SECTIONS, *(f'{each}["NAME"]' for each in NAMED_SECTIONS)))
        raise PlanError(f"{what}: there are {known}, and totals by name")
    if dot and names is not None and name not in names:
        raise PlanError(f"{what}: {section} has {', '.join(names)}")
    totals = SECTIONS["totals"]
    if not dot and figure not in totals:
        raise PlanError(f"{what}: {figure} is no total: there are {', '.join(totals)}")


def shown_value(checked: Mapping[str, Any]) -> str:
    """The value in what :meth:`Threshold.check` gave, in its expression's own unit, to be compared by eye."""
    if checked["value"] is None:
        return "-"
    unit = Threshold.parse(checked["expr"]).unit
    return f"{checked['value'] / _UNITS[unit]:.6g}{unit or ''}"
