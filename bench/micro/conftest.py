"""Prints, after pytest-benchmark's own table, each benchmark as a ratio to its group's bound."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    session = getattr(terminalreporter.config, "_benchmarksession", None)
    groups: dict[str, dict[str, float]] = {}
    for bench in getattr(session, "benchmarks", []) or []:
        if bench.stats:
            groups.setdefault(bench.group, {})[bench.params["what"]] = bench.stats.min
    if not groups:
        return
    terminalreporter.section("time, as a ratio to the bound of the same run")
    for group, times in groups.items():
        bound, *others = times
        shown = ", ".join(f"{name} {times[name] / times[bound]:.2f}" for name in others)
        terminalreporter.write_line(f"{group:40} bound: {bound} ({times[bound] * 1e9:,.0f} ns); {shown}")
