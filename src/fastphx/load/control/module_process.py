"""Starts the processes of a run: modules of this package, which speak lines with whoever started them, and
commands of the user."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable

from fastphx.errors import FastphxError, clip
from fastphx.load.result.line import MAX_LINE_BYTES


class NotStartedError(FastphxError):
    """A process could not be started: the system has no file, process, thread or memory left: see `why`."""

    def __init__(self, what: str, why: str) -> None:
        self.why = why
        super().__init__(f"{what} could not be started: {why}")


async def start_module(
    module: str, *arguments: str, what: str, has_stderr: bool = True
) -> asyncio.subprocess.Process:
    """Run ``python -m MODULE``, with pipes to its standard input and from its output; without *has_stderr* it
    has this process' standard error. Ctrl-C in a terminal does not reach it. Raises NotStartedError, which
    calls it *what*."""
    return await _started(
        asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if has_stderr else None,
            limit=MAX_LINE_BYTES,
            start_new_session=True,
        ),
        what,
    )


async def start_command(command: str, *, is_silent: bool = False) -> asyncio.subprocess.Process:
    """Let a shell run *command* in a session of its own; if it *is_silent*, what it prints is not shown.
    Raises NotStartedError."""
    return await _started(
        asyncio.create_subprocess_shell(
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL if is_silent else None,
            start_new_session=True,
        ),
        f"the command {clip(command)}",
    )


async def _started(starting: Awaitable[asyncio.subprocess.Process], what: str) -> asyncio.subprocess.Process:
    try:
        return await starting
    except OSError as error:
        raise NotStartedError(what, error.strerror or str(error)) from error
    except RuntimeError as error:
        # asyncio waits for a process in a thread, and there may be none left.
        raise NotStartedError(what, str(error)) from error
