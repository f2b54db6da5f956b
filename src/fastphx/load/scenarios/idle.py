"""``idle``: hold joined sockets; heartbeats, memory, surprise disconnects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from fastphx.load.scenarios.base import Scenario


class Idle(Scenario):
    """Measures what a joined socket costs that does nothing but answer heartbeats."""

    name: ClassVar[str] = "idle"
    defaults: ClassVar[Mapping[str, object]] = {"rate": 0.0}

    def pushes(self, i: int) -> bool:
        return False
