"""``listen``: only receive what the server sends by itself; rates and sizes by event."""

from __future__ import annotations

from typing import ClassVar

from fastphx.load.scenarios.idle import Idle


class Listen(Idle):
    """Measures what the server sends by itself: how often, how much, of which event."""

    name: ClassVar[str] = "listen"
    counts_events: ClassVar[bool] = True
