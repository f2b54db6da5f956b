"""``echo``: every socket pushes at its share of the rate, and the reply is timed."""

from __future__ import annotations

from typing import ClassVar

from fastphx.load.scenarios.base import Scenario


class Echo(Scenario):
    """Measures the round trip of a push and its reply."""

    name: ClassVar[str] = "echo"
