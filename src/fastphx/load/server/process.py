"""The server's processes on this machine, read through psutil."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeAlias

import psutil  # type: ignore[import-untyped]

from fastphx.errors import clip
from fastphx.foreign_text import visible
from fastphx.load.plan.error import PlanError
from fastphx.load.server.cgroup import cpu_limit
from fastphx.load.server.figures import ProcessReading

Identity: TypeAlias = "tuple[int, float]"
"""A process by its id and its start time: ids are used again."""


def find_server(target: str) -> psutil.Process:
    """The process that ``PID`` or ``NAME@PORT`` names. Raises PlanError where there is none, or none that
    this user may see."""
    name, at, port = target.rpartition("@")
    try:
        return _listening(name, int(port)) if at else psutil.Process(int(target))
    except psutil.NoSuchProcess as error:
        # Also one that has ended while it was looked at.
        raise PlanError(f"--server-pid: there is no process {error.pid}") from None
    except psutil.AccessDenied:
        raise PlanError(f"--server-pid {clip(target)}: this user may not see that process") from None


def _listening(name: str, port: int) -> psutil.Process:
    listening = [
        connection.pid
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]
    if not listening:
        raise PlanError(f"--server-pid {clip(f'{name}@{port}')}: nothing listens on port {port} here")
    processes = {pid: psutil.Process(pid) for pid in listening if pid is not None and psutil.pid_exists(pid)}
    if not processes:
        raise PlanError(
            f"--server-pid {clip(f'{name}@{port}')}: this user may not see the process that listens on port "
            f"{port}: run as the server's user or as root, or give the process' id"
        )
    named = {pid: each for pid, each in processes.items() if each.name().startswith(name)}
    if not named:
        found = ", ".join(f"{visible(each.name(), 40)} ({pid})" for pid, each in sorted(processes.items()))
        raise PlanError(
            f"--server-pid {clip(f'{name}@{port}')}: on port {port} listens {found}: give its name, or its id"
        )
    # Of a server and its children, which have its socket too, the parent.
    first = [each for each in named.values() if each.ppid() not in named]
    if len(first) != 1:
        pids = ", ".join(map(str, sorted(named)))
        raise PlanError(f"--server-pid {clip(f'{name}@{port}')}: these listen: {pids}: give the id of one")
    return first[0]


class ServerProcesses:
    """Processes and their children. The CPU time of all of them only grows, also when one has exited."""

    def __init__(self) -> None:
        self._roots: list[psutil.Process] = []
        self._cpu_s = 0.0
        self._before: dict[Identity, tuple[float, float, Identity | None]] = {}
        """Of each process its own CPU time, that of the children that it has waited for, and its parent."""

    def add(self, process: psutil.Process | int) -> None:
        """Watch one more, with its children. What it has used until now is not counted."""
        if isinstance(process, int):
            try:
                process = psutil.Process(process)
            except psutil.NoSuchProcess:
                return
        self._roots.append(process)
        for each in self._tree([process]):
            _, times = self._times(each)
            if times is not None:
                self._before[_identity(each)] = times

    def read(self) -> ProcessReading | None:
        """How they stand now; None where none of them is left. It blocks for some milliseconds."""
        roots = [root for root in self._roots if _is_running(root)]
        at_ns = time.monotonic_ns()
        now: dict[Identity, tuple[float, float, Identity | None]] = {}
        rss_bytes, threads, open_files, may_see_files = 0, 0, 0, True
        for process in self._tree(roots):
            figures, times = self._times(process)
            if times is None:
                continue
            now[_identity(process)] = times
            rss_bytes += figures["rss_bytes"]
            threads += figures["threads"]
            if figures["open_files"] is None:
                may_see_files = False
            else:
                open_files += figures["open_files"]
        self._count(now)
        if not now:
            return None
        limit = cpu_limit(roots[0].pid) if roots else None
        cores = min(_allowed_cores(roots), limit.cores if limit else float("inf"))
        return ProcessReading(
            at_ns=at_ns,
            cpu_s=self._cpu_s,
            cores=cores,
            is_limited=limit is not None and limit.cores <= cores,
            rss_bytes=rss_bytes,
            threads=threads,
            open_files=open_files if may_see_files else None,
            throttled_s=limit.throttled_s if limit else None,
        )

    def _count(self, now: dict[Identity, tuple[float, float, Identity | None]]) -> None:
        """Add what was used since the last reading: by each process itself, and by the children that it has
        waited for, less what was counted of those already."""
        counted: defaultdict[Identity, float] = defaultdict(float)
        for identity, (own_s, waited_s, parent) in self._before.items():
            if identity not in now and parent is not None:
                counted[parent] += own_s + waited_s
        for identity, (own_s, waited_s, _) in now.items():
            own_before_s, waited_before_s, _ = self._before.get(identity, (0.0, 0.0, None))
            self._cpu_s += max(0.0, own_s - own_before_s)
            self._cpu_s += max(0.0, waited_s - waited_before_s - counted[identity])
        self._before = now

    def _tree(self, roots: Iterable[psutil.Process]) -> list[psutil.Process]:
        found: dict[Identity, psutil.Process] = {}
        for root in roots:
            try:
                for process in (root, *root.children(recursive=True)):
                    found[_identity(process)] = process
            except psutil.Error:
                continue
        return list(found.values())

    @staticmethod
    def _times(
        process: psutil.Process,
    ) -> tuple[dict[str, Any], tuple[float, float, Identity | None] | None]:
        """What is read of one process, and its CPU times; those are None where it has ended meanwhile."""
        try:
            with process.oneshot():
                cpu = process.cpu_times()
                figures = {
                    "rss_bytes": process.memory_info().rss,
                    "threads": process.num_threads(),
                    "open_files": _open_files(process),
                }
            parent = process.parent()
        except psutil.Error:
            return {}, None
        waited_s = getattr(cpu, "children_user", 0.0) + getattr(cpu, "children_system", 0.0)
        return figures, (cpu.user + cpu.system, waited_s, _identity(parent) if parent else None)


def _identity(process: psutil.Process) -> Identity:
    return process.pid, process.create_time()


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _open_files(process: psutil.Process) -> int | None:
    try:
        return int(process.num_fds())
    except (psutil.AccessDenied, AttributeError):
        return None


def _allowed_cores(roots: list[psutil.Process]) -> float:
    try:
        return float(len(set().union(*(root.cpu_affinity() for root in roots))))
    except (psutil.Error, AttributeError):
        return float(os.cpu_count() or 1)
