"""How many files, and so sockets, this process may open."""

from __future__ import annotations

OPEN_MAX = 10_240
"""What macOS takes at least where its hard limit says there is none (setrlimit(2) there)."""


def open_file_limit() -> int | None:
    """The limit that this process can give itself; None where there is none."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def raise_open_file_limit() -> int | None:
    """Raise the soft limit as far as it goes; children inherit it. Returns the limit; None where there is
    none."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, OPEN_MAX):
        if soft == wanted:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            continue
        soft = wanted
        break
    return None if soft == resource.RLIM_INFINITY else soft
