"""Files that a plan names: each worker reads them, so a pipe, which can be read once, is none."""

from __future__ import annotations

import errno
import os
import stat


def check_regular_file(path: str) -> None:
    """Raises OSError if *path* is something else, or is not there."""
    if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):
        raise OSError(errno.ESPIPE, "it is no regular file, and each worker reads it")


def why_unreadable(error: Exception) -> str:
    """The reason in an error of reading a file."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
