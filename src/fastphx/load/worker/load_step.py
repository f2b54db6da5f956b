"""A step of a search for a limit, in one worker: a schedule in parts, with a line at the end of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastphx.load.worker.stats import Stats
from fastphx.timing.wheel import CallbackTimer, TimerWheel

IDLE_INTERVAL_S = 0.01
"""How often it is looked whether what the step has begun is over."""


class LoadStep:
    """From *at_ns* on for *duration_s*, in *parts* of the same length.

    It writes a line ``part`` at once, with what was counted until now, and one at the end of each part but
    the last. When the schedule has ended it writes ``scheduled``, which tells of all parts but the first, or
    of the only one; and when *is_idle*, or *drain_s* later, the last part's line, ``stepped``. *line* makes
    the line of a kind, and *alive* says how many sockets are joined.
    """

    def __init__(
        self,
        stats: Stats,
        wheel: TimerWheel,
        write: Callable[[dict[str, Any]], object],
        line: Callable[[str], dict[str, Any]],
        is_idle: Callable[[], bool],
        alive: Callable[[], int],
        drain_s: float,
    ) -> None:
        self._stats = stats
        self._wheel = wheel
        self._write = write
        self._line = line
        self._is_idle = is_idle
        self._alive = alive
        self._drain_ns = int(drain_s * 1e9)
        self._timer = CallbackTimer(self._next)
        self._at_ns = self._part_ns = self._judged_ns = self._idle_by_ns = 0
        self._parts = self._part = 0

    def begin(self, at_ns: int, duration_s: float, parts: int) -> None:
        """Write what came before, and wait for the end of the first part."""
        self._at_ns, self._parts, self._part = at_ns, parts, 0
        self._part_ns = int(duration_s * 1e9) // parts
        self._write(self._line("part"))
        if parts == 1:
            self._judge_from(at_ns)
        else:
            self._arm()

    def ended(self) -> None:
        """The schedule has ended."""
        run_s = max(0, time.monotonic_ns() - self._judged_ns) / 1e9
        self._write({**self._stats.scheduled(run_s, self._alive()), "closed_by_script": 0})
        self._idle_by_ns = time.monotonic_ns() + self._drain_ns
        self._wait_until_idle()

    def cancel(self) -> None:
        """The worker stops: write no more."""
        self._timer.cancel()

    def _arm(self) -> None:
        self._timer.schedule(self._wheel, deadline_ns=self._at_ns + (self._part + 1) * self._part_ns)

    def _next(self) -> None:
        if self._idle_by_ns:
            self._wait_until_idle()
            return
        self._part += 1
        self._write(self._line("part"))
        if self._part == 1:
            self._judge_from(time.monotonic_ns())
        if self._part < self._parts - 1:
            self._arm()

    def _judge_from(self, at_ns: int) -> None:
        self._judged_ns = at_ns
        self._stats.start_schedule()

    def _wait_until_idle(self) -> None:
        if self._is_idle() or time.monotonic_ns() >= self._idle_by_ns:
            self._write(self._line("stepped"))
        else:
            self._timer.schedule(self._wheel, IDLE_INTERVAL_S)
