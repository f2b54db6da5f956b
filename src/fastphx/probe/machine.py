"""What this machine lets a load test do."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fastphx.load.control.open_files import SPARE_FILES, max_connections
from fastphx.operating_system.machine import local_ports, usable_cores
from fastphx.probe.finding import Finding

FEW_FILES = 4096


def look_at_machine() -> Iterator[Finding]:
    """Its open files, ports and cores."""
    most = max_connections()
    if most == sys.maxsize:
        yield Finding("open files", "ok", "no limit")
    elif most < FEW_FILES:
        text = f"a process may hold {most:,} connections: its limit is {most + SPARE_FILES:,} open files"
        yield Finding("open files", "wrong", text, "for more, run `ulimit -n 65536` first, as root")
    else:
        yield Finding("open files", "ok", f"a process may hold {most:,} connections")
    ports = local_ports()
    if ports is not None:
        text = f"{ports:,} connections from one address to the server's port; --source spreads them over more"
        yield Finding("ports", "ok", text)
    cores = usable_cores()
    yield Finding("cores", "ok", f"{cores}, which the load's processes share with a server on this machine")
