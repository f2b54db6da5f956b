"""The end of a run: what visits wait for ends at once, and what does not end is cut."""

from __future__ import annotations

import asyncio

import pytest

from fastphx.load.worker import journey_runner
from tests.load.journeys.conftest import Run
from tests.load.journeys.running import Ran


async def run_until(run: Run, script: str, *, graceful_stop: str, users: int = 1) -> Ran:
    """Run the *script*, and stop when so many *users* have said ``self.shared.release()``: they are there."""
    there = asyncio.Semaphore(0)

    async def during(_: object) -> None:
        async with asyncio.timeout(10):
            for _ in range(users):
                await there.acquire()

    return await run(
        script, shared=there, during=during, users=users, iterations=0, graceful_stop=graceful_stop
    )


async def test_thinking_clocks_and_waits_end_at_once(run: Run) -> None:
    ran = await run_until(
        run,
        """
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            if self.number == 0:
                self.shared.release()
                await self.think(600)
                self.run_data.put("thought", 1)
            elif self.number == 1:
                async for n in self.every(600):
                    self.shared.release()
            else:
                self.shared.release()
                await room.wait_for("never", timeout=600)
            await room.push("echo", {})
""",
        users=3,
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
async def test_a_loop_of_waiting_does_not_go_on_for_ever(run: Run, does: str) -> None:
    ran = await run_until(
        run,
        f"""
class Visitor(User):
    async def run(self):
        socket = await self.socket()
        room = await socket.join("room:lobby")
        try:
            while True:
                self.shared.release()
                {does}
        except BaseException as error:
            self.check(f"ended by {{type(error).__name__}}", True)
            raise
        finally:
            await socket.close()
            self.check("counted to the end", True)
""",
        graceful_stop="30s",
    )
    assert ran.totals["visits_cut"] == 1
    # And not by the cancelling that would come after the graceful stop.
    assert ran.checks == {"ended by VisitStopped": [1, 0], "counted to the end": [1, 0]}


async def test_what_does_not_end_is_cancelled_once_and_may_clean_up(run: Run) -> None:
    ran = await run_until(
        run,
        """
import asyncio
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            try:
                self.shared.release()
                await room.push("noreply", timeout=600)
            finally:
                await asyncio.sleep(0.01)
    async def stop(self):
        self.check("cleaned up", True)
""",
        graceful_stop="10ms",
    )
    assert ran.totals["visits_cut"] == 1
    assert ran.steps["push noreply"] == {"attempts": 1, "cut": 1}
    assert ran.totals["lost_at_stop"] == 1
    assert ran.checks == {"cleaned up": [1, 0]}
    assert ran.reasons == {}


async def test_a_script_that_swallows_its_cancelling_is_named_and_cut(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journey_runner, "FINALLY_S", 0.05)
    ran = await run_until(
        run,
        """
import asyncio
class Visitor(User):
    async def run(self):
        socket = await self.socket()
        self.shared.release()
        for _ in range(3):
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                pass
""",
        graceful_stop="10ms",
    )
    assert ran.totals["visits_cut"] == 1
    assert ran.reasons["stop"] == {"Visitor at shop.py:10 goes on though it was cancelled, and was cut": 1}
    assert ran.totals["closed"] == 1


async def test_a_visit_that_ends_while_the_run_stops_is_a_whole_one(run: Run) -> None:
    ran = await run_until(
        run,
        """
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            self.shared.release()
            await room.push("slow", {"ms": 200})
""",
        graceful_stop="30s",
    )
    assert ran.totals["visits_ok"] == 1
    assert ran.steps["push slow"]["ok"] == 1
    assert ran.histograms["visit"].count == 1
