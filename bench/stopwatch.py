"""What a receiving side measures of itself, and how it says it: one line of JSON on stdout."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop

TIMEOUT_S = 120


class Stopwatch:
    """Wall time and CPU time (user and system) of this process between `start` and `stop`, summed up."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0

    def start(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.wall_s += time.perf_counter() - self._wall_s
        self.cpu_s += time.process_time() - self._cpu_s


def main(receive: Callable[[str, Stopwatch], Awaitable[int]]) -> None:
    """Run *receive(url, stopwatch)*, which returns how many frames it got, on uvloop.

    The first argument is the URL; ``--times N`` connects and receives that often.
    """

    async def bounded() -> None:
        stopwatch = Stopwatch()
        times = int(sys.argv[sys.argv.index("--times") + 1]) if "--times" in sys.argv else 1
        frames = 0
        for _ in range(times):
            frames += await asyncio.wait_for(receive(sys.argv[1], stopwatch), TIMEOUT_S)
        print(json.dumps({"frames": frames, "wall_s": stopwatch.wall_s, "cpu_s": stopwatch.cpu_s}))

    uvloop.run(bounded())
