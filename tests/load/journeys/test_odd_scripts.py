"""What scripts do that nobody meant them to: the run ends, its sums hold, and a sentence says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.journeys.conftest import Run

WAITS_FOR_NOTHING = {
    "visits": "self.check('it', True)",
    "visits that fail": "self.fail('at once')",
    "a clock": "async for _ in self.every(1e-9): pass",
}


@pytest.mark.parametrize("does", WAITS_FOR_NOTHING.values(), ids=WAITS_FOR_NOTHING)
async def test_what_waits_for_nothing_lets_the_run_end(run: Run, does: str) -> None:
    ran = await run(
        f"""
class Visitor(User):
    async def run(self):
        {does}
""",
        users=2,
        iterations=0,
        duration="200ms",
    )
    assert ran.totals["visits"] >= 2


FAULTS = {
    "SystemExit at shop.py:9: 3": "sys.exit(3)",
    "KeyboardInterrupt at shop.py:9: ": "raise KeyboardInterrupt",
    "Unspeakable at shop.py:9: it cannot be shown": "raise Unspeakable",
    f"KeyError at shop.py:9: '{'x' * 199}…": "raise KeyError('x' * 10_000_000)",
    "ValueError at shop.py:9: the name of a step or a check is empty": "self.check('', True)",
    "ValueError at shop.py:9: the name 'xxxx": "self.check('x' * 201, True)",
    "EncodingError at shop.py:11: the payload of 'echo' is not JSON": """async with self.socket() as socket:
            room = await socket.join("room:lobby")
            await room.push("echo", {"body": object()})""",
    "FileNotFoundError at shop.py:9: [Errno 2]": "open('/nowhere/at/all')",
    "KeyError at shop.py:11: 'in a group'": """async with asyncio.TaskGroup() as group:
            async def fails():
                raise KeyError('in a group')
            group.create_task(fails())
            await asyncio.sleep(60)""",
}


@pytest.mark.parametrize(("told", "does"), FAULTS.items(), ids=[name[:40] for name in FAULTS])
async def test_whatever_ends_a_first_visit_ends_the_run_in_a_sentence(run: Run, told: str, does: str) -> None:
    ran = await run(f"""
import asyncio, sys
class Unspeakable(Exception):
    def __str__(self):
        raise ValueError
class Visitor(User):
    async def run(self):
        {does}
""")
    (failure,) = ran.failures
    assert failure.startswith(f"the first visit of Visitor fails: {told}")
    assert len(failure) < 400
    assert ran.totals["visits_failed"] == 1


@pytest.mark.parametrize("of", ["arrivals", "users"])
async def test_a_user_that_cannot_be_made_fails_its_visit(run: Run, of: str) -> None:
    given = {"arrivals": "100/s", "duration": "50ms"} if of == "arrivals" else {}
    ran = await run(
        """
class Visitor(User):
    def __init__(self, name):
        pass
    async def run(self):
        pass
""",
        **given,
    )
    assert "TypeError" in ran.failures[0]
    assert ran.totals["visits_failed"] >= 1


async def test_a_group_of_tasks_fails_with_what_one_of_them_says(run: Run) -> None:
    ran = await run(
        """
import asyncio
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            async with self.step("all"):
                async with asyncio.TaskGroup() as group:
                    group.create_task(room.push("echo", {}))
                    group.create_task(self.gives_up() if self.number else room.push("slow", {}, timeout=0.05))
    async def gives_up(self):
        self.fail("why not")
""",
        iterations=2,
    )
    assert ran.failures == []
    assert ran.reasons["visit"] == {"push slow: timeout": 1, "why not": 1}
    assert ran.steps["all"]["reasons"] == {"timeout": 1, "why not": 1}


async def test_a_loop_over_a_clock_that_is_kept_leaves_no_tick_behind(run: Run) -> None:
    ran = await run("""
import asyncio
class Visitor(User):
    async def run(self):
        clock = self.every(0.01, times=3)
        async for number in clock:
            break
        await asyncio.sleep(0.05)
        async with self.step("after a break"):
            pass
        try:
            async for _ in self.every(1):
                raise ValueError
        except ValueError as error:
            kept = error
        await asyncio.sleep(0.05)
        async with self.step("after an error"):
            pass
        self.check("goes on", [each async for each in clock] == [1, 2])
""")
    for name, longest_ns in ran.longest_ns().items():
        assert longest_ns < 40_000_000, name
    assert ran.checks == {"goes on": [1, 0]}


PREDICATES = {
    "fail": ("self.fail('no such message')", {"no such message": 1}),
    "StopIteration": ("next(iter(()))", {"script: RuntimeError at shop.py:9": 1}),
}


@pytest.mark.parametrize("of", PREDICATES)
async def test_what_a_predicate_raises_is_raised_where_it_is_waited(run: Run, of: str) -> None:
    does, told = PREDICATES[of]
    ran = await run(f"""
import asyncio
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            asyncio.get_running_loop().call_later(0.01, room.cast, "new_msg", {{}})
            await room.wait_for("new_msg", lambda message: {does})
""")
    assert ran.reasons["visit"] == told
    assert ran.totals["closed"] == 1


async def test_a_wait_whose_timeout_is_none_leaves_nothing_behind(run: Run) -> None:
    ran = await run("""
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            try:
                await room.wait_for("never", timeout=float("nan"))
            except ValueError:
                pass
            self.check("nobody waits", not room.unread._waits)
""")
    assert ran.checks == {"nobody waits": [1, 0]}


async def test_a_task_that_does_not_end_with_its_visit_is_named(run: Run) -> None:
    ran = await run("""
import asyncio
async def goes_on():
    for _ in range(2):
        try:
            await asyncio.sleep(1.5)
        except asyncio.CancelledError:
            pass
class Visitor(User):
    async def run(self):
        self.task = asyncio.create_task(goes_on())
        await asyncio.sleep(0)
""")
    assert ran.reasons["stop"] == {"Visitor at shop.py:7 goes on though it was cancelled, and was cut": 1}


async def test_what_a_task_raises_that_nobody_awaits_is_the_scripts_fault(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = await run(
        """
import asyncio
async def fails():
    raise KeyError("unseen")
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            asyncio.create_task(fails())
            asyncio.create_task(room.push("error", {}, timeout=0.01))
            await asyncio.sleep(0.05)
""",
        iterations=2,
    )
    assert ran.reasons["script"] == {"KeyError at shop.py:5": 2}
    assert sum(ran.steps["push error"]["reasons"].values()) == 2
    shown = capfd.readouterr().err
    assert shown.count("KeyError: 'unseen'") == 1
    assert "never retrieved" not in shown


async def test_a_stop_has_its_second_and_what_the_user_kept_is_closed(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = await run(
        """
import asyncio
class Visitor(User):
    async def start(self):
        self.kept = await self.socket()
    async def run(self):
        await self.think(60)
    async def stop(self):
        await asyncio.sleep(0.1)
        print("it has had its time")
        await asyncio.sleep(60)
""",
        iterations=0,
        duration="100ms",
        graceful_stop="10ms",
    )
    assert capfd.readouterr().out == "it has had its time\n"
    assert ran.totals["closed"] == 1
    assert "stop" not in ran.reasons


async def test_a_row_is_given_back_when_its_user_has_stopped(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.csv"
    data.write_text("name\nonly\n")
    ran = await run(
        """
import asyncio
class Visitor(User):
    async def run(self):
        pass
    async def stop(self):
        print("stops")
        await asyncio.sleep(0.3)
""",
        users=2,
        iterations=1,
        ramp="200ms",
        data=str(data),
        data_unique=True,
    )
    assert capfd.readouterr().out == "stops\n"
    assert ran.totals["rows_run_out"] == 1
