"""One worker process, seen from its parent: commands go down its stdin, lines come up its stdout."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Self

import orjson

from fastphx.foreign_text import visible
from fastphx.load.control.module_process import start_module
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.share import Share

STDERR_LIMIT_BYTES = 4096
MAX_OUTPUT_LINE_BYTES = 4096
MAX_OUTPUT_LINES = 1000
"""Of what a worker prints, that are shown."""


def why_it_died(code: int | None, stderr: bytes) -> str:
    """One clause: a worker's exit code or signal, and the last line of its stderr."""
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"left with code {code}"
    last = stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
    return f"{how} ({visible(last)})" if last else how


class OutputLines:
    """What a process prints to its stderr: *on_output* gets it line by line, within bounds."""

    def __init__(self, on_output: Callable[[str], object]) -> None:
        self.last = b""
        """Its end."""
        self._rest = b""
        self._on_output = on_output
        self._count = 0

    async def read(self, stderr: asyncio.StreamReader) -> None:
        """Until the process has closed it."""
        while data := await stderr.read(4096):
            self.feed(data)
        self.end()

    def feed(self, data: bytes) -> None:
        """What was read next."""
        self.last = (self.last + data)[-STDERR_LIMIT_BYTES:]
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_OUTPUT_LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._show(line)

    def end(self) -> None:
        """Nothing more will come."""
        if self._rest:
            self._show(self._rest)
            self._rest = b""

    def _show(self, line: bytes) -> None:
        self._count += 1
        if self._count <= MAX_OUTPUT_LINES:
            self._on_output(line.decode("utf-8", "replace"))
        elif self._count == MAX_OUTPUT_LINES + 1:
            self._on_output(f"more than {MAX_OUTPUT_LINES} lines: the rest is not shown")


class WorkerProcess:
    """A worker process. *on_line* gets every line that it writes; `ended` is set when it is gone."""

    def __init__(self, share: Share, process: asyncio.subprocess.Process) -> None:
        self.share = share
        self.process = process
        self.has_final = False
        self.ended = asyncio.Event()
        self._output: OutputLines | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        plan: Plan,
        share: Share,
        on_line: Callable[[WorkerProcess, dict[str, Any]], object],
        on_output: Callable[[WorkerProcess, str], object],
        shared: Any = None,
    ) -> Self:
        """Start a worker and give it its plan, and what a journey's ``before`` has returned; *on_output* gets
        what its script prints, line by line. Raises NotStartedError."""
        process = await start_module("fastphx.load.worker", what=f"worker {share.index} (of {share.workers})")
        worker = cls(share, process)
        worker._task = asyncio.create_task(worker._read(on_line, on_output))
        worker.send({"plan": plan.to_mapping(), "share": share.to_mapping(), "shared": shared})
        return worker

    def send(self, command: dict[str, Any]) -> None:
        """Send one command; a worker that is gone is not told."""
        stdin = self.process.stdin
        assert stdin is not None
        if not stdin.is_closing():
            stdin.write(orjson.dumps(command, option=orjson.OPT_APPEND_NEWLINE))

    async def _read(
        self,
        on_line: Callable[[WorkerProcess, dict[str, Any]], object],
        on_output: Callable[[WorkerProcess, str], object],
    ) -> None:
        stdout, stderr = self.process.stdout, self.process.stderr
        assert stdout is not None
        assert stderr is not None
        self._output = OutputLines(lambda text: on_output(self, text))
        errors = asyncio.create_task(self._output.read(stderr))
        try:
            while raw := await stdout.readline():
                line = orjson.loads(raw)
                if line["type"] == "final":
                    self.has_final = True
                on_line(self, line)
            await errors
            await self.process.wait()
        finally:
            errors.cancel()
            self.ended.set()

    @property
    def why_it_died(self) -> str:
        return why_it_died(self.process.returncode, b"" if self._output is None else self._output.last)

    async def stop(self, timeout_s: float) -> None:
        """End it: the end of its stdin first, a kill after *timeout_s*."""
        stdin = self.process.stdin
        assert stdin is not None
        if not self.ended.is_set():
            stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), timeout_s)
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
