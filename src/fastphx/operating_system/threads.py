"""Threads, of which a system has only so many."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call *function* in a thread, or here, where none can be started: it takes milliseconds, and holds the
    loop for so long. It may be called twice: what a thread was asked for is not taken back."""
    call = functools.partial(function, *args, **kwargs)
    try:
        called = asyncio.get_running_loop().run_in_executor(None, call)
    except RuntimeError:
        # Not the function's own, which is raised below.
        return call()
    return await called
