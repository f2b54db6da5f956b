"""How late the event loop wakes: a stalled client shows here, whatever it was doing."""

from __future__ import annotations

import time

from fastphx.load.result.histogram import Histogram
from fastphx.timing.wheel import CallbackTimer, TimerWheel

INTERVAL_NS = 50_000_000
MAX_CORRECTED_NS = 60_000_000_000


class LoopLag:
    """A timer of the wheel that times how late it is called."""

    def __init__(self, wheel: TimerWheel) -> None:
        self.histogram = Histogram()
        self.run = Histogram()
        """Of what was watched since `restart`."""
        self._wheel = wheel
        self._timer = CallbackTimer(self._woken)
        self._longest_ns = 0

    def start(self) -> None:
        """Watch from now on."""
        self._timer.schedule(self._wheel, deadline_ns=time.monotonic_ns() + INTERVAL_NS)

    def restart(self) -> None:
        """Look for the longest lag from now on, and count anew in `run`."""
        self.run.reset()
        self._longest_ns = 0

    def longest_ns(self, now_ns: int) -> int:
        """The longest lag; a pause that has just ended, and that the timer is yet to see, is one."""
        waits = self._timer.scheduled
        return max(self._longest_ns, now_ns - self._timer.deadline_ns if waits else 0)

    def _record(self, lag_ns: int) -> None:
        self.histogram.record(lag_ns)
        self.run.record(lag_ns)

    def _woken(self) -> None:
        now_ns = time.monotonic_ns()
        lag_ns = now_ns - self._timer.deadline_ns
        self._longest_ns = max(self._longest_ns, lag_ns)
        self._record(lag_ns)
        # As HdrHistogram corrects for an expected interval: a long lag is seen as often as it lasted.
        for sample_ns in range(lag_ns - INTERVAL_NS, max(0, lag_ns - MAX_CORRECTED_NS), -INTERVAL_NS):
            self._record(sample_ns)
        self._timer.schedule(self._wheel, deadline_ns=now_ns + INTERVAL_NS)
