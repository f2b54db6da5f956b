"""Which way a run's progress is shown."""

from __future__ import annotations

import os
import sys

from fastphx.load.control.progress import Progress, QuietProgress
from fastphx.load.plan.plan import Plan
from fastphx.load.report.plain_progress import PlainProgress


def progress_for(plan: Plan, quiet: bool) -> Progress:
    """The progress for this output. What draws is imported only for a terminal."""
    if quiet or sys.stdout is None:
        return QuietProgress()
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        return PlainProgress()
    from fastphx.load.report.live_progress import LiveProgress

    return LiveProgress(plan)
