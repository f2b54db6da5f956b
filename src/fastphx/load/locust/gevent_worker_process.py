"""One ``fastphx.load.worker``, seen from Locust's gevent: the same lines as everywhere, read by a greenlet.

It is a plain process in a session of its own that knows nothing of gevent. It ignores SIGINT and leaves at
the end of its stdin, so that not even a killed Locust leaves it behind.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import gevent
import orjson
from gevent import subprocess
from gevent.event import Event
from gevent.queue import SimpleQueue

from fastphx.load.control.worker_process import OutputLines, why_it_died

MAX_LINES_A_WRITE = 500
CLOSE_TIMEOUT_S = 1.0


class GeventWorkerProcess:
    """*on_line* gets each line, and *on_output* what its script prints, line by line; *on_death* is called
    once it is gone without having sent its last line."""

    def __init__(
        self,
        on_line: Callable[[dict[str, Any]], object],
        on_death: Callable[[str], object],
        on_output: Callable[[str], object],
    ) -> None:
        self._on_line = on_line
        self._on_death = on_death
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fastphx.load.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid: int = self._process.pid
        self.has_hello = Event()
        self.ended = Event()
        self.has_final = False
        self.is_closed = False
        self._output = OutputLines(on_output)
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._writer = gevent.spawn(self._write)
        self._errors = gevent.spawn(self._read_stderr)
        self._reader = gevent.spawn(self._read)

    def send(self, line: dict[str, Any]) -> None:
        """Send one line, without waiting; a worker that is gone is not told."""
        if not self.ended.is_set():
            self._lines.put(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                lines = [self._lines.get()]
                while not self._lines.empty() and len(lines) < MAX_LINES_A_WRITE:
                    lines.append(self._lines.get())
                self._process.stdin.write(b"".join(lines))
                self._process.stdin.flush()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while raw := self._process.stdout.readline():
                line = orjson.loads(raw)
                if line["type"] == "hello":
                    self.has_hello.set()
                elif line["type"] == "final":
                    self.has_final = True
                self._on_line(line)
        self._process.wait()
        self._errors.join()
        self._writer.kill(block=False)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()
        self.ended.set()
        self.has_hello.set()
        if not self.has_final and not self.is_closed:
            self._on_death(self.why_it_died)

    def _read_stderr(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := self._process.stderr.read1(4096):
                self._output.feed(data)
        self._output.end()

    @property
    def why_it_died(self) -> str:
        return why_it_died(self._process.returncode, self._output.last)

    def close(self) -> None:
        """End it, if it has not ended: the end of its stdin first, a kill after CLOSE_TIMEOUT_S."""
        self.is_closed = True
        if self.ended.is_set():
            return
        self._writer.kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        if not self.ended.wait(CLOSE_TIMEOUT_S):
            self._process.kill()
            self.ended.wait(CLOSE_TIMEOUT_S)
