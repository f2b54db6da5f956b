"""The operating system's limit on open files: raised as far as it goes, and checked before a run."""

from __future__ import annotations

import resource
import sys

from fastphx.load.plan.error import PlanError

SPARE_FILES = 64
"""Descriptors of a process that are no connections."""


def max_connections() -> int:
    """How many connections a process may hold, once its limit is raised."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if hard == resource.RLIM_INFINITY else max(1, hard - SPARE_FILES)


def raise_open_files(connections: int, what: str = "a worker") -> None:
    """Raise this process' limit to the hard limit; children inherit it.

    Raises PlanError, with the command that raises it, if *connections* in one process need more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    needed = connections + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise PlanError(
            f"{connections} connections in {what} need {needed} open files and the limit is {hard}: "
            f"run `ulimit -n {needed}` first (as root, or after raising the hard limit), "
            "or spread them with --workers"
        )
