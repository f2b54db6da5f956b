"""What a user's callable may raise: any Exception, and the CancelledError of something that it asks or waits
for, as of a task that somebody has cancelled."""

from __future__ import annotations

import asyncio

RAISED = (Exception, asyncio.CancelledError)


def ends_this_task(error: BaseException) -> bool:
    """Whether *error* is the end of the running task, which was cancelled, and not of what it has awaited."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
