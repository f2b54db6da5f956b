"""Visits: what they do, how they are counted, and how they end."""

from __future__ import annotations

import statistics
from itertools import pairwise
from pathlib import Path

import pytest

from fastphx.load.control.preflight import preflight
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.share import Share
from fastphx.load.plan.units import rate_steps
from fastphx.load.worker import journey_runner
from fastphx.load.worker.arrivals import arrivals
from fastphx.testing import Server
from tests.load.journeys.conftest import Run
from tests.load.journeys.running import run_journey

SHOP = """
class Buyer(User):
    async def run(self):
        async with self.socket("/socket", params={"token": "x"}) as socket:
            room = await socket.join("room:lobby")
            reply = await room.push("echo", {"body": "hi"})
            self.check("echoed", reply.response == {"body": "hi"})
            said = room.cast("new_msg", {"body": self.number})
            await room.wait_for("new_msg", lambda m: m.payload["body"] == self.number, timeout=5, since=said)
            async for _ in self.every(0.01, times=3):
                await room.push("echo", {"x": self.random.random()}, name="tick")
            await self.think(0.001, 0.002)
        async with self.step("checkout"):
            pass
"""


async def test_each_operation_is_a_step(run: Run) -> None:
    ran = await run(SHOP, users=2, iterations=3)
    assert {name: step["ok"] for name, step in ran.steps.items()} == {
        "connect /socket": 6,
        "join room": 6,
        "push echo": 6,
        "wait new_msg": 6,
        "tick": 18,
        "checkout": 6,
    }
    assert ran.checks == {"echoed": [6, 0]}
    assert ran.reasons == {}
    assert ran.totals["visits_ok"] == 6
    assert ran.totals["ticks"] == 18
    assert ran.totals["pushes"] == ran.totals["replies"] == 24
    assert ran.histograms["visit"].count == 6


async def test_arrivals_are_numbered_and_seeded_whatever_the_number_of_workers(
    tmp_path: Path, server: Server
) -> None:
    script = """
    from fastphx.load import User
    class A(User):
        weight = 2
        async def run(self):
            self.shared.append((self.number, "A", self.random.random(), self.row["name"]))
    class B(User):
        async def run(self):
            self.shared.append((self.number, "B", self.random.random(), self.row["name"]))
    """
    data = tmp_path / "names.csv"
    data.write_text("name\nann\nbob\ncat\ndan\n")
    seen = []
    for workers in (1, 3):
        visits: list[tuple[int, str, float, str]] = []
        for index in range(workers):
            ran = await run_journey(
                tmp_path,
                script,
                server.url,
                shared=visits,
                share=Share(index, workers),
                arrivals="300/s",
                duration="100ms",
                data=str(data),
                seed=7,
            )
            ran.check_sums()
        seen.append(sorted(visits))
    assert seen[0] == seen[1]
    assert [visit[0] for visit in seen[0]] == list(range(30))
    assert [visit[3] for visit in seen[0][:5]] == ["ann", "bob", "cat", "dan", "ann"]
    assert sum(visit[1] == "A" for visit in seen[0]) == 20


def test_arrivals_of_steps_and_a_ramp_are_due_where_the_rate_says() -> None:
    steps = rate_steps("100/s:10s,20/s:5s", None)
    due_s = [due_ns / 1e9 for _, due_ns in arrivals(steps, 0, Share())]
    assert len(due_s) == 1100
    assert due_s[0] == pytest.approx(0.005)
    assert due_s[-1] == pytest.approx(15 - 0.025)
    ramped_s = [due_ns / 1e9 for _, due_ns in arrivals(steps, 0, Share(), ramp_s=4.0)]
    # Over a ramp half of the visits are due, the more the later.
    assert sum(each < 4 for each in ramped_s) == 200
    assert sum(each < 2 for each in ramped_s) == 50
    assert len(ramped_s) == 900
    assert ramped_s == sorted(ramped_s)


def test_arrivals_at_exponential_gaps_are_those_of_the_seed_for_any_number_of_workers() -> None:
    steps = rate_steps("1000/s", "20s")
    whole = list(arrivals(steps, 0, Share(), seed=7))
    shared = sorted(each for index in range(3) for each in arrivals(steps, 0, Share(index, 3), seed=7))
    assert whole == shared
    gaps = [(b - a) / 1e6 for (_, a), (_, b) in pairwise(whole)]
    assert statistics.mean(gaps) == pytest.approx(1.0, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(1.0, rel=0.05)
    assert whole != list(arrivals(steps, 0, Share(), seed=8))


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ({"connections": 5}, "--connections is not of journeys"),
        ({"topic": "room:a"}, "--topic is not of journeys"),
        ({"rate": 5}, "no rate of pushes"),
        ({"poisson": True}, "--poisson is of arrivals"),
        ({"arrivals": 5, "pause": "1s"}, "iterations, pause and pace"),
        ({"pause": "1s", "pace": "1s"}, "either a pause or a pace"),
        ({"max_steps": 501}, "max-steps is 501"),
    ],
)
def test_what_is_not_of_journeys_is_refused(tmp_path: Path, plan: dict[str, object], why: str) -> None:
    script = tmp_path / "shop.py"
    script.write_text(f"from fastphx.load import User\n{SHOP}")
    with pytest.raises(PlanError, match=why):
        preflight(Plan.from_mapping({"scenario": str(script), **plan}))


def test_what_is_of_journeys_is_refused_elsewhere() -> None:
    with pytest.raises(PlanError, match="--users is of journeys"):
        preflight(Plan.from_mapping({"users": 5}))


async def test_a_failed_assertion_a_failed_step_and_a_fail_are_failed_visits(run: Run) -> None:
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        if self.number == 0:
            return
        if self.number == 1:
            assert self.number == 0, "not the first"
        if self.number == 2:
            try:
                self.fail("enough")
            except Exception:
                pass
        async with self.socket() as socket:
            await socket.join("room:denied")
""",
        users=4,
    )
    assert ran.totals["visits_ok"] == 1
    assert ran.reasons["visit"] == {
        "assertion at shop.py:8: not the first": 1,
        "enough": 1,
        "join room: refused: denied": 1,
    }
    assert ran.steps["join room"]["reasons"] == {"refused: denied": 1}
    assert ran.failures == []


async def test_an_error_that_the_script_catches_is_counted_and_the_visit_goes_on(run: Run) -> None:
    ran = await run("""
from fastphx import PushError
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            try:
                await room.push("echo_error", {})
            except PushError:
                pass
            reply = await room.push("echo_error", {}, check=False, name="may fail")
            assert reply.status == "error"
""")
    assert ran.totals["visits_ok"] == 1
    assert sum(ran.steps["push echo_error"]["reasons"].values()) == 1
    assert ran.steps["may fail"]["ok"] == 1
    assert ran.totals["error_replies"] == 2


async def test_the_scripts_own_fault_is_told_with_its_line(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        if self.number >= 2:
            {}["missing"]
""",
        users=2,
        iterations=3,
    )
    assert ran.totals["visits_ok"] == 2
    assert ran.totals["visits_failed"] == 4
    assert ran.reasons["script"] == {"KeyError at shop.py:6": 4}
    assert ran.failures == []
    told = capsys.readouterr().err
    assert told.count("Traceback") <= 1
    assert told.count('{}["missing"]') == 1
    assert "journey_runner" not in told


async def test_a_first_visit_that_fails_by_the_scripts_fault_ends_the_run(run: Run) -> None:
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        await self.think(0)
        self.nothing
""",
        users=1,
        iterations=100,
    )
    assert len(ran.failures) == 1
    assert ran.failures[0].startswith("the first visit of Visitor fails: AttributeError at shop.py:6")


async def test_names_of_steps_are_bounded(run: Run) -> None:
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        for n in range(20):
            async with self.step(f"step {n}"):
                pass
""",
        max_steps=10,
    )
    assert len(ran.steps) == 10
    (failure,) = ran.failures
    assert failure.startswith("shop.py:6 makes more than 10 names of steps ('step 10' is the next)")


async def test_what_a_visit_leaves_open_ends_with_it(run: Run) -> None:
    ran = await run(
        """
import asyncio
class Visitor(User):
    async def forever(self):
        try:
            await asyncio.Event().wait()
        finally:
            self.run_data.put("ended", self.number)
    async def run(self):
        if self.number:
            assert self.run_data.take("ended") == 0
            return
        asyncio.create_task(self.forever())
        socket = await self.socket()
        await socket.join("room:lobby")
""",
        iterations=2,
    )
    assert ran.totals["visits_ok"] == 2
    assert ran.reasons == {"left open": {"Visitor ended with sockets that were not closed": 1}}


async def test_a_user_keeps_what_it_opened_at_its_start(run: Run) -> None:
    ran = await run(
        """
class Visitor(User):
    async def start(self):
        self.socket_ = await self.socket()
        self.room = await self.socket_.join("room:lobby")
    async def run(self):
        await self.room.push("echo", {})
    async def stop(self):
        await self.room.push("echo", {}, name="bye")
""",
        users=2,
        iterations=3,
    )
    assert ran.totals["connections"] == 2
    assert ran.steps["push echo"]["ok"] == 6
    assert ran.steps["bye"]["ok"] == 2
    assert "left open" not in ran.reasons


async def test_a_user_whose_start_fails_has_failed_a_visit_and_starts_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journey_runner, "RETRY_S", 0.01)
    ran = await run(
        """
class Visitor(User):
    async def start(self):
        self.opened = await self.socket("/nothing" if self.number == 0 else "/socket")
    async def run(self):
        self.check("started", True)
""",
        iterations=2,
    )
    assert ran.totals["visits_failed"] == 1
    assert ran.checks == {"started": [1, 0]}
    assert ran.totals["connect_errors"] == 1


async def test_rows_of_their_own_run_out(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "names.csv"
    data.write_text("name\nann\nbob\n")
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        self.check(self.row["name"], True)
        await self.think(60)
""",
        arrivals="100/s",
        duration="50ms",
        data=str(data),
        data_unique=True,
    )
    assert ran.checks == {"ann": [1, 0], "bob": [1, 0]}
    assert ran.totals["rows_run_out"] == ran.totals["unsent"] == 3
    assert ran.totals["visits_cut"] == 2


async def test_no_more_users_than_allowed_are_there_at_once(run: Run) -> None:
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        await self.think(60)
""",
        arrivals="200/s",
        duration="50ms",
        users=4,
    )
    assert ran.totals["visits"] == 4
    assert ran.totals["unsent"] == 6


async def test_visits_that_this_machine_has_not_come_to_are_unsent(run: Run) -> None:
    ran = await run(
        """
import time
class Visitor(User):
    async def run(self):
        # A script that blocks its worker is what keeps the next visits from beginning.
        time.sleep(0.002)
""",
        arrivals="20000/s",
        duration="100ms",
    )
    assert ran.totals["arrivals"] == 2000
    assert ran.totals["unsent"] >= 1000
