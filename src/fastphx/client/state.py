"""The states of a client: read them, wait for them, follow them."""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Self

from fastphx.client.context import Context
from fastphx.client.raised import RAISED
from fastphx.client.waiter import settle
from fastphx.timing.wheel import CallbackTimer, wheel_for

CHANGES_KEPT = 100
"""How many state changes wait for a slow iterator. The oldest are dropped first."""


class ClientState(StrEnum):
    """``connecting`` until the first connection is open; ``reconnecting`` while a lost connection is opened
    again; ``closed`` is final."""

    CONNECTING = "connecting"
    OPEN = "open"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


StateCallback = Callable[[ClientState], object]


class StateChanges:
    """Iterates over state changes from now on, and ends after ``closed``. If several tasks share it, each
    change goes to one of them."""

    def __init__(self, context: Context, is_closed: bool) -> None:
        self._context = context
        self._changes: deque[ClientState] = deque(maxlen=CHANGES_KEPT)
        self._ended = is_closed
        self._waiters: set[asyncio.Future[None]] = set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClientState:
        while not self._changes:
            if self._ended:
                raise StopAsyncIteration
            waiter = self._context.own_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        return self._changes.popleft()

    def _add(self, state: ClientState) -> None:
        self._changes.append(state)
        self._ended = state is ClientState.CLOSED
        for waiter in self._waiters:
            settle(waiter, None)


class StateFeed:
    """Holds the state and tells of its changes."""

    __slots__ = ("_callbacks", "_context", "_iterators", "_waiters", "value")

    def __init__(self, context: Context) -> None:
        self._context = context
        self.value = ClientState.CLOSED
        self._callbacks: tuple[StateCallback, ...] = ()
        self._waiters: dict[asyncio.Future[ClientState], frozenset[ClientState]] = {}
        # Made when it is needed: it is larger than everything else here.
        self._iterators: weakref.WeakSet[StateChanges] | None = None

    def add(self, callback: StateCallback) -> None:
        self._callbacks += (callback,)

    def changes(self, *, is_closed: bool) -> StateChanges:
        changes = StateChanges(self._context, is_closed)
        if self._iterators is None:
            self._iterators = weakref.WeakSet()
        self._iterators.add(changes)
        return changes

    async def wait(self, states: frozenset[ClientState], timeout_s: float | None) -> ClientState:
        if self.value in states:
            return self.value
        loop = self._context.own_loop()
        waiter: asyncio.Future[ClientState] = loop.create_future()
        self._waiters[waiter] = states
        # asyncio.timeout takes five times as long, and every client that is opened waits here.
        timer = CallbackTimer(functools.partial(_too_late, waiter))
        if timeout_s is not None:
            timer.schedule(wheel_for(loop), timeout_s)
        try:
            return await waiter
        finally:
            timer.cancel()
            del self._waiters[waiter]

    def set(self, value: ClientState) -> None:
        """Change the state and tell everybody. What a callback raises is reported."""
        if value is self.value:
            return
        self.value = value
        for waiter, states in self._waiters.items():
            if value in states and not waiter.done():
                waiter.set_result(value)
        if self._iterators is not None:
            for changes in list(self._iterators):
                changes._add(value)
        for callback in self._callbacks:
            try:
                callback(value)
            except RAISED as error:
                self._context.handler_failed(error, "state")


def _too_late(waiter: asyncio.Future[ClientState]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
