"""What a journey's file does once a run, in a process of its own: ``python -m fastphx.load.worker.once``.

It reads from stdin one JSON line, ``{"plan": {…}, "what": "before" or "after", "shared": …}``, calls the
file's function of that name with a user that is not counted, and writes to stdout one line:
``{"type": "returned", "value": …}``, or ``{"type": "failed", "why": …}``.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import orjson

from fastphx.load.journeys.failure import (
    fault_of,
    first_cause,
    shown,
    user_traceback,
    why_it_failed,
)
from fastphx.load.journeys.run import Run
from fastphx.load.journeys.user import User
from fastphx.load.journeys.visit import Visit
from fastphx.load.plan.plan import MOST_STEPS, Plan
from fastphx.load.result.line import MAX_LINE_BYTES
from fastphx.load.result.reasons import Reasons
from fastphx.load.scenarios.journey import Journey
from fastphx.load.worker.journey_meter import JourneyMeter
from fastphx.load.worker.left_running import end_tasks, leave_threads
from fastphx.load.worker.output import Output, take_stdout
from fastphx.operating_system.event_loop import run_on_uvloop


async def work() -> None:
    """Read what is to be done, do it, and tell what came of it."""
    asked = orjson.loads(await asyncio.to_thread(sys.stdin.buffer.readline, MAX_LINE_BYTES))
    stdout, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.Protocol, take_stdout())
    output = Output(stdout)
    try:
        output.write(await _told(asked["what"], Plan.from_mapping(asked["plan"]), asked["shared"]))
        await output.flushed()
        await end_tasks()
    finally:
        stdout.close()


async def _told(what: str, plan: Plan, shared: Any) -> dict[str, Any]:
    function = getattr(Journey(plan), what)
    run = Run(plan, JourneyMeter(plan.scenario, MOST_STEPS, lambda _: None, Reasons()), shared=shared)
    user = User()
    user._visit = visit = Visit(run, 0, 0, {})
    visit.task = asyncio.current_task()
    try:
        value = await function(user)
    except GeneratorExit:
        raise
    except BaseException as error:
        return {"type": "failed", "why": _why(first_cause(error), plan.scenario)}
    finally:
        await visit.end_user()
        await run.close()
    if what == "after":
        return {"type": "returned", "value": None}
    try:
        size = len(orjson.dumps(value))
    except TypeError as error:
        return {"type": "failed", "why": f"what it returns is no JSON: {error}"}
    if size > MAX_LINE_BYTES // 2:
        return {"type": "failed", "why": f"what it returns has more than {MAX_LINE_BYTES // 2} bytes"}
    return {"type": "returned", "value": value}


def _why(error: BaseException, script: str) -> str:
    why = why_it_failed(error, script)
    if why is not None:
        return why
    sys.stderr.write(user_traceback(error, script))
    return f"{fault_of(error, script)}: {shown(error)}"


def main() -> None:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run_on_uvloop(work())
    leave_threads()


if __name__ == "__main__":
    main()
