"""A load run as a call."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from typing import Any, TypeAlias, Unpack

from fastphx.errors import clip
from fastphx.load.control.coordinator import Coordinator
from fastphx.load.control.preflight import preflight
from fastphx.load.control.progress import Progress
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.plan_file import read_plan
from fastphx.load.plan.plan_keys import PlanKeys
from fastphx.load.report.progress import progress_for
from fastphx.load.report.unwaiting_stream import UnwaitingStream
from fastphx.load.result.result import Result

What: TypeAlias = Plan | str | os.PathLike[str] | None
"""What to run: see :func:`run`."""


async def run(what: What = None, /, *, progress: bool | Progress = False, **keys: Unpack[PlanKeys]) -> Result:
    """Run a load test, as ``fastphx load`` does, and return its result, whatever that is: look at
    ``result.exit_code``, ``result.outcome`` and ``result.sentences``::

        result = await run("shop.py", url="http://127.0.0.1:4000", arrivals="50/s", duration="60s",
                           threshold=['step["push echo"].p95<50ms'])
        assert result.exit_code == 0, result.sentences

    *what* is a scenario (``"shop.py"``, ``"echo"``), a plan file (``"plan.toml"``), or a whole
    :class:`~fastphx.load.plan.plan.Plan`, to which nothing is added. *keys* are the flags of ``fastphx load``
    with their units, and go over what the plan file says; without a ``url`` the embedded server is started. A
    script is imported here too, to look at it; what it does is done in other processes.

    It prints nothing, unless *progress* is True, or an object of yours with the methods of
    :class:`~fastphx.load.control.progress.Progress`. The load comes from worker processes, so that this loop
    only has to wait for them. Cancelling the call ends the run at once, and all of its processes; a journey's
    ``after`` is still called. It handles no signals. It raises this process' limit of open files as far as it
    may, which the workers inherit.

    Raises PlanError, a FastphxError, where the plan cannot be run, in one sentence; FastphxError where the
    embedded server does not start; TypeError where *what* is none of these.
    """
    plan = plan_of(what, keys)
    warnings = preflight(plan)
    if isinstance(progress, bool):
        progress = progress_for(plan, UnwaitingStream.stdout() if progress else None)
    for sentence in warnings:
        progress.output(sentence)
    running = asyncio.create_task(Coordinator(plan, progress).run())
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        running.cancel()
        await _until_done(running)
        raise


async def _until_done(running: asyncio.Task[Result]) -> None:
    """Wait for the end of what was cancelled: cancelling once more neither hastens nor leaves it."""
    while not running.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({running})
    if not running.cancelled():
        # It has ended by itself, or failed while it was ended: who cancelled it has no use for that.
        running.exception()


def run_sync(what: What = None, /, *, progress: bool | Progress = False, **keys: Unpack[PlanKeys]) -> Result:
    """:func:`run` for a program without an event loop. Ctrl-C ends the run and raises KeyboardInterrupt, as
    anywhere else. Raises RuntimeError where a loop runs in this thread: await :func:`run` there."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run(what, progress=progress, **keys))
    raise RuntimeError("run_sync() would block the event loop that runs here: await run() instead")


def plan_of(what: What, keys: Mapping[str, Any]) -> Plan:
    """The plan that *what* and *keys* come to, see :func:`run`."""
    if isinstance(what, Plan):
        if keys:
            raise TypeError(f"a Plan is whole: give {', '.join(keys)} in it, or all of it as keywords")
        return what
    texts = {
        key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in keys.items()
    }
    return Plan.from_mapping({**_named(what, texts), **texts})


def _named(what: object, keys: Mapping[str, Any]) -> dict[str, Any]:
    """What *what* says of a plan."""
    if what is None:
        return {}
    if not isinstance(what, str | os.PathLike):
        shown = f"the class {what.__name__}" if isinstance(what, type) else type(what).__name__
        raise TypeError(
            f"{shown} cannot be run: the workers are processes, which read a file. Give its path, like "
            '"shop.py"; or a scenario\'s name, a plan.toml or a Plan'
        )
    name = os.fspath(what)
    if name.endswith(".toml"):
        return read_plan(name)
    if "://" in name:
        raise PlanError("a URL is not what to run: give it as url=")
    if "scenario" in keys:
        raise PlanError(f"both {clip(name)} and scenario= say what to run: give one of them")
    return {"scenario": name}
