"""The process in which a journey's ``before`` or ``after`` runs, apart from the coordinator's clock."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Any, Literal

import orjson

from fastphx.errors import FastphxError
from fastphx.load.control.worker_process import OutputLines, why_it_died
from fastphx.load.plan.plan import Plan
from fastphx.load.result.line import MAX_LINE_BYTES

TIMEOUTS_S = {"before": 60.0, "after": 30.0}


async def run_once(
    plan: Plan, what: Literal["before", "after"], shared: Any, on_output: Callable[[str], object]
) -> Any:
    """Call the file's function in a process of its own, and return what it returns. *on_output* gets what it
    prints, line by line. Raises FastphxError where it fails, or takes longer than TIMEOUTS_S allows."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fastphx.load.worker.once",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    output = OutputLines(process.stderr, on_output)
    reading = asyncio.create_task(output.read())
    timeout_s = TIMEOUTS_S[what]
    try:
        async with asyncio.timeout(timeout_s):
            asked = {"plan": plan.to_mapping(), "what": what, "shared": shared}
            process.stdin.write(orjson.dumps(asked, option=orjson.OPT_APPEND_NEWLINE))
            raw = await process.stdout.readline()
            await process.wait()
            await reading
    except TimeoutError:
        raise FastphxError(f"the scenario's {what}() did not end within {timeout_s:g}s") from None
    finally:
        reading.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        process.stdin.close()
    if not raw:
        raise FastphxError(f"the scenario's {what}() {why_it_died(process.returncode, output.last)}")
    line = orjson.loads(raw)
    if line["type"] == "failed":
        raise FastphxError(f"the scenario's {what}() failed: {line['why']}")
    return line["value"]
