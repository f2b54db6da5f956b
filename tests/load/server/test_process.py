"""The server's processes: CPU that only grows, who listens on a port, and control groups."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.server_target import server_pid
from fastphx.load.server.cgroup import CpuLimit, cpu_limit
from fastphx.load.server.process import ServerProcesses, find_server

BURN = """
import os, sys, time
def burn(s):
    while time.process_time() < s: pass
print("up", flush=True)
for line in sys.stdin:
    what, s = line.split()
    if what == "child":
        child = os.fork()
        if not child:
            burn(float(s)); print("burnt", flush=True); time.sleep(60)
    elif what == "reap":
        os.kill(child, 9); os.waitpid(child, 0); print("reaped", flush=True)
    else:
        burn(time.process_time() + float(s)); print("done", flush=True)
"""


class Burner:
    """A process that uses CPU when it is told to, itself or in a child."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.expect("up")

    @property
    def pid(self) -> int:
        return self.process.pid

    def expect(self, answer: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == answer

    def tell(self, line: str, answer: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self.expect(answer)

    def own_s(self) -> float:
        """What /proc says that it has used: itself, and the children that it has waited for."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def burner() -> Iterator[Burner]:
    started = Burner()
    try:
        yield started
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(started.pid).children():
                child.kill()
        started.process.kill()
        started.process.communicate()


def cpu_s(processes: ServerProcesses) -> float:
    reading = processes.read()
    assert reading is not None
    return reading.cpu_s


def test_the_cpu_is_that_of_proc_and_only_grows_when_a_child_has_exited(burner: Burner) -> None:
    processes, before_s = ServerProcesses(), burner.own_s()
    processes.add(burner.pid)
    assert cpu_s(processes) == pytest.approx(0, abs=0.05)
    burner.tell("self 0.3", "done")
    alone_s = cpu_s(processes)
    assert alone_s == pytest.approx(burner.own_s() - before_s, rel=0.1)
    burner.tell("child 0.5", "burnt")
    with_child_s = cpu_s(processes)
    assert with_child_s > alone_s + 0.4
    burner.tell("reap 0", "reaped")
    # What the child has used is its parent's now, and is not counted twice.
    assert with_child_s <= cpu_s(processes) <= with_child_s + 0.1
    assert cpu_s(processes) == pytest.approx(burner.own_s() - before_s, rel=0.1)


def test_what_it_used_before_it_was_watched_is_not_counted(burner: Burner) -> None:
    burner.tell("self 0.3", "done")
    processes = ServerProcesses()
    processes.add(burner.pid)
    assert cpu_s(processes) < 0.1


def test_memory_threads_and_files_are_read(burner: Burner) -> None:
    processes = ServerProcesses()
    processes.add(burner.pid)
    reading = processes.read()
    assert reading is not None
    assert reading.rss_bytes == pytest.approx(psutil.Process(burner.pid).memory_info().rss, rel=0.2)
    assert (reading.threads, reading.open_files) == (1, 3)
    assert 0 < reading.cores <= (os.cpu_count() or 1)


def test_another_process_with_the_same_id_is_not_the_server(
    burner: Burner, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = ServerProcesses()
    processes.add(burner.pid)
    started = psutil.Process(burner.pid).create_time()
    assert processes.read() is not None
    # As if the id had been given to a process that has started since.
    monkeypatch.setattr(psutil.Process, "_get_ident", lambda self: (self.pid, started + 5))
    assert processes.read() is None


def test_a_server_that_has_gone_has_no_reading(burner: Burner) -> None:
    processes = ServerProcesses()
    processes.add(burner.pid)
    burner.process.kill()
    burner.process.communicate()
    assert processes.read() is None
    processes.add(burner.pid)
    assert processes.read() is None


def test_the_process_that_listens_on_a_port_is_found_by_its_name() -> None:
    name = psutil.Process().name()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert find_server(f"{name}@{port}").pid == os.getpid()
        assert find_server(f"{name[:4]}@{port}").pid == os.getpid()
        with pytest.raises(PlanError, match=rf"on port {port} listens {name} \({os.getpid()}\)"):
            find_server(f"beam.smp@{port}")
    with pytest.raises(PlanError, match=f"nothing listens on port {port} here"):
        find_server(f"{name}@{port}")


def test_a_process_that_this_user_may_not_see_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        hidden = [each._replace(pid=None) for each in psutil.net_connections("inet")]
        monkeypatch.setattr(psutil, "net_connections", lambda kind: hidden)
        with pytest.raises(PlanError, match=r"this user may not see the process .* run as the server's user"):
            find_server(f"beam@{port}")


def test_a_process_that_ends_while_it_is_looked_at_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(process: psutil.Process) -> str:
        raise psutil.NoSuchProcess(process.pid)

    monkeypatch.setattr(psutil.Process, "name", gone)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PlanError, match=f"there is no process {os.getpid()}"):
            find_server(f"beam@{port}")


def test_a_process_that_is_not_there_is_said() -> None:
    with pytest.raises(PlanError, match="there is no process 2147483647"):
        find_server("2147483647")


@pytest.mark.parametrize("given", ["0", "-1", "beam@", "beam@0", "beam@65536", "@4000", "x y@1", "1.5", True])
def test_what_names_no_process_is_refused(given: object) -> None:
    with pytest.raises(PlanError, match="is no process: give its id, or NAME@PORT"):
        server_pid(given)


def test_a_process_may_be_given_as_a_number() -> None:
    assert server_pid(42) == "42"


def in_group(tmp_path: Path, line: str) -> Callable[[], CpuLimit | None]:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cgroup").write_text(f"{line}\n")
    return lambda: cpu_limit(7, tmp_path / "proc", tmp_path / "groups")


def test_the_tightest_limit_of_the_groups_counts(tmp_path: Path) -> None:
    inner = tmp_path / "groups" / "outer" / "inner"
    inner.mkdir(parents=True)
    limit = in_group(tmp_path, "0::/outer/inner")
    assert limit() is None
    (inner / "cpu.max").write_text("max 100000\n")
    (inner.parent / "cpu.max").write_text("150000 100000\n")
    (inner.parent / "cpu.stat").write_text("usage_usec 9\nnr_throttled 3\nthrottled_usec 2500000\n")
    assert limit() == CpuLimit(1.5, 2.5)
    (inner / "cpu.max").write_text("50000 100000\n")
    assert limit() == CpuLimit(0.5, 0.0)


def test_the_groups_of_version_1_are_read(tmp_path: Path) -> None:
    group = tmp_path / "groups" / "cpu,cpuacct" / "docker"
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text("200000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    (group / "cpu.stat").write_text("nr_periods 4\nthrottled_time 500000000\n")
    assert in_group(tmp_path, "4:cpu,cpuacct:/docker")() == CpuLimit(2.0, 0.5)


@pytest.mark.parametrize("line", ["", "0::/../../..", "nonsense", "0::/gone", "4:cpu:/x"])
def test_odd_groups_are_no_limit(tmp_path: Path, line: str) -> None:
    assert in_group(tmp_path, line)() is None
