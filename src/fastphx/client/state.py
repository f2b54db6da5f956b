"""The states of a client: read them, wait for them, follow them."""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Self

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

OwnLoop = Callable[[], asyncio.AbstractEventLoop]
"""Returns the running loop. Raises RuntimeError if it is not the client's."""


class StateChanges:
    """Iterates over state changes from now on, and ends after ``closed``. If several tasks share it, each
    change goes to one of them."""

    def __init__(self, own_loop: OwnLoop, is_closed: bool) -> None:
        self._own_loop = own_loop
        self._changes: deque[ClientState] = deque(maxlen=CHANGES_KEPT)
        self._ended = is_closed
        self._waiters: set[asyncio.Future[None]] = set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClientState:
        while not self._changes:
            if self._ended:
                raise StopAsyncIteration
            waiter = self._own_loop().create_future()
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

    def __init__(self, own_loop: OwnLoop) -> None:
        self._own_loop = own_loop
        self.value = ClientState.CLOSED
        self._callbacks: list[StateCallback] = []
        self._waiters: list[tuple[frozenset[ClientState], asyncio.Future[ClientState]]] = []
        # Made when it is needed: it is larger than everything else here.
        self._iterators: weakref.WeakSet[StateChanges] | None = None

    def add(self, callback: StateCallback) -> None:
        self._callbacks.append(callback)

    def changes(self, *, is_closed: bool) -> StateChanges:
        changes = StateChanges(self._own_loop, is_closed)
        if self._iterators is None:
            self._iterators = weakref.WeakSet()
        self._iterators.add(changes)
        return changes

    async def wait(self, states: frozenset[ClientState], timeout_s: float | None) -> ClientState:
        if self.value in states:
            return self.value
        loop = self._own_loop()
        waiter: asyncio.Future[ClientState] = loop.create_future()
        entry = (states, waiter)
        self._waiters.append(entry)
        # asyncio.timeout takes five times as long, and every client that is opened waits here.
        timer = CallbackTimer(functools.partial(_too_late, waiter))
        if timeout_s is not None:
            timer.schedule(wheel_for(loop), timeout_s)
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiters.remove(entry)

    def set(self, value: ClientState, failed: Callable[[Exception], object]) -> None:
        """Change the state and tell everybody. What a callback raises goes to *failed*."""
        if value is self.value:
            return
        self.value = value
        for states, waiter in self._waiters:
            if value in states and not waiter.done():
                waiter.set_result(value)
        if self._iterators is not None:
            for changes in list(self._iterators):
                changes._add(value)
        for callback in list(self._callbacks):
            try:
                callback(value)
            except Exception as error:
                failed(error)


def _too_late(waiter: asyncio.Future[ClientState]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
