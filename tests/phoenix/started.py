"""An application that the suite starts itself, by a command: it may be stopped and killed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
import urllib.request
from typing import Self

from tests.free_port import free_port
from tests.phoenix.phoenix import Phoenix

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class StartedPhoenix:
    """``with StartedPhoenix(command) as started``.

    The command is given its port as ``PORT``, and stays in the foreground. What is killed is its process
    group. Raises RuntimeError if nothing answers in time.
    """

    def __init__(self, command: str) -> None:
        self._command = shlex.split(command)
        self._port = free_port()
        self.phoenix = Phoenix(f"ws://127.0.0.1:{self._port}/socket")

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env={**os.environ, "PORT": str(self._port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(
                    f"nothing answers at {self.phoenix.http} after {shlex.join(self._command)}"
                )
            time.sleep(0.05)

    @property
    def group(self) -> int:
        """The id of its process group."""
        return self._process.pid

    def wait_ended(self) -> None:
        """Wait until somebody has ended it. Raises subprocess.TimeoutExpired."""
        self._process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """As a crash of the machine: nobody is told."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """As a deployment: SIGTERM, and the end of the process is waited for."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
            self.wait_ended()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.phoenix.http + "/versions", timeout=1.0):
                return True
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
