"""The sums of journeys under every fault that the embedded server can do, and a server that stalls."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from pathlib import Path

from fastphx.load.worker.journey_runner import JourneyRunner
from fastphx.testing import Server, ServerProcess
from tests.load.journeys.conftest import Run
from tests.load.journeys.running import run_journey

CHAT = """
class Chatter(User):
    async def run(self):
        async with self.socket(reconnect=self.number % 3 == 0) as socket:
            room = await socket.join("room:lobby", timeout=0.2)
            said = room.cast("new_msg", {"n": self.number})
            for n in range(3):
                reply = await room.push("echo", {"n": n}, timeout=0.2)
                self.check("echoed", reply.response == {"n": n})
            await room.wait_for("new_msg", lambda m: m.payload["n"] == self.number, since=said, timeout=0.2)
"""


async def test_sums_hold_whatever_the_server_does(run: Run, server: Server) -> None:
    ends = ("visits_ok", "visits_failed", "disconnects", "connect_errors", "join_errors", "lost_timeout")

    async def do_wrong(runner: JourneyRunner) -> None:
        faults, counts = server.faults, runner.meter.counts
        async with asyncio.timeout(30):
            for turn in itertools.count():
                faults.clear()
                match turn % 6:
                    case 0 if all(counts[name] for name in ends):
                        return
                    case 0:
                        server.cut(5)
                    case 1:
                        faults.truncate_frames = 10
                    case 2:
                        faults.drop_replies = 10
                    case 3:
                        faults.refuse_connects = 503
                    case 4:
                        faults.refuse_joins = {"reason": "full"}
                    case 5:
                        server.crash_channels("room:lobby")
                await asyncio.sleep(0.05)

    ran = await run(CHAT, users=20, iterations=0, graceful_stop="100ms", during=do_wrong)
    totals = ran.totals
    # A fault of the server's is none of the script's.
    assert "script" not in ran.reasons
    assert sum(ran.reasons["visit"].values()) == totals["visits_failed"]


async def test_visits_that_are_due_while_the_server_stands_still_show_it(tmp_path: Path) -> None:
    with ServerProcess() as server:

        async def stall(_: JourneyRunner) -> None:
            await asyncio.sleep(0.5)
            os.kill(server.pid, signal.SIGSTOP)
            await asyncio.sleep(2)
            os.kill(server.pid, signal.SIGCONT)
            await asyncio.sleep(0.5)

        ran = await run_journey(
            tmp_path,
            "from fastphx.load import User\n" + CHAT.replace("timeout=0.2", "timeout=10"),
            server.url,
            arrivals="50/s",
            graceful_stop="10s",
            during=stall,
        )
    ran.check_sums()
    # The schedule went on: about 25 visits a second were due while nothing was answered.
    assert ran.totals["visits"] >= 100
    for name in ("visit", "visit_uncorrected"):
        assert ran.histograms[name].percentile_ns(99) >= 1.5e9
        assert ran.histograms[name].percentile_ns(10) < 1.5e9
