"""How much memory this process takes."""

from __future__ import annotations

import resource


def rss_bytes() -> int:
    """This process' resident memory."""
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
