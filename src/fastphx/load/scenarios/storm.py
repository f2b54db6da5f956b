"""``storm``: the server is drained, killed or rolled, and the connections return."""

from __future__ import annotations

from typing import ClassVar

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.scenarios.idle import Idle

STORMS = ("kill", "drain", "roll")


class Storm(Idle):
    """Measures how long it takes until the connections have rejoined, how their attempts are spread, and the
    peak of the herd.

    The embedded server is disturbed by itself; a foreign one by ``storm_command``. Reconnects wait for their
    backoff and nothing else: the connect rate limits only the first connections.
    """

    name: ClassVar[str] = "storm"
    has_herd: ClassVar[bool] = True

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        if plan.storm not in STORMS:
            raise PlanError(f"the storm {clip(plan.storm)} is not known: there are {', '.join(STORMS)}")
        if plan.storm_at_s >= plan.duration_s:
            raise PlanError(
                f"the storm at {plan.storm_at_s:g}s is not within the duration of {plan.duration_s:g}s"
            )
