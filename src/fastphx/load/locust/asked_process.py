"""A process that a greenlet asks one thing: it reads one JSON line, and answers with one."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

import gevent
import orjson
from gevent import subprocess

from fastphx.load.control.worker_process import OutputLines, why_it_died
from fastphx.load.result.line import MAX_LINE_BYTES

MAX_OUTPUT_CHARS = 1000
"""Of a line that a script prints, in the log."""


class AskedProcess:
    """``python -m`` *module*, which knows nothing of gevent, and gets *question*. *on_output* gets what it
    prints, line by line."""

    def __init__(self, module: str, question: Mapping[str, Any], on_output: Callable[[str], object]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._output = OutputLines(on_output)
        self._question = orjson.dumps(question, option=orjson.OPT_APPEND_NEWLINE)

    def answer(self, timeout_s: float) -> bytes:
        """Its line, once it has ended; empty where it ended without one. Raises TimeoutError where that takes
        longer. The process is gone in either case."""
        errors = gevent.spawn(self._read_stderr)
        timeout = gevent.Timeout(timeout_s)
        try:
            with timeout, contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(self._question)
                self._process.stdin.flush()
                raw: bytes = self._process.stdout.readline(MAX_LINE_BYTES)
                self._process.wait()
                errors.join()
                return raw
            return b""
        except gevent.Timeout as ended:
            if ended is not timeout:
                raise
            raise TimeoutError from None
        finally:
            self.kill()
            self._process.wait()
            errors.join()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                with contextlib.suppress(OSError):
                    pipe.close()

    @property
    def why_it_died(self) -> str:
        return why_it_died(self._process.returncode, self._output.last)

    def kill(self) -> None:
        """End it, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _read_stderr(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := self._process.stderr.read1(4096):
                self._output.feed(data)
        self._output.end()
