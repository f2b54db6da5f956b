"""The messages of a room that nobody has taken yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Container
from time import monotonic_ns
from typing import Any, Protocol

from fastphx.client.waiter import settle
from fastphx.protocol.message import Message

MAX_UNREAD = 1000
MAX_UNREAD_BYTES = 1 << 20
"""The oldest go first, and are counted. One message may be larger."""

Predicate = Callable[[Message], object]


class UnreadOwner(Protocol):
    """Whom it tells."""

    def came(self, size_bytes: int) -> object: ...
    def came_in_vain(self) -> object:
        """A message was dropped: too many are unread."""


class Wait:
    """Somebody who waits for a message of *event* (of any where it is None) that *predicate* is true of."""

    __slots__ = ("_event", "_predicate", "future")

    def __init__(self, event: str | None, predicate: Predicate | None) -> None:
        self._event = event
        self._predicate = predicate
        self.future: asyncio.Future[Any] | None = None
        """Gets the message and when it came, or an exception."""

    def takes(self, message: Message) -> bool:
        """Raises what the predicate raises."""
        if self._event is not None and message.event != self._event:
            return False
        return self._predicate is None or bool(self._predicate(message))


class Unread:
    """One room's. It stands where a channel has its queue
    (:class:`fastphx.client.message_queue.MessageQueue`)."""

    __slots__ = ("_bytes", "_error", "_items", "_max", "_max_bytes", "_owner", "_waits", "closed", "paused")

    def __init__(self, owner: UnreadOwner, max_unread: int, max_unread_bytes: int) -> None:
        self._owner = owner
        self._max = max_unread
        self._max_bytes = max_unread_bytes
        self._items: deque[tuple[Message, int]] | None = None
        self._bytes = 0
        self._waits: list[Wait] = []
        self._error: BaseException | None = None
        self.closed = False
        self.paused = False

    def __len__(self) -> int:
        return 0 if self._items is None else len(self._items)

    def put(self, message: Any) -> None:
        """A message has come: it is for who waits for it, or kept."""
        if type(message) is not Message:
            return
        size = message.byte_count()
        self._owner.came(size)
        now_ns = monotonic_ns()
        for wait in self._waits:
            future = wait.future
            assert future is not None
            if future.done():
                continue
            try:
                takes = wait.takes(message)
            except BaseException as error:
                # It is the predicate's, and so the visit's that waits.
                future.set_exception(_carried(error))
                continue
            if takes:
                future.set_result((message, now_ns))
                return
        if self._items is None:
            self._items = deque()
        self._items.append((message, now_ns))
        self._bytes += size
        while len(self._items) > self._max or (self._bytes > self._max_bytes and len(self._items) > 1):
            self._bytes -= self._items.popleft()[0].byte_count()
            self._owner.came_in_vain()

    def take(self, wait: Wait) -> tuple[Message, int] | None:
        """The oldest message that *wait* takes, and when it came; None where there is none."""
        if not self._items:
            return None
        for index, item in enumerate(self._items):
            if wait.takes(item[0]):
                del self._items[index]
                self._bytes -= item[0].byte_count()
                return item
        return None

    def take_all(self, events: Container[str]) -> list[Message]:
        """All messages of these events, the oldest first."""
        taken, kept = [], deque[tuple[Message, int]]()
        for item in self._items or ():
            if item[0].event in events:
                taken.append(item[0])
                self._bytes -= item[0].byte_count()
            else:
                kept.append(item)
        self._items = kept
        return taken

    def add(self, wait: Wait) -> asyncio.Future[Any]:
        """The future of a message that is yet to come. Raises why none will."""
        if self.closed:
            raise self._error or StopAsyncIteration
        future = wait.future = asyncio.get_running_loop().create_future()
        self._waits.append(wait)
        return future

    def discard(self, wait: Wait) -> None:
        """Nobody waits any more."""
        self._waits.remove(wait)

    def fail(self, error: BaseException) -> None:
        """Who waits now waits in vain."""
        for wait in self._waits:
            if wait.future is not None and not wait.future.done():
                wait.future.set_exception(error)

    def close(self, error: BaseException | None) -> None:
        """No more will come. What is kept can still be taken."""
        if not self.closed:
            self.closed = True
            self._error = error
        for wait in self._waits:
            if error is not None and wait.future is not None and not wait.future.done():
                wait.future.set_exception(error)
            else:
                settle(wait.future, None)

    def clear(self) -> None:
        self._items = None
        self._bytes = 0

    def unpause(self) -> None:
        """It never pauses: the oldest go."""


def _carried(error: BaseException) -> BaseException:
    """*error*, as a future takes it."""
    if not isinstance(error, StopIteration):
        return error
    carried = RuntimeError("the predicate raised StopIteration")
    carried.__cause__ = error
    return carried
