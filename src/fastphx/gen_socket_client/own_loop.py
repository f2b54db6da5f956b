"""A socket's event loop, for other threads: run a function there, and wait for it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from fastphx.errors import StoppedError

T = TypeVar("T")


class OwnLoop:
    """The running event loop, and its thread."""

    __slots__ = ("loop", "thread_id", "timeout_s")

    def __init__(self, timeout_s: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread_id = threading.get_ident()
        self.timeout_s = timeout_s

    def run(self, act: Callable[..., T], *args: Any) -> T:
        """Run *act* on the loop, from any thread, and return what it returns. Raises TimeoutError if the loop
        does not come to it in ``timeout_s`` seconds (*act* is not run then), and
        :class:`~fastphx.errors.StoppedError` if the loop is closed."""
        if threading.get_ident() == self.thread_id:
            return act(*args)
        result: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            if result.set_running_or_notify_cancel():
                try:
                    result.set_result(act(*args))
                except BaseException as error:
                    result.set_exception(error)

        try:
            self.loop.call_soon_threadsafe(run)
        except RuntimeError as error:
            raise StoppedError("the socket's event loop is closed") from error
        try:
            return result.result(self.timeout_s)
        except concurrent.futures.TimeoutError:
            if result.cancel():
                raise TimeoutError(
                    f"the socket's event loop has been busy for more than {self.timeout_s:g} s"
                ) from None
            return result.result()
