"""Locust masters and workers as processes of this machine, on free ports, and what they wrote."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.free_port import free_port
from tests.load.processes import children_of, command_of

TIMEOUT_S = 60.0

LOCUSTFILE = """\
from fastphx.load.locust import PhoenixUser


class Room(PhoenixUser):
    host = "ws://127.0.0.1:4000/socket"
    plan = {"scenario": "echo", "topic": "room:{i % 100}", "rate": 2}
"""

SHAPE = """\

from pathlib import Path

from locust import LoadTestShape


class AsTold(LoadTestShape):
    def tick(self):
        # The test says how many, and when it is over: how fast that is reached depends on the machine.
        users = int(Path(__file__).with_name("users").read_text())
        return (users, 1000) if users else None
"""


def wait_until(reached: Callable[[], bool], what: str) -> None:
    """Wait for what other processes do: they do not tell, so they are asked, until a deadline."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while not reached():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


def server_stats(url: str) -> dict[str, int]:
    """The exact counters of a ``fastphx serve`` whose socket is at *url*."""
    port = int(url.split(":")[2].split("/")[0])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=10) as answer:
        stats: dict[str, int] = orjson.loads(answer.read())
        return stats


def ask_page(port: int, path: str, form: dict[str, object] | None = None) -> dict[str, Any]:
    """What Locust's page asks its server: with a form it is a POST."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=60) as answer:
        found: dict[str, Any] = orjson.loads(answer.read())
        return found


def worker_processes(locust: subprocess.Popen[str]) -> list[int]:
    """The worker processes of fastphx that a Locust process has started."""
    return [pid for pid in children_of(locust.pid) if "fastphx.load.worker" in command_of(pid)]


@dataclass
class Locusts:
    """The Locust processes of one test."""

    folder: Path
    url: str
    locustfile: str = LOCUSTFILE
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    log_paths: list[Path] = field(default_factory=list)
    master_port: str = ""

    def follow(self, users: int) -> None:
        """Have so many users from now on, instead of those of the command line; with 0 the test ends."""
        if not self.locustfile.endswith(SHAPE):
            self.locustfile += SHAPE
        # In one step: who reads it meanwhile finds the old number or the new one.
        new = self.folder / "users.new"
        new.write_text(str(users))
        new.rename(self.folder / "users")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        path = self.folder / "locustfile.py"
        path.write_text(self.locustfile)
        log_path = self.folder / f"locust-{len(self.processes)}.log"
        with log_path.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "locust", "-f", str(path), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=self.folder,
                env={name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")},
            )
        self.processes.append(process)
        self.log_paths.append(log_path)
        return process

    def start_cluster(self, *arguments: str, workers: int = 2) -> list[subprocess.Popen[str]]:
        """A headless master that writes CSV, and workers."""
        self.master_port = str(free_port())
        csv_prefix = str(self.folder / "out")
        self.start(
            *("--master", "--headless", "--only-summary", "--expect-workers", str(workers)),
            *("--master-bind-host", "127.0.0.1", "--master-bind-port", self.master_port),
            *("--host", self.url, "--csv", csv_prefix, *arguments),
        )
        for _ in range(workers):
            self.start_worker()
        return self.processes

    def start_worker(self) -> subprocess.Popen[str]:
        """One more worker of the cluster."""
        return self.start("--worker", "--master-host", "127.0.0.1", "--master-port", self.master_port)

    def start_cluster_with_page(self, *arguments: str, workers: int = 2) -> int:
        """A master with its page, whose port is returned, and workers, which are there."""
        port, self.master_port = free_port(), str(free_port())
        self.start(
            *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", self.master_port),
            *("--web-host", "127.0.0.1", "--web-port", str(port), *arguments),
        )
        for number in range(workers):
            self.start_worker()
            # One after the other, so that they have their indexes in this order.
            wait_until(lambda number=number: f"{number + 1} workers connected" in self.logs(), "no worker")
        return port

    def codes(self) -> list[int]:
        """The exit codes, when all have ended."""
        return [process.wait(TIMEOUT_S) for process in self.processes]

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in self.log_paths)

    def rows(self) -> dict[str, dict[str, str]]:
        """The rows of the master's CSV of statistics, by name."""
        with (self.folder / "out_stats.csv").open(newline="") as lines:
            return {row["Name"]: row for row in csv.DictReader(lines)}

    def failures(self) -> dict[str, int]:
        """``"NAME: reason"`` and how often, from the master's CSV of failures."""
        with (self.folder / "out_failures.csv").open(newline="") as lines:
            return {
                f"{row['Name']}: {row['Error']}": int(row["Occurrences"]) for row in csv.DictReader(lines)
            }

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(TIMEOUT_S)


@contextmanager
def locusts(folder: Path, url: str, **options: Any) -> Iterator[Locusts]:
    started = Locusts(folder, url, **options)
    try:
        yield started
    finally:
        started.close()
