"""What only a process knows of itself: its tasks, timers and objects, as a line of JSON every few seconds."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Callable, Mapping

from fastphx.timing.wheel import wheel_for

INTERVAL_S = 5.0


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
            **more(),
        }
        try:
            print(json.dumps(figures), flush=True)
        except BrokenPipeError:
            return
        await asyncio.sleep(INTERVAL_S)
