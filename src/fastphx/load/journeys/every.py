"""The clock inside a visit: ``async for _ in self.every(0.5, times=20)``."""

from __future__ import annotations

import math
from time import monotonic_ns
from typing import Protocol, Self

LATE_NS = 1_000_000
"""A tick that begins later than this is late: nearer, it is the grid of arrivals."""


class Ticking(Protocol):
    """The visit that the clock is of."""

    tick: tuple[int, int] | None
    """The clock, by its id, and the time of its tick that no step has taken yet. The clock itself would not
    go when its loop is left."""

    @property
    def is_stopping(self) -> bool: ...
    async def sleep_until(self, deadline_ns: int) -> None:
        """Returns early where the run stops."""

    def ticked(self, *, late: bool) -> object: ...


class Every:
    """Ticks on a clock, the first at once. The number of the tick, from 0, is what it yields.

    The first step that is started in a tick by the visit itself, and not by another task of it, is timed from
    when the tick was due. A tick whose turn comes late begins at once, and counts as late. It ends after
    *times* ticks, or when the run stops.
    """

    __slots__ = ("_count", "_interval_ns", "_start_ns", "_times", "_visit")

    def __init__(self, visit: Ticking, interval_s: float, times: int | None) -> None:
        if not 0 < interval_s < math.inf:
            raise ValueError(f"every {interval_s} seconds is no interval: give seconds, above 0")
        if times is not None and times < 0:
            raise ValueError(f"times is {times}: give how many ticks, or None")
        self._visit = visit
        self._interval_ns = int(interval_s * 1e9)
        self._times = times
        self._count = 0
        self._start_ns = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        visit, number = self._visit, self._count
        self._end_tick()
        if number == self._times or visit.is_stopping:
            raise StopAsyncIteration
        now_ns = monotonic_ns()
        if not number:
            self._start_ns = now_ns
        due_ns = self._start_ns + number * self._interval_ns
        is_late = now_ns - due_ns > LATE_NS
        if now_ns < due_ns:
            await visit.sleep_until(due_ns)
            if visit.is_stopping:
                raise StopAsyncIteration
        self._count += 1
        visit.tick = (id(self), due_ns)
        visit.ticked(late=is_late)
        return number

    def _end_tick(self) -> None:
        tick = self._visit.tick
        if tick is not None and tick[0] == id(self):
            self._visit.tick = None

    def __del__(self) -> None:
        # The loop was left: what comes after it is in no tick.
        if hasattr(self, "_visit"):
            self._end_tick()
