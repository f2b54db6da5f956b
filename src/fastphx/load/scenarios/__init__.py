"""What the connections of a run do, one module a scenario."""

from __future__ import annotations

import sys

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.scenarios.base import Scenario
from fastphx.load.scenarios.churn import Churn
from fastphx.load.scenarios.custom import Custom
from fastphx.load.scenarios.echo import Echo
from fastphx.load.scenarios.fanout import Fanout
from fastphx.load.scenarios.idle import Idle
from fastphx.load.scenarios.listen import Listen
from fastphx.load.scenarios.script_file import load_module
from fastphx.load.scenarios.storm import Storm

__all__ = ["SCENARIOS", "Scenario", "scenario_class", "scenario_of"]

SCENARIOS: dict[str, type[Scenario]] = {
    each.name: each for each in (Echo, Fanout, Idle, Churn, Listen, Storm)
}


def scenario_class(name: str) -> type[Scenario]:
    """The scenario of that name, or of a Python file. Raises PlanError."""
    if name.endswith(".py"):
        return _class_of_file(name)
    if name not in SCENARIOS:
        raise PlanError(
            f"the scenario {clip(name)} is not known: there are {', '.join(SCENARIOS)}, "
            "or a file that ends in .py"
        )
    return SCENARIOS[name]


def _class_of_file(path: str) -> type[Scenario]:
    """Journeys where the file has users; they need the async client, which nothing else here does."""
    module = load_module(path)
    if "fastphx.load.journeys.user" not in sys.modules:
        return Custom
    from fastphx.load.scenarios.journey import Journey, users_in

    return Journey if users_in(module) else Custom


def scenario_of(plan: Plan) -> Scenario:
    """The plan's scenario. Raises PlanError where the plan does not suit it."""
    return scenario_class(plan.scenario)(plan)
