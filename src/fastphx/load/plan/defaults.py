"""The keys of a plan that a scenario has other defaults for than the plan itself."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "fanout": {"topic": "fan:{t}", "event": "msg", "rate": 10.0},
    "idle": {"rate": 0.0},
    "churn": {"rate": 50.0, "connections": 10_000},
    "listen": {"rate": 0.0, "topic": "room:lobby"},
    "storm": {"rate": 0.0, "duration": 20.0},
}
OF_A_FILE: Mapping[str, object] = {"rate": 0.0}


def defaults_of(scenario: str) -> Mapping[str, object]:
    """The defaults of the scenario of that name, or of a Python file."""
    return OF_A_FILE if scenario.endswith(".py") else DEFAULTS.get(scenario, {})
