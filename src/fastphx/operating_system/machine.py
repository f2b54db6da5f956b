"""This machine: its boot, its cores, its ports, and the CPU that others had of it."""

from __future__ import annotations

import os
from pathlib import Path

from fastphx.operating_system import IS_LINUX

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SCHEDSTAT = Path("/proc/self/schedstat")
_STAT = Path("/proc/stat")


def boot_id() -> str:
    """What only processes of this machine since it booted share; elsewhere than on Linux, what those of the
    machine share."""
    if IS_LINUX:
        try:
            return _BOOT_ID.read_text()
        except OSError:
            pass
    from uuid import getnode

    return str(getnode())


def usable_cores() -> int:
    """The cores that this process may run on."""
    if IS_LINUX:
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def local_ports() -> int | None:
    """How many ports the system gives to connections; None where it does not say."""
    if not IS_LINUX:
        return None
    try:
        first, last = map(int, _PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return None
    return last - first + 1


def waited_s() -> float:
    """How long this process' main thread has waited for a core, ready to run; 0 where the system does not
    say."""
    if not IS_LINUX:
        return 0.0
    try:
        return int(_SCHEDSTAT.read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def stolen_s() -> float:
    """What a hypervisor has given to others of a core's time (proc(5): steal), on average; 0 where the system
    does not say."""
    if not IS_LINUX:
        return 0.0
    try:
        ticks = int(_STAT.read_bytes().partition(b"\n")[0].split()[8])
    except (OSError, ValueError, IndexError):
        return 0.0
    return ticks / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)
