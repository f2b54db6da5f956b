"""The operating system's limit on open files: raised as far as it goes, and checked before a run."""

from __future__ import annotations

import sys

from fastphx.load.plan.error import PlanError
from fastphx.operating_system.open_files import open_file_limit, raise_open_file_limit

SPARE_FILES = 64
"""Descriptors of a process that are no connections."""


def max_connections() -> int:
    """How many connections a process may hold, once its limit is raised."""
    limit = open_file_limit()
    return sys.maxsize if limit is None else max(1, limit - SPARE_FILES)


def raise_open_files(connections: int, what: str = "a worker") -> None:
    """Raise this process' limit as far as it goes; children inherit it.

    Raises PlanError, with the command that raises it, if *connections* in one process need more.
    """
    limit = raise_open_file_limit()
    needed = connections + SPARE_FILES
    if limit is not None and limit < needed:
        raise PlanError(
            f"{connections} connections in {what} need {needed} open files and the limit is {limit}: "
            f"run `ulimit -n {needed}` first (as root, or after raising the hard limit), "
            "or spread them with --workers"
        )
