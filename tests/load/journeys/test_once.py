"""What a journey's file does once a run, in a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fastphx.errors import FastphxError
from fastphx.load.control import coordinator, once_process
from fastphx.load.control.coordinator import Coordinator
from fastphx.load.control.once_process import run_once
from fastphx.load.control.progress import QuietProgress
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.scenarios import scenario_of

VISITOR = """
class Visitor(User):
    async def run(self):
        pass
"""


def plan_of(folder: Path, script: str) -> Plan:
    file = folder / "shop.py"
    file.write_text(f"import asyncio, sys, threading, time\nfrom fastphx.load import User\n{script}{VISITOR}")
    return Plan.from_mapping(
        {"scenario": str(file), "url": "http://127.0.0.1:1", "users": 1, "duration": "50ms"}
    )


LEFT = """
async def deaf():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
async def before(run):
    asyncio.create_task(deaf())
    threading.Thread(target=time.sleep, args=(60,)).start()
    await asyncio.sleep(0)
    return "prepared"
"""


async def test_what_before_leaves_running_does_not_hold_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(once_process.TIMEOUTS_S, "before", 20.0)
    assert await run_once(plan_of(tmp_path, LEFT), "before", None, print) == "prepared"


FAILURES = {
    "return {'room': object()}": "what it returns is no JSON: Type is not JSON serializable: object",
    "sys.exit(0)": "SystemExit at shop.py:4: 0",
    "assert run is None, 'nobody'": "assertion at shop.py:4: nobody",
    "await asyncio.sleep(60)": "did not end within 2s",
}


@pytest.mark.parametrize(("does", "told"), FAILURES.items())
async def test_a_before_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, told: str
) -> None:
    monkeypatch.setitem(once_process.TIMEOUTS_S, "before", 2.0 if "sleep" in does else 20.0)
    plan = plan_of(tmp_path, f"async def before(run):\n    {does}\n")
    with pytest.raises(FastphxError, match="the scenario's before") as raised:
        await run_once(plan, "before", None, print)
    assert told in str(raised.value)


@pytest.mark.parametrize("name", ["before", "after"])
def test_what_is_no_coroutine_function_is_refused_before_the_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlanError, match=rf"{name} is no coroutine function: write async def {name}\(run\)"):
        scenario_of(plan_of(tmp_path, f"def {name}(run):\n    return 1\n"))


@pytest.mark.parametrize("hanging", ["before", "after"])
async def test_an_interrupt_ends_what_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hanging: str
) -> None:
    plan = plan_of(tmp_path, "async def before(run): pass\nasync def after(run): pass\n")
    ran: list[str] = []

    async def hangs(plan: Plan, what: str, shared: Any, on_output: Any) -> None:
        ran.append(what)
        if what == hanging:
            running.interrupt()
            await asyncio.sleep(60)

    monkeypatch.setattr(coordinator, "run_once", hangs)
    running = Coordinator(plan, QuietProgress())
    async with asyncio.timeout(30):
        result = await running.run()
    assert ran == (["before"] if hanging == "before" else ["before", "after"])
    assert result.interrupted
