"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastphx.errors import StoppedError
from fastphx.operating_system.event_loop import new_event_loop

T = TypeVar("T")

STOP_TIMEOUT_S = 10.0


class LoopThread:
    """Runs until ``stop``. uvloop is used if it is wanted and installed."""

    def __init__(self, name: str, *, use_uvloop: bool = True) -> None:
        self.loop = new_event_loop(use_uvloop=use_uvloop)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            # Run what the last callbacks have put off, above all the closing of sockets.
            self.loop.run_until_complete(asyncio.sleep(0))
        finally:
            self.loop.close()

    @property
    def is_current(self) -> bool:
        """Whether this is called from that thread."""
        return threading.get_ident() == self._thread.ident

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run *coroutine* there and return what it returns. After *timeout_s*, it is cancelled, and this
        raises TimeoutError. Raises StoppedError if the loop has ended."""
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        except RuntimeError:
            coroutine.close()
            raise StoppedError("this is closed: its event loop has ended") from None
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise

    def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """Call *function* in that thread (directly, if this is that thread) and return what it returns."""
        if self.is_current:
            return function()

        async def call() -> T:
            return function()

        return self.run(call(), timeout_s)

    def stop(self) -> None:
        """Stop the loop and wait for the thread's end."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
