"""A load run as a call of a program, and as a test."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

import fastphx.load
from fastphx.load import Plan, PlanError, Result, User, run, run_sync
from fastphx.load.library.run import plan_of
from fastphx.load.plan.plan_keys import PlanKeys
from fastphx.load.plan.units import RateStep
from fastphx.load.scenarios.script_file import shadowed_names
from fastphx.testing import demo_server
from tests.pytest_process import run_pytest

from .processes import children_of, command_of
from .test_imports import modules_after

LIMIT_S = 60.0
PATIENT: PlanKeys = {"max_schedule_lag": "30s", "max_loop_lag": "30s", "max_cpu": "100%"}
SHOP = """
from fastphx.load import User

class Buyer(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            reply = await room.push("echo", {"body": "hi"})
            self.check("echoed", reply.response == {"body": "hi"})
"""
TESTS = """
PATIENT = dict(max_schedule_lag="30s", max_loop_lag="30s", max_cpu="100%")

def test_shop(phoenix_load):
    seen = phoenix_load(
        "shop.py", url=URL, users=1, iterations=2, **PATIENT, check=False, threshold="visits.ok>2"
    )
    assert (seen.exit_code, seen.steps["push echo"].ok) == (99, 2)
    phoenix_load(
        "shop.py",
        url=URL, users=1, iterations=2, **PATIENT,
        threshold=['step["push echo"].p95<1ns', 'check["echoed"].rate>99%'],
    )
"""


class Phases:
    """A progress that says when a run has reached a phase, and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.changed = asyncio.Event()

    def phase(self, text: str, lasts_s: float | None = None) -> None:
        self.told.append(text)
        self.changed.set()

    def row(self, row: dict[str, Any], result: Result) -> None:
        self.told.append(f"{row['t']}s")

    def output(self, text: str) -> None:
        self.told.append(text)

    def close(self) -> None:
        self.told.append("closed")

    async def reached(self, text: str) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not any(told.startswith(text) for told in self.told):
                self.changed.clear()
                await self.changed.wait()


def own_processes() -> list[str]:
    return [command for pid in children_of(os.getpid()) if "fastphx" in (command := command_of(pid))]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.py"
    path.write_text(SHOP)
    return path


async def test_a_run_is_awaited_and_says_nothing(shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    async with demo_server() as server:
        result = await run(
            shop,
            url=server.url,
            arrivals="40/s",
            duration="500ms",
            threshold='check["echoed"].rate>99%',
            **PATIENT,
        )
    assert (result.exit_code, result.outcome, result.sentences) == (0, "ok", [])
    push = result.steps["push echo"]
    assert (push.attempts, push.ok, push.errors, push.cut, push.reasons) == (20, 20, 0, 0, {})
    assert 0 < push.p50_s <= push.p99_s <= push.max_s
    assert (result.checks["echoed"].passed, result.checks["echoed"].rate) == (20, 1.0)
    assert result.to_mapping()["thresholds"][0]["ok"]
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert own_processes() == []
    assert capfd.readouterr() == ("", "")


async def test_a_plan_of_ones_own_runs_and_its_progress_is_told(shop: Path) -> None:
    phases = Phases()
    plan = Plan(
        scenario=str(shop),
        arrivals=(RateStep(20.0, 0.2), RateStep(40.0, 0.1)),
        max_schedule_lag_s=30.0,
        max_loop_lag_s=30.0,
        max_cpu=1.0,
    )
    assert plan.duration_s == pytest.approx(0.3)
    assert Plan.from_mapping(plan.to_mapping()) == plan
    result = await run(plan, progress=phases)
    assert (result.exit_code, result.visits["ok"]) == (0, 8)
    assert phases.told[0] == "starting the embedded server"
    assert phases.told[-1] == "closed"


@pytest.mark.parametrize(
    ("phase", "times"), [("starting the embedded server", 1), ("starting 1 worker", 2), ("running", 1)]
)
async def test_cancelling_ends_the_run_and_all_its_processes(shop: Path, phase: str, times: int) -> None:
    phases = Phases()
    running = asyncio.create_task(run(shop, users=2, duration="60s", workers=1, progress=phases))
    await phases.reached(phase)
    async with asyncio.timeout(LIMIT_S):
        while not own_processes():  # noqa: ASYNC110 - nothing tells that a process was started
            await asyncio.sleep(0.001)
    for _ in range(50):
        # Its pipes are connected, and its first line is waited for.
        await asyncio.sleep(0)
    for _ in range(times):
        running.cancel()
        await asyncio.sleep(0)
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert own_processes() == []
    assert phases.told[-1] == "closed" or phase.endswith("server")


def test_a_program_without_a_loop_runs_it_too(capfd: pytest.CaptureFixture[str]) -> None:
    result = run_sync(connections=2, rate="100/s", duration="200ms", progress=True, **PATIENT)
    assert result.exit_code == 0, result.sentences
    assert result.totals["replies"] == 20
    assert "running echo for 0.2s" in capfd.readouterr().out


async def test_a_program_with_a_loop_is_told_to_await() -> None:
    with pytest.raises(RuntimeError, match=r"await run\(\)"):
        run_sync(connections=2)


class Buyer(User):
    async def run(self) -> None:
        pass


def test_what_cannot_be_run_is_said_in_a_sentence(shop: Path) -> None:
    with pytest.raises(TypeError, match=r"the class Buyer cannot be run: the workers are processes"):
        run_sync(Buyer)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a Plan is whole: give users in it"):
        run_sync(Plan(), users=3)
    with pytest.raises(PlanError, match="url="):
        run_sync("http://127.0.0.1:4000")
    with pytest.raises(PlanError, match=r"shop\.py' and scenario= say what to run"):
        run_sync("shop.py", scenario="echo")
    with pytest.raises(PlanError, match=r"nothing\.py' cannot be read"):
        run_sync("nothing.py")
    with pytest.raises(PlanError, match="'userz' is not part of a plan"):
        run_sync(shop, userz=3)  # type: ignore[call-arg]


def test_a_plan_file_and_keywords_make_a_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('scenario = "shop.py"\nusers = 3\n')
    plan = plan_of(tmp_path / "plan.toml", {"users": 5, "data": tmp_path / "rows.csv"})
    assert plan.scenario == str(tmp_path / "shop.py")
    assert (plan.users, plan.data) == (5, str(tmp_path / "rows.csv"))
    assert plan_of(None, {}) == Plan()


def test_a_script_in_the_programs_own_folder_can_import_what_is_beside_it(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop.parent / "beside_the_shop.py").touch()
    monkeypatch.chdir(shop.parent)
    monkeypatch.syspath_prepend("")
    assert shadowed_names("shop.py") == []


def test_the_public_names_are_those_of_the_stub_and_say_what_they_are() -> None:
    stub = Path(fastphx.load.__file__).with_suffix(".pyi").read_text()
    assert sorted(re.findall(r"import \w+ as (\w+)", stub)) == fastphx.load.__all__
    assert all(getattr(fastphx.load, name).__doc__ for name in fastphx.load.__all__)


def test_every_key_of_a_plan_is_a_keyword() -> None:
    assert PlanKeys.__annotations__.keys() == set(Plan.keys())


def test_a_test_fails_with_why(shop: Path) -> None:
    with demo_server() as server:
        (shop.parent / "test_shop.py").write_text(f"URL = {server.url!r}\n{TESTS}")
        ended = run_pytest(shop.parent, "test_shop.py")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    message = [line.removeprefix("E").strip() for line in ended.stdout.splitlines() if line.startswith("E ")]
    assert message[0] == "Failed: fastphx load shop.py: thresholds_failed (exit code 99)"
    assert message[2].startswith('threshold step["push echo"].p95<1ns failed: it is ')
    assert message[3] == 'threshold check["echoed"].rate>99% held: it is 100%'
    rows = [line.split()[:4] for line in message]
    assert any(row[:3] == ["push", "echo", "2"] for row in rows)
    assert ["echoed", "2", "0", "100"] in rows
    # The line of the test is shown, and none of the library's.
    assert any(line.startswith(">") and "phoenix_load(" in line for line in ended.stdout.splitlines())
    assert "pytest_plugin.py" not in ended.stdout


def test_pytest_starts_without_what_a_load_run_needs() -> None:
    modules = modules_after("import fastphx.load.library.pytest_plugin")
    assert not {
        name for name in modules if name.startswith(("fastphx.load.plan", "fastphx.load.result", "orjson"))
    }
