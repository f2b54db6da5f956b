"""The end of a run: what visits wait for ends at once, and what does not end is cut."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from fastphx.load.worker import journey_runner
from tests.load.journeys.conftest import Run


async def until(path: Path) -> None:
    """Wait until the script has written a file."""
    async with asyncio.timeout(10):
        while not os.path.exists(path):  # noqa: ASYNC110, ASYNC240 - a script of another task writes it
            await asyncio.sleep(0.005)


async def test_thinking_clocks_and_waits_end_at_once(run: Run, tmp_path: Path) -> None:
    there = [tmp_path / name for name in ("thinks", "ticks", "waits")]

    async def during(_: object) -> None:
        for each in there:
            await until(each)

    ran = await run(
        f"""
from pathlib import Path
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            if self.number == 0:
                Path({str(there[0])!r}).touch()
                await self.think(600)
                self.run_data.put("thought", 1)
            elif self.number == 1:
                async for n in self.every(600):
                    Path({str(there[1])!r}).touch()
            else:
                Path({str(there[2])!r}).touch()
                await room.wait_for("never", timeout=600)
            await room.push("echo", {{}})
""",
        users=3,
        iterations=0,
        during=during,
        graceful_stop="30s",
    )
    assert ran.totals["visits_cut"] == ran.totals["visits"] == 3
    assert ran.steps["wait never"] == {"attempts": 1, "cut": 1}
    # Those that went on after their wait pushed, and what is begun after the stop is not counted as a step.
    assert "push echo" not in ran.steps
    assert ran.totals["replies"] == 2
    assert ran.reasons == {}


LOOPS = {
    "thinking": "await self.think(600)",
    "a clock": "async for _ in self.every(600): pass",
    "a clock that is late": "async for _ in self.every(1e-9): pass",
    "a room": "async for _ in room: pass",
}


@pytest.mark.parametrize("does", LOOPS.values(), ids=LOOPS)
async def test_a_loop_of_waiting_does_not_go_on_for_ever(run: Run, tmp_path: Path, does: str) -> None:
    there = tmp_path / "there"
    ran = await run(
        f"""
from pathlib import Path
class Visitor(User):
    async def run(self):
        socket = await self.socket()
        room = await socket.join("room:lobby")
        try:
            while True:
                Path({str(there)!r}).touch()
                {does}
        finally:
            await socket.close()
            self.check("counted to the end", True)
""",
        iterations=0,
        during=lambda _: until(there),
        graceful_stop="30s",
    )
    assert ran.totals["visits_cut"] == 1
    assert ran.checks == {"counted to the end": [1, 0]}


async def test_what_does_not_end_is_cancelled_once_and_may_clean_up(run: Run, tmp_path: Path) -> None:
    there, cleaned = tmp_path / "there", tmp_path / "cleaned"
    ran = await run(
        f"""
import asyncio
from pathlib import Path
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            try:
                Path({str(there)!r}).touch()
                await room.push("noreply", timeout=600)
            finally:
                await asyncio.sleep(0.01)
    async def stop(self):
        Path({str(cleaned)!r}).touch()
""",
        iterations=0,
        during=lambda _: until(there),
        graceful_stop="10ms",
    )
    assert ran.totals["visits_cut"] == 1
    assert ran.steps["push noreply"] == {"attempts": 1, "cut": 1}
    assert ran.totals["lost_at_stop"] == 1
    assert cleaned.exists()
    assert ran.reasons == {}


async def test_a_script_that_swallows_its_cancelling_is_named_and_cut(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journey_runner, "FINALLY_S", 0.05)
    there = tmp_path / "there"
    ran = await run(
        f"""
import asyncio
from pathlib import Path
class Visitor(User):
    async def run(self):
        socket = await self.socket()
        Path({str(there)!r}).touch()
        for _ in range(3):
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                pass
""",
        iterations=0,
        during=lambda _: until(there),
        graceful_stop="10ms",
    )
    assert ran.totals["visits_cut"] == 1
    assert ran.reasons["stop"] == {"Visitor at shop.py:11 goes on though it was cancelled, and was cut": 1}
    assert ran.totals["closed"] == 1


async def test_a_visit_that_ends_while_the_run_stops_is_a_whole_one(run: Run, tmp_path: Path) -> None:
    there = tmp_path / "there"
    ran = await run(
        f"""
from pathlib import Path
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            Path({str(there)!r}).touch()
            await room.push("slow", {{"ms": 200}})
""",
        iterations=0,
        during=lambda _: until(there),
        graceful_stop="30s",
    )
    assert ran.totals["visits_ok"] == 1
    assert ran.steps["push slow"]["ok"] == 1
    assert ran.histograms["visit"].count == 1
