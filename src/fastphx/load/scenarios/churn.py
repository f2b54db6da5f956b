"""``churn``: sockets connect, join, stay, leave and close, at an arrival rate."""

from __future__ import annotations

from typing import ClassVar

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.scenarios.base import Scenario


class Churn(Scenario):
    """Measures the time to connected and to joined while sockets come and go.

    The rate is arrivals of sockets a second; one that arrives while ``connections`` are there already is not
    opened and counts as unsent. One that cannot connect or join is not tried again: the next arrival is.
    """

    name: ClassVar[str] = "churn"
    holds: ClassVar[bool] = False

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        if plan.think_time_s:
            raise PlanError("think time does not go with churn, whose sockets do not push")

    def pushes(self, i: int) -> bool:
        return False
