"""Futures that get a result at most once, from whoever comes first."""

from __future__ import annotations

import asyncio
from typing import Any


def settle(waiter: asyncio.Future[Any] | None, outcome: object) -> bool:
    """Give *waiter* its result, unless it has one or nobody waits. Returns whether it was given."""
    if waiter is None or waiter.done():
        return False
    waiter.set_result(outcome)
    return True
