"""Users that are opened and closed one by one, as Locust does it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from fastphx.load.worker.journey_runner import VISITS_APART, JourneyRunner
from fastphx.testing import Server
from tests.load.journeys.conftest import Run

VISITOR = """
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            with open({numbers!r}, "a") as file:
                file.write(f"{{self.number}}\\n")
            await room.push("slow", {{"ms": 50}})
            await self.think(0.05)
            await room.push("echo", {{}})
"""


async def test_each_visit_has_a_number_of_its_own_and_each_step_is_counted(
    run: Run, server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "numbers"
    path.touch()

    def visits_of(user: int) -> list[int]:
        numbers = [int(line) for line in path.read_text().split()]
        return [number // VISITS_APART for number in numbers if number % VISITS_APART == user]

    async def visited(user: int, times: int) -> None:
        async with asyncio.timeout(20):
            while len(visits_of(user)) < times:  # noqa: ASYNC110 - a script writes the file
                await asyncio.sleep(0.005)

    async def during(runner: JourneyRunner) -> None:
        now_ns = time.monotonic_ns()
        runner.open(0, now_ns)
        runner.open(7, now_ns)
        runner.open(9, now_ns + 600 * 10**9)
        await visited(0, 2)
        runner.close(0)
        runner.open(0, now_ns)
        await visited(0, 4)
        await visited(7, 2)

    ran = await run(
        VISITOR.format(numbers=str(path)), follows=True, during=during, iterations=0, graceful_stop="600s"
    )
    assert visits_of(0) == list(range(len(visits_of(0))))
    assert visits_of(7) == list(range(len(visits_of(7))))
    assert visits_of(9) == []
    # Only who was closed has not ended: at the stop visits go on to their end, and what they do is counted.
    assert ran.totals["visits_cut"] <= 1
    pushes = [ran.steps[name]["attempts"] for name in ("push slow", "push echo")]
    assert sum(pushes) == ran.totals["pushes"] == server.stats["pushes"]


async def test_who_rests_between_two_visits_ends_at_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "numbers"

    async def during(runner: JourneyRunner) -> None:
        runner.open(0, time.monotonic_ns())
        async with asyncio.timeout(20):
            while runner.meter.counts["visits_ok"] < 1:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.005)

    ran = await run(
        VISITOR.format(numbers=str(path)),
        follows=True,
        during=during,
        iterations=0,
        graceful_stop="600s",
        pause="600s",
    )
    assert ran.totals["visits"] == ran.totals["visits_ok"] == 1
