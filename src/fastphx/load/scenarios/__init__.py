"""What the connections of a run do, one module a scenario."""

from __future__ import annotations

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
from fastphx.load.scenarios.storm import Storm

__all__ = ["SCENARIOS", "Scenario", "scenario_class", "scenario_of"]

SCENARIOS: dict[str, type[Scenario]] = {
    each.name: each for each in (Echo, Fanout, Idle, Churn, Listen, Storm)
}


def scenario_class(name: str) -> type[Scenario]:
    """The scenario of that name, or of a Python file. Raises PlanError."""
    if name.endswith(".py"):
        return Custom
    if name not in SCENARIOS:
        raise PlanError(
            f"the scenario {clip(name)} is not known: there are {', '.join(SCENARIOS)}, "
            "or a file that ends in .py"
        )
    return SCENARIOS[name]


def scenario_of(plan: Plan) -> Scenario:
    """The plan's scenario. Raises PlanError where the plan does not suit it."""
    return scenario_class(plan.scenario)(plan)
