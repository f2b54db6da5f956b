"""One load worker: a process of its own with one event loop, that speaks JSON lines.

It reads from stdin, one JSON object a line: first ``{"plan": {…}, "share": {…}}``, for journeys with
``"shared"``, what their ``before`` has returned; then commands:

- ``{"command": "connect", "at_ns": …}``: open the share's connections, the plan's way.
- ``{"command": "open", "i": …, "due_ns": …}``: open one connection, which is due at that time; of a journey,
  begin one user.
- ``{"command": "close", "i": …}``: leave and close one connection; cut one user.
- ``{"command": "follow", "at_ns": …}``: connections come and go by open and close alone.
- ``{"command": "pace", "rate": …}``: each joined connection pushes at that rate a second by itself.
- ``{"command": "start", "at_ns": …}``: start the schedule of pushes.
- ``{"command": "storm", "at_ns": …}``: the server is disturbed then; time how the connections return.
- ``{"command": "resize", "connections": …, "at_ns": …}``: hold so many connections in the whole run.
- ``{"command": "step", "at_ns": …, "load": …, "duration_s": …, "parts": …}``: a step of a search for a limit.
- ``{"command": "stop"}``: stop gracefully, send the last line, and leave.
- ``{"command": "abort"}``: the same, at once.

It writes to stdout: ``{"type": "hello"}`` when the plan is read, ``{"type": "stats"}`` once a second with
what was counted since the last one, ``{"type": "ready"}`` when each connection of the share has ended its
first attempt, ``{"type": "scheduled"}`` when the schedule has ended, ``{"type": "topics"}`` at the end with
what was published and received, some topics a line, and ``{"type": "final"}`` with what is left and the
totals. A step of a search writes ``{"type": "part"}`` with what was counted before it, one more at the end
of each of its parts, ``{"type": "scheduled"}``, and ``{"type": "stepped"}`` when nothing is in flight. A
journey's stats lines also have its steps and checks; what does not fit at the end comes in lines
``{"type": "steps"}``, and ``{"type": "failed", "why": …}`` says that the run has no sense. Times are
CLOCK_MONOTONIC in nanoseconds, which all processes of a machine share.
At the end of stdin it leaves at once: whoever started it is gone. It ignores SIGINT: its parent decides.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import orjson

from fastphx.load.plan.plan import Plan
from fastphx.load.plan.share import Share
from fastphx.load.result.line import MAX_LINE_BYTES
from fastphx.load.scenarios import scenario_class
from fastphx.load.worker.left_running import end_tasks, leave_threads
from fastphx.load.worker.output import Output, take_stdout
from fastphx.load.worker.runner import Runner
from fastphx.operating_system.event_loop import run_on_uvloop
from fastphx.operating_system.memory import rss_bytes

if TYPE_CHECKING:
    from fastphx.load.worker.journey_runner import JourneyRunner


async def _next_line(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next line, or None at the end of the stream."""
    raw = await stream.readline()
    return orjson.loads(raw) if raw else None


async def work() -> None:
    """Speak the protocol on stdin and stdout until told to stop."""
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    stdin, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    stdout, _ = await loop.connect_write_pipe(asyncio.Protocol, take_stdout())
    try:
        await _obey(commands, Output(stdout))
    finally:
        stdin.close()
        stdout.close()


async def _obey(commands: asyncio.StreamReader, output: Output) -> None:
    """Read the plan, then do what each command says, until one says stop or abort."""
    first = await _next_line(commands)
    if first is None:
        return
    runner = _runner(Plan.from_mapping(first["plan"]), Share(**first["share"]), output, first.get("shared"))
    output.write({"type": "hello", "pid": os.getpid(), "rss_bytes": rss_bytes()})
    runner.loop_lag.start()
    tasks: set[asyncio.Task[None]] = set()
    stopping: asyncio.Task[None] | None = None
    reading = asyncio.create_task(_next_line(commands))
    while True:
        watched: set[asyncio.Future[None]] = {runner.crashed, *tasks}
        waited: set[asyncio.Future[Any]] = {reading, *watched}
        await asyncio.wait(waited if stopping is None else {*waited, stopping}, return_when="FIRST_COMPLETED")
        for future in watched:
            if future.done():
                future.result()
        if stopping is not None and stopping.done():
            stopping.result()
            break
        if not reading.done():
            continue
        command = reading.result()
        if command is None:
            # Whoever started this process is gone.
            os._exit(0)
        reading = asyncio.create_task(_next_line(commands))
        match command:
            case {"command": "connect", "at_ns": int(at_ns)}:
                runner.connect(at_ns)
                tasks.add(asyncio.create_task(runner.report(at_ns)))
            case {"command": "open", "i": int(i), "due_ns": int(due_ns)}:
                runner.open(i, due_ns)
            case {"command": "close", "i": int(i)}:
                runner.close(i)
            case {"command": "follow", "at_ns": int(at_ns)}:
                runner.follow()
                tasks.add(asyncio.create_task(runner.report(at_ns)))
            case {"command": "pace", "rate": int(rate) | float(rate)}:
                runner.pace(rate)
            case {"command": "start", "at_ns": int(at_ns)}:
                runner.start(at_ns)
            case {"command": "storm", "at_ns": int(at_ns)}:
                runner.storm(at_ns)
            case {"command": "resize", "connections": int(connections), "at_ns": int(at_ns)}:
                runner.resize(connections, at_ns)
            case {
                "command": "step",
                "at_ns": int(at_ns),
                "load": int(load) | float(load),
                "duration_s": int(duration_s) | float(duration_s),
                "parts": int(parts),
            }:
                runner.step(at_ns, load, duration_s, parts)
            case {"command": "stop"} if stopping is None:
                stopping = asyncio.create_task(runner.stop())
            case {"command": "abort"}:
                break
    for task in tasks:
        task.cancel()
    if stopping is None or not stopping.done():
        await runner.abort()
    reading.cancel()
    for line in runner.last_lines():
        output.write(line)
        await output.flushed()
    await end_tasks()


def _runner(plan: Plan, share: Share, output: Output, shared: Any) -> Runner | JourneyRunner:
    """What runs the share: journeys have their own, and import the client for it."""
    if not scenario_class(plan.scenario).is_journey:
        return Runner(plan, share, output.write)
    from fastphx.load.worker.journey_runner import JourneyRunner

    # What happens to a client under load is counted; only what the script's own callables raise is told.
    logging.getLogger("fastphx.client").addFilter(lambda record: record.exc_info is not None)
    return JourneyRunner(plan, share, output.write, shared)


def main() -> None:
    """The process: ``python -m fastphx.load.worker``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Objects made until now live as long as the process: the collector need not look at them again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    run_on_uvloop(work())
    leave_threads()
