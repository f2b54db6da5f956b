"""CPU that others had while this process wanted it. Linux tells; elsewhere it is 0."""

from __future__ import annotations

import os
from pathlib import Path

_SCHEDSTAT = Path("/proc/self/schedstat")
_STAT = Path("/proc/stat")


def waited_s() -> float:
    """How long this process' main thread has waited for a core, ready to run."""
    try:
        return int(_SCHEDSTAT.read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def stolen_s() -> float:
    """What a hypervisor has given to others of a core's time (proc(5): steal), on average."""
    try:
        ticks = int(_STAT.read_bytes().partition(b"\n")[0].split()[8])
    except (OSError, ValueError, IndexError):
        return 0.0
    return ticks / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)
