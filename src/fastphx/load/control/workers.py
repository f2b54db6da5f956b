"""How many worker processes a run takes."""

from __future__ import annotations

import os

from fastphx.load.plan.plan import Plan


def workers_for(plan: Plan) -> int:
    """How many worker processes: as the plan says, or one a core, less one for the embedded server; never
    more than connections."""
    if plan.workers:
        return min(plan.workers, plan.connections)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if plan.url is None:
        cores -= 1
    return max(1, min(cores, plan.connections))
