"""Lines of JSON on standard output, whose reader may take its time."""

from __future__ import annotations

import asyncio
import os
import select
import sys

from fastphx.cli.failure import Failure
from fastphx.cli.streams import LastingStream
from fastphx.foreign_text import terminal_json

TERMINAL_CHUNK = 256
"""A terminal that is ready takes so many bytes at once. A pipe takes ``select.PIPE_BUF``."""


async def write_line(line: bytes) -> None:
    """Write a line of JSON, and let the event loop go on while nobody reads it. A terminal gets no control
    characters of it. Raises BrokenPipeError if nobody reads any more, and Failure if it cannot be written for
    another reason. Only one task may write at a time."""
    stream = sys.stdout
    if stream is None:
        raise Failure("standard output is closed")
    chunk = select.PIPE_BUF
    if stream.isatty():
        line = f"{terminal_json(line.decode().rstrip())}\n".encode()
        chunk = TERMINAL_CHUNK
    try:
        stream.flush()
        descriptor = stream.fileno()
        while line:
            await _writable(descriptor)
            line = line[os.write(descriptor, line[:chunk]) :]
    except OSError as error:
        if isinstance(stream, LastingStream):
            stream.fail(error)
        if isinstance(error, BrokenPipeError):
            raise
        raise Failure(f"standard output cannot be written: {error.strerror}") from error


async def _writable(descriptor: int) -> None:
    """Return when a write would not block, or would fail."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    if poll.poll(0):
        return
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)
