"""What a load test and all the processes that it starts use while its schedule runs, read from outside."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
EDGE_S = 0.5


def members(pid: int) -> list[int]:
    """*pid* and its descendants."""
    children: dict[int, list[int]] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    tree = [pid]
    for member in tree:
        tree.extend(children.get(member, ()))
    return tree


@dataclass
class Usage:
    """*cpu*: seconds of CPU time, user and system, in each second. *rss_bytes* is the sum of all processes;
    in *pss_bytes* a page that n processes share counts 1/n for each. *said*: the last line of output."""

    cpu: float
    rss_bytes: int
    pss_bytes: int
    said: str


def usage(command: list[str], seconds: float) -> Usage:
    """Of a run of *command* whose schedule lasts *seconds* from its line that begins with "running", without
    the schedule's first and last half second. Raises ``RuntimeError`` where it fails, or has no such line."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = ""
        for line in process.stdout:
            lines += line
            if line.startswith("running"):
                time.sleep(EDGE_S)
                started, started_s = time.perf_counter(), cpu_s(process.pid)
                time.sleep(seconds - 2 * EDGE_S)
                cpu = (cpu_s(process.pid) - started_s) / (time.perf_counter() - started)
                rss_bytes, pss_bytes = memory_bytes(process.pid, "Rss"), memory_bytes(process.pid, "Pss")
                lines += process.stdout.read()
                break
        said = (lines.strip() or "it said nothing").splitlines()[-1]
        if process.wait() or "\nrunning" not in f"\n{lines}":
            raise RuntimeError(f"{' '.join(command[:4])} ended with code {process.returncode}: {said}")
    return Usage(cpu, rss_bytes, pss_bytes, said)


def cpu_s(pid: int) -> float:
    """CPU time of those that live."""
    # The number of another process' CPU clock, as clock_getcpuclockid makes it: /proc has ticks only.
    return sum(time.clock_gettime(~member << 3 | 2) for member in members(pid))


def memory_bytes(pid: int, name: str) -> int:
    """The sum of ``Pss`` or ``Rss``, as smaps_rollup has them."""
    total = 0
    for member in members(pid):
        for line in (PROC / str(member) / "smaps_rollup").read_text().splitlines():
            key, _, value = line.partition(":")
            if key == name:
                total += int(value.split()[0]) * 1024
    return total
