"""A channel's pushes that could not be sent yet. Each is sent once, when the channel is joined, or never."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastphx.client.context import Context
from fastphx.client.waiter import settle
from fastphx.protocol.callback_session import CallbackSession


class UnsentPush:
    """A push, or a cast (no *waiter*), that waits for its channel to be joined."""

    __slots__ = ("deadline_ns", "event", "payload", "ref", "session", "waiter")

    def __init__(
        self, event: str, payload: Any, deadline_ns: int | None, waiter: asyncio.Future[Any] | None
    ) -> None:
        self.event = event
        self.payload = payload
        self.deadline_ns = deadline_ns
        self.waiter = waiter
        self.ref = 0
        self.session: CallbackSession | None = None  # that it was sent by; None: not sent


class PushBuffer:
    """The unsent pushes of one channel, in order. ``context.unsent`` counts those of all channels."""

    __slots__ = ("_context", "_topic", "_unsents")

    def __init__(self, context: Context, topic: str) -> None:
        self._context = context
        self._topic = topic
        self._unsents: dict[UnsentPush, None] = {}

    def __len__(self) -> int:
        return len(self._unsents)

    def add(self, unsent: UnsentPush) -> None:
        self._unsents[unsent] = None
        self._context.unsent += 1

    def discard(self, unsent: UnsentPush) -> bool:
        """Take it out. False if it is not in the buffer."""
        if unsent not in self._unsents:
            return False
        del self._unsents[unsent]
        self._context.unsent -= 1
        return True

    def expire(self, unsent: UnsentPush) -> None:
        """The deadline of a push has passed."""
        if self.discard(unsent):
            settle(unsent.waiter, "expired")

    def drop_expired(self) -> None:
        """Drop the casts whose deadline has passed; pushes have a timer."""
        now_ns = time.monotonic_ns()
        for unsent in list(self._unsents):
            if unsent.waiter is None and unsent.deadline_ns is not None and unsent.deadline_ns <= now_ns:
                self.discard(unsent)
                self._context.unsent_dropped += 1

    def send(self, session: CallbackSession) -> None:
        """The channel is joined on *session*."""
        now_ns = time.monotonic_ns()
        unsents, self._unsents = self._unsents, {}
        self._context.unsent -= len(unsents)
        for unsent in unsents:
            try:
                self._send_one(unsent, session, now_ns)
            except Exception as error:
                if unsent.waiter is None:
                    self._context.unsent_dropped += 1
                    self._context.handler_failed(error, unsent.event, self._topic)
                settle(unsent.waiter, error)

    def _send_one(self, unsent: UnsentPush, session: CallbackSession, now_ns: int) -> None:
        waiter = unsent.waiter
        if waiter is None:
            if unsent.deadline_ns is not None and unsent.deadline_ns <= now_ns:
                self._context.unsent_dropped += 1
            else:
                session.push(self._topic, unsent.event, unsent.payload)
        elif not waiter.done():
            unsent.ref = session.push_awaited(
                self._topic, unsent.event, unsent.payload, waiter, deadline_ns=unsent.deadline_ns
            )
            unsent.session = session

    def fail(self, outcome: object) -> None:
        """None of them will be sent."""
        unsents, self._unsents = self._unsents, {}
        self._context.unsent -= len(unsents)
        for unsent in unsents:
            if unsent.waiter is None:
                self._context.unsent_dropped += 1
            settle(unsent.waiter, outcome)
