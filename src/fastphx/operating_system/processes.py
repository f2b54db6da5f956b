"""Processes that are ended with all that they have started."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from fastphx.operating_system import IS_LINUX, IS_POSIX


def end_group(pid: int, *, at_once: bool) -> None:
    """End a process that leads a session, and what it has started; where there are no groups of processes, it
    alone. *at_once*: it is not asked. Raises ProcessLookupError if it has ended."""
    kill = getattr(signal, "SIGKILL", signal.SIGTERM) if at_once else signal.SIGTERM
    if IS_POSIX:
        os.killpg(pid, kill)
    else:
        os.kill(pid, kill)


def session_usage(leader: int) -> tuple[float, int]:
    """CPU seconds and resident bytes of all processes of the session that *leader* leads, ended children
    included; where the system does not tell what is in a session, of it and of what it has started."""
    if not IS_LINUX:
        return _family_usage(leader)
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    cpu_s, rss_bytes = 0.0, 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                cpu_s += sum(map(int, fields[11:15])) / ticks
                rss_bytes += int(fields[21]) * page
    return cpu_s, rss_bytes


def _family_usage(leader: int) -> tuple[float, int]:
    import psutil  # type: ignore[import-untyped]

    cpu_s, rss_bytes = 0.0, 0
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(leader)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                cpu_s += sum(process.cpu_times()[:4])
                rss_bytes += process.memory_info().rss
    return cpu_s, rss_bytes
