"""The event loop: uvloop where there is one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from fastphx.operating_system import IS_POSIX, PORTABLE


def new_event_loop(*, use_uvloop: bool = True) -> asyncio.AbstractEventLoop:
    """uvloop's, if that is wanted and installed; asyncio's."""
    if use_uvloop and not PORTABLE:
        try:
            import uvloop
        except ModuleNotFoundError:
            pass
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def run_on_uvloop(main: Coroutine[Any, Any, None]) -> None:
    """Run *main* on uvloop, where there is one."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main)


def on_interrupt(loop: asyncio.AbstractEventLoop, interrupted: Callable[[], object]) -> None:
    """Call *interrupted* on the loop when the process is to end: on SIGINT, SIGTERM or SIGHUP, as far as the
    system has them. Call this in the main thread."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        if IS_POSIX:
            loop.add_signal_handler(number, interrupted)
        else:
            # A loop of Windows takes no signals. Python's handler runs between two of the loop's turns.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(interrupted))
