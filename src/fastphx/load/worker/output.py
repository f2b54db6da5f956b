"""What a worker process writes to its parent: lines, and nothing else."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import time
from typing import Any, BinaryIO

from fastphx.load.plan.plan import CLOSE_TIMEOUT_S
from fastphx.load.result.line import encode_line

MAX_UNREAD_BYTES = 64 << 20


class Output:
    """Lines to stdout, without waiting: the parent reads them, or this process has no reason to live."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport

    def write(self, line: dict[str, Any]) -> None:
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            sys.stderr.write("the parent does not read\n")
            os._exit(1)
        self._transport.write(encode_line(line))

    async def flushed(self) -> None:
        """Wait until the parent has read all lines, for CLOSE_TIMEOUT_S at most."""
        deadline_s = time.monotonic() + CLOSE_TIMEOUT_S
        while self._transport.get_write_buffer_size() and time.monotonic() < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def take_stdout() -> BinaryIO:
    """Standard output for the lines of the protocol alone: what a script prints goes to standard error, which
    the parent shows."""
    lines = os.fdopen(os.dup(1), "wb", 0)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    return lines
