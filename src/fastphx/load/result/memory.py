"""How much memory this process takes."""

from __future__ import annotations

import resource


def rss_bytes() -> int:
    """This process' resident memory; the most that it has had, where it can open no file to ask."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
