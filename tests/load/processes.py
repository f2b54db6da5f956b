"""Real processes for the load tests: ``fastphx load``, ``fastphx serve``, and what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.cli.command import sentence

TIMEOUT_S = 60.0
PATIENT = ("--max-schedule-lag", "30s", "--max-loop-lag", "30s", "--max-cpu", "100%")
"""A machine that stalls makes no run invalid: what these tests assert is what was counted."""
SPENT = ("replies", "error_replies", "lost")


@dataclass
class Run:
    """A ``fastphx load`` that has ended."""

    code: int
    out: str
    err: str
    result: dict[str, Any] | None

    @property
    def totals(self) -> dict[str, int]:
        assert self.result is not None, self.err
        totals: dict[str, int] = self.result["totals"]
        return totals


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start ``fastphx`` with the given arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "fastphx", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_load(*arguments: str) -> subprocess.Popen[str]:
    """Start ``fastphx load`` that a stall of this machine does not make invalid."""
    return start("load", *PATIENT, *arguments)


def end(process: subprocess.Popen[str], json_path: Path | None) -> Run:
    """Wait for a run's end. A run that does not end is killed, and its children with it by their stdin."""
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the run did not end\n{out}\n{err}") from None
    assert "Traceback" not in err, err
    written = json_path is not None and json_path.exists()
    return Run(process.returncode, out, err, orjson.loads(json_path.read_bytes()) if written else None)


def load_process(tmp_path: Path, *arguments: str) -> Run:
    """Run ``fastphx load`` with ``--json`` as a process, and wait for its end."""
    json_path = tmp_path / "result.json"
    return end(start_load(*arguments, "--json", str(json_path)), json_path)


def load(tmp_path: Path, *arguments: str) -> Run:
    """The same in half the CPU time: the command runs in this process, its server and its workers do not."""
    json_path = tmp_path / "result.json"
    code, out, err = sentence("load", *PATIENT, *arguments, "--json", str(json_path))
    assert "Traceback" not in err, err
    return Run(code, out, err, orjson.loads(json_path.read_bytes()) if json_path.exists() else None)


@contextmanager
def serve(port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``fastphx serve``, and its URL, once it listens."""
    process = start("serve", "--port", str(port))
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("ws://"), url
        yield process, url
    finally:
        process.kill()
        process.communicate()


def children_of(pid: int) -> list[int]:
    """The process ids of *pid*'s children."""
    children = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                children.append(int(entry))
    return children


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_line(process: subprocess.Popen[str], text: str) -> str:
    """Read the run's output up to a line with *text*, and return that."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    out, err = process.communicate()
    raise AssertionError(f"the run ended before {text!r}\n{out}\n{err}")


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    process.send_signal(number)


def check_identities(totals: dict[str, int], *, opens: bool = False) -> None:
    """What was counted adds up, whatever happened. *opens*: the schedule opens connections (churn)."""
    lost = sum(totals[name] for name in totals if name.startswith("lost_"))
    assert totals["lost"] == lost
    opened = totals["connect_attempts"] if opens else totals["pushes"] + totals["casts"]
    assert totals["arrivals"] == opened + totals["unsent"]
    assert totals["pushes"] == sum(totals[name] for name in SPENT)
    assert totals["connect_attempts"] == totals["connections"] + totals["connect_errors"]
    assert totals["connections"] == totals["disconnects"] + totals["closed"]
    assert totals["join_attempts"] == totals["joins"] + totals["join_errors"]
    assert totals["late"] <= totals["lost"]
