"""Which way a run's progress is shown."""

from __future__ import annotations

import os

from fastphx.load.control.progress import Progress, QuietProgress
from fastphx.load.plan.plan import Plan
from fastphx.load.report.plain_progress import PlainProgress
from fastphx.load.report.unwaiting_stream import UnwaitingStream


def progress_for(plan: Plan, output: UnwaitingStream | None) -> Progress:
    """The progress for *output*; None: for nobody. What draws is imported only for a terminal."""
    if output is None:
        return QuietProgress()
    if not (output.isatty() or os.environ.get("FORCE_COLOR")):
        return PlainProgress(output)
    from fastphx.load.report.live_progress import LiveProgress

    return LiveProgress(plan, output)
