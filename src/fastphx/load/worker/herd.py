"""How connections return after the server was disturbed, all at once or spread."""

from __future__ import annotations

import time
from collections import Counter

from fastphx.load.result.histogram import Histogram

BIN_NS = 100_000_000


class Herd:
    """Times attempts and joins from the storm on; before it nothing."""

    def __init__(self) -> None:
        self.attempts = Histogram()
        self.rejoins = Histogram()
        self.bins: Counter[int] = Counter()
        """Attempts in each tenth of a second."""
        self._storm_ns = 0
        self._rejoined: set[int] = set()

    def start(self, at_ns: int) -> None:
        """The server is disturbed at *at_ns*."""
        self._storm_ns = at_ns

    def attempted(self) -> None:
        """A connection is tried."""
        if self._storm_ns:
            since_ns = time.monotonic_ns() - self._storm_ns
            self.attempts.record(since_ns)
            self.bins[since_ns // BIN_NS] += 1

    def joined(self, i: int) -> None:
        """Connection *i* has joined: its first time counts."""
        if self._storm_ns and i not in self._rejoined:
            self._rejoined.add(i)
            self.rejoins.record(time.monotonic_ns() - self._storm_ns)
