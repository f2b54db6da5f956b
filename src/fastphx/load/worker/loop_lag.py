"""How late the event loop wakes: a stalled client shows here, whatever it was doing."""

from __future__ import annotations

import asyncio
import time

from fastphx.load.result.histogram import Histogram

INTERVAL_S = 0.05


class LoopLag:
    """Sleeps, and times how late it wakes."""

    def __init__(self) -> None:
        self.histogram = Histogram()
        self._longest_ns = 0
        self._due_ns = 0

    async def watch(self) -> None:
        """Do so until cancelled."""
        while True:
            self._due_ns = time.monotonic_ns() + int(INTERVAL_S * 1e9)
            await asyncio.sleep(INTERVAL_S)
            lag_ns = time.monotonic_ns() - self._due_ns
            self.histogram.record(lag_ns)
            self._longest_ns = max(self._longest_ns, lag_ns)

    def restart(self) -> None:
        """Look for the longest lag from now on."""
        self._longest_ns = 0

    def longest_ns(self, now_ns: int) -> int:
        """The longest lag; a pause that has just ended, and that `watch` is yet to see, is one."""
        return max(self._longest_ns, now_ns - self._due_ns) if self._due_ns else self._longest_ns
