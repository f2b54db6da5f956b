"""The process in which a journey's ``before`` or ``after`` runs, apart from the coordinator's clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Literal

import orjson

from fastphx.errors import FastphxError
from fastphx.load.control.module_process import start_module
from fastphx.load.control.worker_process import OutputLines, why_it_died
from fastphx.load.plan.plan import Plan

What = Literal["before", "after"]
ONCE = "fastphx.load.worker.once"
"""The module that the process runs."""
TIMEOUTS_S: dict[What, float] = {"before": 60.0, "after": 30.0}


def question_of(plan: Plan, what: What, shared: Any) -> dict[str, Any]:
    """What the process is told to do."""
    return {"plan": plan.to_mapping(), "what": what, "shared": shared}


def too_late(what: What) -> str:
    """Why it has failed, if its time was over."""
    return f"the scenario's {what}() did not end within {TIMEOUTS_S[what]:g}s"


def value_of(what: What, raw: bytes, why_it_died: str) -> Any:
    """What the function has returned, from the process's only line. Raises FastphxError if it failed."""
    if not raw:
        raise FastphxError(f"the scenario's {what}() {why_it_died}")
    line = orjson.loads(raw)
    if line["type"] == "failed":
        raise FastphxError(f"the scenario's {what}() failed: {line['why']}")
    return line["value"]


async def run_once(plan: Plan, what: What, shared: Any, on_output: Callable[[str], object]) -> Any:
    """Call the file's function in a process of its own, and return what it returns. *on_output* gets what it
    prints, line by line. Raises FastphxError if it fails, or takes longer than TIMEOUTS_S allows."""
    process = await start_module(ONCE, what=f"the scenario's {what}()")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    output = OutputLines(on_output)
    reading = asyncio.create_task(output.read(process.stderr))
    timeout_s = TIMEOUTS_S[what]
    try:
        async with asyncio.timeout(timeout_s):
            question = question_of(plan, what, shared)
            process.stdin.write(orjson.dumps(question, option=orjson.OPT_APPEND_NEWLINE))
            raw = await process.stdout.readline()
            await process.wait()
            await reading
    except TimeoutError:
        raise FastphxError(too_late(what)) from None
    finally:
        reading.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        process.stdin.close()
    return value_of(what, raw, why_it_died(process.returncode, output.last))
