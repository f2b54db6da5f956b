"""Threads, of which a system has only so many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call *function* in a thread, or here, where none can be started: it takes milliseconds, and holds the
    loop for so long. It may be called twice."""
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except RuntimeError:
        return function(*args, **kwargs)
