"""A scenario of your own, from a Python file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from fastphx.load.scenarios.base import Scenario
from fastphx.load.scenarios.script import load_script

if TYPE_CHECKING:
    from fastphx.load.plan.plan import Plan


class Custom(Scenario):
    """Runs a file's class ``Scenario``, one instance a socket (see :mod:`fastphx.load.scenarios.script`)."""

    name: ClassVar[str] = "custom"
    defaults: ClassVar[Mapping[str, object]] = {"rate": 0.0}

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.script = load_script(plan.scenario)
