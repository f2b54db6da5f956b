"""The clock inside a visit: ``async for _ in self.every(0.5, times=20)``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from time import monotonic_ns
from typing import Any, Protocol, Self

LATE_NS = 1_000_000
"""A tick that begins later than this is late: nearer, it is the grid of arrivals."""


class Ticking(Protocol):
    """The visit that the clock is of."""

    tick: tuple[int, int] | None
    """The clock, by its id, and the time of its tick that no step has taken yet."""

    @property
    def is_stopping(self) -> bool: ...
    async def sleep_until(self, deadline_ns: int) -> None:
        """Returns early where the run stops, which cuts the visit short."""

    def ticked(self, *, late: bool) -> object: ...


class _Loop:
    """One ``async for`` over a clock, which alone holds it: the loop is left when it goes."""

    __slots__ = ("_every",)

    def __init__(self, every: Every) -> None:
        self._every = every

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[Any, Any, int]:
        return self._every.next_tick()

    def __del__(self) -> None:
        # What comes after the loop is in no tick.
        self._every.end_tick()


class Every:
    """Ticks on a clock, the first at once. The number of the tick, from 0, is what it yields.

    The first step that is started in a tick by the visit itself, and not by another task of it, is timed from
    when the tick was due. A tick whose turn comes late begins at once, and counts as late. It ends after
    *times* ticks, or when the run stops; a clock that is kept goes on in the next loop over it.
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

    def __aiter__(self) -> AsyncIterator[int]:
        return _Loop(self)

    async def next_tick(self) -> int:
        """Wait for the next tick, and return its number."""
        visit, number = self._visit, self._count
        self.end_tick()
        if number == self._times:
            raise StopAsyncIteration
        if visit.is_stopping:
            await visit.sleep_until(0)
            raise StopAsyncIteration
        now_ns = monotonic_ns()
        if not number:
            self._start_ns = now_ns
        due_ns = self._start_ns + number * self._interval_ns
        is_late = now_ns - due_ns > LATE_NS
        if now_ns < due_ns:
            await visit.sleep_until(due_ns)
        elif number:
            # Others have their turn, whatever the body waits for.
            await asyncio.sleep(0)
        if visit.is_stopping:
            raise StopAsyncIteration
        self._count += 1
        visit.tick = (id(self), due_ns)
        visit.ticked(late=is_late)
        return number

    def end_tick(self) -> None:
        """The tick is over, whether a step has taken its time or not."""
        tick = self._visit.tick
        if tick is not None and tick[0] == id(self):
            self._visit.tick = None
