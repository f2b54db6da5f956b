"""Events that wait for a callback which takes its time: in order, bounded, with back-pressure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A queue that asks its source to pause when it is full, and to go on when it is half empty.

    Nothing is dropped: frames that were read already still enter after *pause* was called, which is the
    bound's slack (what fits into the transport's read buffer).
    """

    __slots__ = ("_events", "_pause", "_paused", "_resume", "limit", "peak")

    def __init__(self, limit: int, pause: Callable[[], object], resume: Callable[[], object]) -> None:
        if limit < 1:
            raise ValueError(f"mailbox_limit is {limit}: give at least 1")
        self.limit = limit
        self.peak = 0
        self._events: deque[T] = deque()
        self._pause = pause
        self._resume = resume
        self._paused = False

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_full(self) -> bool:
        """Whether the source has been asked to pause, and not yet to go on."""
        return self._paused

    def put(self, event: T) -> None:
        """Add an event as the newest."""
        self._events.append(event)
        self.peak = max(self.peak, len(self._events))
        if not self._paused and len(self._events) >= self.limit:
            self._paused = True
            self._pause()

    def take(self) -> T:
        """The oldest event."""
        event = self._events.popleft()
        if self._paused and len(self._events) <= self.limit // 2:
            self._paused = False
            self._resume()
        return event

    def clear(self) -> None:
        """Forget what waits."""
        self._events.clear()
        self._paused = False
