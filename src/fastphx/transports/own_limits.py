"""Attempts that fail because this side ran out of something, and not because of the server."""

from __future__ import annotations

import errno

OWN_LIMITS = frozenset(
    {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
)
"""What these say: no port, open file or memory is left for another connection."""


def ran_out(error: BaseException | None) -> bool:
    """Whether *error*, or one of its causes, is one of OWN_LIMITS."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in OWN_LIMITS):
            return True
        error = error.__cause__
    return False
