"""``fastphx serve`` as a child process."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import urllib.request
from typing import Self

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0


class ServerProcess:
    """The demo server in a process of its own: ``with ServerProcess("--idle-timeout", "5") as server``.

    The arguments are those of ``fastphx serve``. It takes a free port unless one is given. Raises
    RuntimeError, with the server's output, if it does not start.
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments if "--port" in arguments else ("--port", "0", *arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "fastphx", "serve", *self._arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
        line = process.stdout.readline().decode() if readable else ""
        if not line.startswith("ws"):
            process.kill()
            process.wait(STOP_TIMEOUT_S)
            process.stdout.close()
            raise RuntimeError(f"`{' '.join(command)}` did not start: it said {line!r}")
        self._process = process
        self.url = line.split()[0]

    def stop(self) -> int:
        """Stop it (SIGTERM, then SIGKILL) and return its exit code."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        return self._wait(process)

    def kill(self) -> None:
        """Kill it at once, like a crash of the machine."""
        process = self._running()
        process.kill()
        self._wait(process)

    def stats(self, timeout_s: float = 5.0) -> dict[str, int]:
        """Its counters, fetched over HTTP."""
        base = self.url.replace("ws", "http", 1).rpartition("/")[0]
        with urllib.request.urlopen(f"{base}/stats", timeout=timeout_s) as answer:
            counters: dict[str, int] = json.load(answer)
        return counters

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server's process is not running: call start")
        return self._process

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        try:
            code = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(STOP_TIMEOUT_S)
        assert process.stdout is not None
        process.stdout.close()
        self._process = None
        return code

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()
