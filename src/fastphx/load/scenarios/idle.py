"""``idle``: hold joined sockets; heartbeats, memory, surprise disconnects."""

from __future__ import annotations

from typing import ClassVar

from fastphx.load.scenarios.base import Scenario


class Idle(Scenario):
    """Measures what a joined socket costs that does nothing but answer heartbeats."""

    name: ClassVar[str] = "idle"

    def pushes(self, i: int) -> bool:
        return False
