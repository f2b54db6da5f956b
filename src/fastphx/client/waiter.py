"""Futures that get a result at most once, from whoever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastphx.protocol.message import Message


class ReplyWaiter(asyncio.Future[Any]):
    """A push's waiter that tells of the reply while it is being read: before any message that follows it, and
    so before the task that waits has its turn."""

    def __init__(self, on_reply: Callable[[Message], object], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._on_reply = on_reply

    def set_result(self, outcome: Any) -> None:
        """The session's outcome: a message and its round trip, or why there is no reply."""
        super().set_result(outcome)
        if type(outcome) is tuple:
            self._on_reply(outcome[0])


def settle(waiter: asyncio.Future[Any] | None, outcome: object) -> bool:
    """Give *waiter* its result, unless it has one or nobody waits. Returns whether it was given."""
    if waiter is None or waiter.done():
        return False
    waiter.set_result(outcome)
    return True
