"""A scripted application in a thread of its own, for tests that have no loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastphx.testing.loop_thread import LoopThread
from tests.liveview.scripted_server import Scripted


@contextmanager
def scripted_application(server: Scripted | None = None) -> Iterator[Scripted]:
    """It runs until the block is left; *server* unless it is a plain one."""
    thread = LoopThread("scripted-application")
    server = server or Scripted()
    try:
        thread.run(server.__aenter__(), 10)
        yield server
        thread.run(server.__aexit__(), 10)
    finally:
        thread.stop()
