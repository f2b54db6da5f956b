"""A number of subjects that live side by side, each followed by another when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from tests.soak.inside import report_inside


async def keep_alive(
    number: int, live_on: Callable[[int], Awaitable[None]], counts: Callable[[], Mapping[str, int]]
) -> None:
    """Run *live_on* for each of *number* places, and report *counts*, until nobody reads the reports. Raises
    what one of them raises: a soak in which a subject broke has failed."""
    async with asyncio.TaskGroup() as group:
        living = [group.create_task(_ended_by_nothing(live_on(place))) for place in range(number)]
        await report_inside(lambda: {f"{name} (a count)": count for name, count in counts().items()})
        for task in living:
            task.cancel()


async def _ended_by_nothing(life: Awaitable[None]) -> None:
    await life
    raise RuntimeError("a subject of the soak has ended")
