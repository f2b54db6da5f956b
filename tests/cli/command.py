"""The command line as a process."""

import asyncio
import contextlib
import gc
import io
import os
import subprocess
import sys
from typing import Any, Self
from unittest import mock

import pytest

from fastphx.__main__ import main

COMMAND = (sys.executable, "-m", "fastphx")
TIMEOUT_S = 60.0


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


def sentence(*arguments: str) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of a command that ends before it connects: in this process, which is
    quicker."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["fastphx", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        # This process goes on.
        mock.patch.object(gc, "freeze"),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    code: Any = ended.value.code
    return code, out.getvalue(), err.getvalue()


class Running:
    """``async with Running(…) as command``: a command that goes on."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.arguments = arguments
        self.environment = environment

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *self.arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self.environment},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.communicate()

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), TIMEOUT_S)).decode()

    async def end(self) -> tuple[int, str, str]:
        """The exit code, and what is left of stdout and stderr."""
        out, err = await asyncio.wait_for(self.process.communicate(), TIMEOUT_S)
        code: Any = self.process.returncode
        return code, out.decode(), err.decode()
