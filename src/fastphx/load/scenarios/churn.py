"""``churn``: sockets connect, join, stay, leave and close, at an arrival rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from fastphx.load.plan.error import PlanError
from fastphx.load.scenarios.base import Scenario

if TYPE_CHECKING:
    from fastphx.load.plan.plan import Plan


class Churn(Scenario):
    """Measures the time to connected and to joined while sockets come and go.

    The rate is arrivals of sockets a second; one that arrives while ``connections`` are there already is not
    opened and counts as unsent. One that cannot connect or join is not tried again: the next arrival is.
    """

    name: ClassVar[str] = "churn"
    defaults: ClassVar[Mapping[str, object]] = {"rate": 50.0, "connections": 10_000}
    holds: ClassVar[bool] = False

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        if plan.think_time_s:
            raise PlanError("think time does not go with churn, whose sockets do not push")

    def pushes(self, i: int) -> bool:
        return False
