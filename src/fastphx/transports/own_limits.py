"""Attempts that fail because this side ran out of something, and not because of the server."""

from __future__ import annotations

import errno

from fastphx.errors import clip

OWN_LIMITS = frozenset(
    {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
)
"""What these say: no port, open file or memory is left for another connection."""


def os_error_text(error: OSError, source: str | None = None) -> str:
    """What went wrong, in our words where this side ran out of something; *source* is the address that was
    connected from."""
    if error.errno == errno.EADDRNOTAVAIL:
        if source is not None:
            return f"no port is left on {source}"
        return "no local port is left: connect from several addresses (local_addr)"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many open files: raise the limit (ulimit -n)"
    return error.strerror or clip(str(error), 160)


def ran_out(error: BaseException | None) -> bool:
    """Whether *error*, or one of its causes, is one of OWN_LIMITS."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in OWN_LIMITS):
            return True
        error = error.__cause__
    return False
