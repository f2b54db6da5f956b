"""What a script leaves running when its process has written its last line: nothing that anybody waits for."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

CANCEL_S = 1.0
"""What a task has to end once it was cancelled."""


async def end_tasks() -> None:
    """Cancel what still runs. Where a task does not end, the process does."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others and (await asyncio.wait(others, timeout=CANCEL_S))[1]:
        os._exit(0)


def leave_threads() -> None:
    """End the process where threads run that would hold it."""
    left = sum(not thread.daemon for thread in threading.enumerate()) - 1
    if left:
        sys.stderr.write(f"the scenario left {left} thread{'s' if left > 1 else ''} running\n")
        sys.stderr.flush()
        os._exit(0)
