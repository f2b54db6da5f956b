"""``idle``: hold joined sockets; heartbeats, memory, surprise disconnects."""

from __future__ import annotations

from typing import ClassVar

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import DEFAULT_RATE, Plan
from fastphx.load.scenarios.base import Scenario


class Idle(Scenario):
    """Measures what a joined socket costs that does nothing but answer heartbeats."""

    name: ClassVar[str] = "idle"

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        if plan.rate != DEFAULT_RATE and any(step.rate for step in plan.rate):
            raise PlanError(f"a rate does not go with {self.name}, whose sockets do not push")
        if plan.think_time_s:
            raise PlanError(f"think time does not go with {self.name}, whose sockets do not push")

    def pushes(self, i: int) -> bool:
        return False
