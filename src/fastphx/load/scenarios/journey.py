"""Journeys: the classes of a file that subclass ``fastphx.load.User``."""

from __future__ import annotations

import inspect
from dataclasses import fields
from types import ModuleType
from typing import Any, ClassVar

from fastphx.errors import clip
from fastphx.load.journeys.user import User
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import DEFAULT_RATE, Plan
from fastphx.load.plan.rows import Row
from fastphx.load.scenarios.base import Scenario
from fastphx.load.scenarios.script_file import load_module

MAX_WEIGHT = 1000
_OF_OTHERS = frozenset(
    (
        "binary",
        "connect_rate",
        "connections",
        "event_payloads",
        "events",
        "in_flight",
        "is_binary",
        "join_payload",
        "payload",
        "publishers",
        "push_topics",
        "stay_s",
        "storm_command",
        "think_time_s",
        "topic_count",
        "topics",
        "warm_up_s",
    )
)
"""What a plan says of the scenarios that hold sockets."""


def users_in(module: ModuleType) -> list[type[User]]:
    """The classes that the file itself has, and that are users of their own: those with a ``run``."""
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, User)
        and each.__module__ == module.__name__
        and each.run is not User.run
    ]


class Journey(Scenario):
    """Runs a file's users: each visit is one coroutine (see :class:`fastphx.load.journeys.user.User`)."""

    name: ClassVar[str] = "journey"
    holds: ClassVar[bool] = False
    is_journey: ClassVar[bool] = True

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        _check_plan(plan)
        self.module = load_module(plan.scenario)
        self.users = users_in(self.module)
        if not self.users:
            raise PlanError(f"the scenario {clip(plan.scenario)} has no subclass of User with a run()")
        for each in self.users:
            _check(each)
        for name in ("before", "after"):
            _check_coroutine(name, getattr(self, name), "run")
        self._turns = _turns([each.weight for each in self.users])
        if not self._turns:
            raise PlanError(f"all users of {clip(plan.scenario)} have the weight 0: none would visit")

    def user_class(self, number: int) -> type[User]:
        """Whose turn *number* is: of each visit (arrivals), or of each user."""
        return self.users[self._turns[number % len(self._turns)]]

    @property
    def before(self) -> Any:
        """The file's ``before(run)``; None where it has none."""
        return getattr(self.module, "before", None)

    @property
    def after(self) -> Any:
        """The file's ``after(run)``; None where it has none."""
        return getattr(self.module, "after", None)

    def topics(self, i: int, row: Row) -> tuple[str, ...]:
        """A journey says itself what it joins."""
        return ()

    def pushes(self, i: int) -> bool:
        return False


def _check_plan(plan: Plan) -> None:
    """Raises PlanError for what a plan says of scenarios that hold sockets and push on a schedule."""
    if plan.rate != DEFAULT_RATE and any(step.rate for step in plan.rate):
        raise PlanError("a journey has no rate of pushes: give --arrivals (visits a second) or --users")
    if plan.poisson and not plan.arrivals:
        raise PlanError("--poisson is of arrivals: users begin their visits one after the other")
    for each in fields(Plan):
        if each.name in _OF_OTHERS and getattr(plan, each.name) != each.default:
            flag = (each.metadata["key"] or each.name).replace("_", "-")
            raise PlanError(f"--{flag} is not of journeys: their users say themselves what they do")


def _check(user: type[User]) -> None:
    for name in ("run", "start", "stop"):
        _check_coroutine(f"{user.__name__}.{name}", getattr(user, name), "self")
    weight: object = user.weight
    if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= MAX_WEIGHT:
        raise PlanError(f"the weight of {user.__name__} is {clip(repr(weight))}: give 0 to {MAX_WEIGHT}")


def _check_coroutine(name: str, function: Any, argument: str) -> None:
    if function is not None and not inspect.iscoroutinefunction(function):
        plain = name.rpartition(".")[2]
        raise PlanError(f"{name} is no coroutine function: write async def {plain}({argument})")


def _turns(weights: list[int]) -> list[int]:
    """One round of turns in which each has its weight, as evenly spread as can be (smooth weighted round
    robin, as nginx does it)."""
    credit = [0] * len(weights)
    turns = []
    for _ in range(sum(weights)):
        credit = [have + weight for have, weight in zip(credit, weights, strict=True)]
        best = credit.index(max(credit))
        credit[best] -= sum(weights)
        turns.append(best)
    return turns
