"""Starts the processes of a run: modules of this package, which speak lines with whoever started them."""

from __future__ import annotations

import asyncio
import sys

from fastphx.load.result.line import MAX_LINE_BYTES


async def start_module(module: str, *arguments: str, has_stderr: bool = True) -> asyncio.subprocess.Process:
    """Run ``python -m MODULE``, with pipes to its standard input and from its output; without *has_stderr* it
    has this process' standard error. Ctrl-C in a terminal does not reach it. Raises OSError where the
    system has no file, process or memory left."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if has_stderr else None,
        limit=MAX_LINE_BYTES,
        start_new_session=True,
    )
