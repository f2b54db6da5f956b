"""A scenario of your own, from a Python file."""

from __future__ import annotations

from typing import ClassVar

from fastphx.load.plan.plan import Plan
from fastphx.load.scenarios.base import Scenario
from fastphx.load.scenarios.script import load_script


class Custom(Scenario):
    """Runs a file's class ``Scenario``, one instance a socket (see :mod:`fastphx.load.scenarios.script`)."""

    name: ClassVar[str] = "custom"

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.script = load_script(plan.scenario)
