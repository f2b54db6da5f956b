"""What only a process knows of itself: its tasks, timers, objects and memory, as JSON every few seconds."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import logging
import sys
from collections.abc import Callable, Mapping

from fastphx.timing.wheel import wheel_for

INTERVAL_S = 5.0


class Mallinfo2(ctypes.Structure):
    """What glibc's malloc says of itself (mallinfo2(3), from 2.33 on)."""

    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")),
    ]


_mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
if _mallinfo2 is not None:
    _mallinfo2.restype = Mallinfo2


def memory_in_use() -> Mapping[str, float]:
    """What is allocated now. What the system has given to a process is the most that it ever had at once, and
    grows with each record."""
    figures: dict[str, float] = {"blocks in use, of Python": sys.getallocatedblocks()}
    if _mallinfo2 is not None:
        found = _mallinfo2()
        figures["memory in use, of malloc, KiB"] = (found.uordblks + found.hblkhd) / 1024
    return figures


async def report_inside(more: Callable[[], Mapping[str, float]]) -> None:
    """Print the figures, and what *more* returns, until nobody reads them. Nothing is logged any more: faults
    are meant here."""
    logging.disable()
    wheel = wheel_for(asyncio.get_running_loop())
    while True:
        gc.collect()
        figures = {
            "tasks": len(asyncio.all_tasks()),
            "timers": len(wheel),
            "objects": len(gc.get_objects()),
            **memory_in_use(),
            **more(),
        }
        try:
            print(json.dumps(figures), flush=True)
        except BrokenPipeError:
            return
        await asyncio.sleep(INTERVAL_S)
