"""A scenario of your own, from a Python file."""

from __future__ import annotations

from typing import ClassVar

from fastphx.load.plan.plan import Plan
from fastphx.load.scenarios.base import Scenario
from fastphx.load.scenarios.script import script_class
from fastphx.load.scenarios.script_file import load_module


class Custom(Scenario):
    """Runs a file's class ``Scenario``, one instance a socket (see :mod:`fastphx.load.scenarios.script`)."""

    name: ClassVar[str] = "custom"

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.script = script_class(getattr(load_module(plan.scenario), "Scenario", None), plan.scenario)
