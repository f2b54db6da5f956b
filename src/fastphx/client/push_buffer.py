"""A channel's pushes that could not be sent yet: each is sent once when the channel is joined, or never."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from fastphx.protocol.callback_session import CallbackSession

if TYPE_CHECKING:
    from fastphx.client.client import Client
    from fastphx.client.socket import Socket


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
    """The unsent pushes of one channel, in order; the client counts those of all its channels."""

    __slots__ = ("_client", "_topic", "_unsents")

    def __init__(self, client: Client, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._unsents: list[UnsentPush] = []

    def __len__(self) -> int:
        return len(self._unsents)

    def add(self, unsent: UnsentPush) -> None:
        self._unsents.append(unsent)
        self._client.unsent += 1

    def discard(self, unsent: UnsentPush) -> bool:
        """Take it out; False where it is not in."""
        try:
            self._unsents.remove(unsent)
        except ValueError:
            return False
        self._client.unsent -= 1
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
                self._client.unsent_dropped += 1

    def send(self, socket: Socket) -> None:
        """The channel is joined on *socket*."""
        now_ns = time.monotonic_ns()
        unsents, self._unsents = self._unsents, []
        self._client.unsent -= len(unsents)
        for unsent in unsents:
            try:
                self._send_one(unsent, socket, now_ns)
            except Exception as error:
                if unsent.waiter is None:
                    self._client.unsent_dropped += 1
                    self._client.handler_failed(error, unsent.event, self._topic)
                settle(unsent.waiter, error)

    def _send_one(self, unsent: UnsentPush, socket: Socket, now_ns: int) -> None:
        waiter = unsent.waiter
        if waiter is None:
            if unsent.deadline_ns is not None and unsent.deadline_ns <= now_ns:
                self._client.unsent_dropped += 1
            else:
                socket.session.push(self._topic, unsent.event, unsent.payload)
        elif not waiter.done():
            unsent.ref = socket.session.push_awaited(
                self._topic, unsent.event, unsent.payload, waiter, deadline_ns=unsent.deadline_ns
            )
            unsent.session = socket.session

    def fail(self, outcome: object) -> None:
        """None of them will be sent."""
        unsents, self._unsents = self._unsents, []
        self._client.unsent -= len(unsents)
        for unsent in unsents:
            if unsent.waiter is None:
                self._client.unsent_dropped += 1
            settle(unsent.waiter, outcome)


def settle(waiter: asyncio.Future[Any] | None, outcome: object) -> bool:
    """Give *waiter* its result, unless it has one or nobody waits; True where it was given."""
    if waiter is None or waiter.done():
        return False
    waiter.set_result(outcome)
    return True
