"""Journeys as ``fastphx load`` runs them: several workers, Ctrl-C, a worker that dies, before and after."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from tests.load.processes import children_of, command_of, end, kill, start_load, wait_for_line

CHAT = """
import asyncio
from fastphx.load import User

async def before(run):
    async with run.socket() as socket:
        room = await socket.join("room:hall")
        reply = await room.push("echo", {"room": "room:made"})
    return reply.response

async def after(run):
    print("after", run.shared["room"])

async def deaf():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

class Chatter(User):
    async def run(self):
        if self.number == 0:
            asyncio.create_task(deaf())
        async with self.socket("/socket") as socket:
            room = await socket.join(self.shared["room"])
            for n in range(3):
                reply = await room.push("slow", {"ms": 50})
                self.check("answered", reply.status == "ok")
"""


def start_chat(folder: Path, *arguments: str) -> Any:
    script = folder / "chat.py"
    script.write_text(CHAT)
    return start_load(str(script), "--users", "8", "--json", str(folder / "result.json"), *arguments)


def check_sums(result: dict[str, Any]) -> None:
    """What holds in every run, whatever became of it."""
    visits, totals = result["visits"], result["totals"]
    assert visits["due"] == visits["begun"] + visits["unsent"]
    assert visits["begun"] == visits["ok"] + visits["failed"] + visits["cut"]
    assert totals["pushes"] == totals["replies"] + totals["error_replies"] + totals["lost"]
    assert totals["connections"] == totals["disconnects"] + totals["closed"]
    assert totals["connect_attempts"] == totals["connections"] + totals["connect_errors"]
    for name, step in result["steps"].items():
        assert step["attempts"] == step["ok"] + step["errors"] + step["cut"], name
        assert step["latency"]["count"] == step["ok"], name


def test_workers_share_what_was_prepared_and_the_visits(tmp_path: Path) -> None:
    ended = end(start_chat(tmp_path, "--workers", "2", "--iterations", "2"), tmp_path / "result.json")
    assert ended.code == 0, ended.err
    assert ended.result is not None
    check_sums(ended.result)
    assert ended.result["schema"] == "fastphx.load/2"
    assert ended.result["visits"]["ok"] == 16
    assert ended.result["steps"]["push slow"]["ok"] == 48
    assert ended.result["checks"]["answered"] == {"passed": 48, "failed": 0, "rate": 1.0}
    assert "after room:made" in ended.out
    # What does not end with its visit, and then not with the run, holds neither.
    assert "goes on though it was cancelled" in str(ended.result["reasons"]["stop"])


def test_ctrl_c_ends_the_visits_and_still_cleans_up(tmp_path: Path) -> None:
    run = start_chat(tmp_path, "--duration", "60s")
    wait_for_line(run, "8 visiting")
    kill(run, signal.SIGINT)
    ended = end(run, tmp_path / "result.json")
    assert ended.code == 130
    assert ended.result is not None
    check_sums(ended.result)
    assert "after room:made" in ended.out


def test_the_visits_of_a_worker_that_dies_are_cut(tmp_path: Path) -> None:
    run = start_chat(tmp_path, "--duration", "60s", "--workers", "2")
    wait_for_line(run, "8 visiting")
    workers = [pid for pid in children_of(run.pid) if "fastphx.load.worker" in command_of(pid)]
    os.kill(workers[0], signal.SIGKILL)
    ended = end(run, tmp_path / "result.json")
    assert ended.code == 5
    assert "was killed by signal 9" in ended.err
    assert ended.result is not None
    check_sums(ended.result)
    assert ended.result["visits"]["cut"] >= 4
    assert "after room:made" in ended.out
