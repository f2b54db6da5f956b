"""How much memory this process takes."""

from __future__ import annotations

import sys

from fastphx.operating_system import IS_LINUX


def rss_bytes() -> int:
    """This process' resident memory; the most that it has had, where the system does not tell or no file can
    be opened to ask; 0 where it tells neither."""
    try:
        import resource
    except ModuleNotFoundError:
        return 0
    if IS_LINUX:
        try:
            with open("/proc/self/statm", "rb") as statm:
                return int(statm.read().split()[1]) * resource.getpagesize()
        except OSError:
            pass
    # getrusage(2): bytes on macOS, and kilobytes elsewhere.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
