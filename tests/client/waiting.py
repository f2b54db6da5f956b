"""Waiting for what happens, with a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

LIMIT_S = 30.0


async def until(reached: Callable[[], Any]) -> None:
    """Return when ``reached()`` is true. Raises TimeoutError."""
    async with asyncio.timeout(LIMIT_S):
        while not reached():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.002)


async def within(awaitable: Any) -> Any:
    """What *awaitable* gives. Raises TimeoutError."""
    async with asyncio.timeout(LIMIT_S):
        return await awaitable
