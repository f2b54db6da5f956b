"""What must be freed at once, and not when Python's collector comes: a load worker would grow until then."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.transports.recording_owner import TIMEOUT_S


@contextmanager
def without_collector() -> Iterator[None]:
    """No circle is freed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def freed(reference: Callable[[], object]) -> None:
    """Wait until what the weak *reference* is of is gone."""
    async with asyncio.timeout(TIMEOUT_S):
        while reference() is not None:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
