"""How many files, and so sockets, this process may open."""

from __future__ import annotations


def raise_open_file_limit() -> int | None:
    """Raise the soft limit to the hard one. Returns the limit; None if the system has no such limit."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            return soft
    return hard
