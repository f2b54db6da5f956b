"""`examples/load`: each journey loads a server that speaks as its own would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import picows

from fastphx.load import Result, run
from fastphx.load.plan.plan_keys import PlanKeys
from fastphx.testing import demo_server
from tests.examples.live_shop_app import live_shop_app
from tests.examples.shop_app import ShopApp
from tests.examples.test_absinthe import AbsintheSocket
from tests.load.journeys.web import Web
from tests.load.processes import load
from tests.pytest_process import run_pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "load"
PATIENT: PlanKeys = {"max_schedule_lag": "30s", "max_loop_lag": "30s", "max_cpu": "100%", "workers": 1}


def check(result: Result) -> None:
    """All went well, and the sums hold."""
    assert (result.exit_code, result.sentences) == (0, [])
    assert result.checks
    assert {name: check.failed for name, check in result.checks.items() if check.failed} == {}
    visits = result.visits
    assert visits["begun"] == visits["ok"] + visits["cut"] > 0
    for step in result.steps.values():
        assert step.attempts == step.ok + step.cut, step.name


def test_the_chat_runs_without_a_server_of_ones_own(tmp_path: Path) -> None:
    ran = load(tmp_path, str(EXAMPLES / "chat.py"), "--users", "6", "--iterations", "1", "--workers", "1")
    assert ran.code == 0, ran.err
    assert ran.result is not None
    assert ran.result["visits"]["ok"] == 6
    # Two of three talk, and say three things each.
    assert ran.result["steps"]["wait new_msg"]["ok"] == 12
    assert {name: found["rate"] for name, found in ran.result["checks"].items()} == {
        "echoed": 1.0,
        "every message has words": 1.0,
    }
    steps = ran.result["steps"].values()
    assert sum(row["steps_ok"] for row in ran.result["series"]) == sum(step["ok"] for step in steps)


async def test_the_game_is_played_on_its_clock() -> None:
    async with demo_server() as server:
        result = await run(EXAMPLES / "game.py", url=server.url, users=4, iterations=1, **PATIENT)
    check(result)
    assert result.steps["move"].ok == result.visits["ticks"] == 120
    assert result.checks["saw its own moves"].passed == 4


async def test_the_shop_knows_its_buyers_on_the_socket() -> None:
    app = ShopApp()
    async with Web(app.routes) as server:
        result = await run(EXAMPLES / "shop.py", url=server.url, users=3, iterations=2, **PATIENT)
    check(result)
    assert result.checks["paid by the buyer"].passed == 6
    assert (app.pushed["whoami"], app.refused) == (6, 0)


async def test_absinthe_sends_each_comment_back() -> None:
    opened: list[AbsintheSocket] = []

    class Socket(AbsintheSocket):
        """Publishes each comment to its own user's subscription, before the mutation is answered."""

        sockets = opened

        def answer(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
            if event == "doc" and payload["query"].startswith("mutation"):
                body = payload["variables"]["body"]
                self.publish("somebody else's", self.subscription_id)
                self.publish(body, self.subscription_id)
                return {"data": {"addComment": {"body": body}}}
            response = super().answer(event, payload)
            self.subscription_id = response.get("subscriptionId", "")
            return response

    server = await picows.ws_create_server(lambda request: Socket(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        result = await run(EXAMPLES / "absinthe.py", url=url, users=2, iterations=3, **PATIENT)
    finally:
        server.close()
    check(result)
    assert result.steps["comment added"].ok == len(opened) == 6
    assert all(len(socket.ended) == 1 for socket in opened)


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_bytes((EXAMPLES / "chat.py").read_bytes())
    code = (EXAMPLES / "test_chat.py").read_text()
    # What this machine is slow at is no matter here.
    patient = f'duration="1s", **{PATIENT}'
    code = code.replace('duration="2s"', patient).replace("p95<250ms", "p95<60s")
    assert patient in code
    (tmp_path / "test_chat.py").write_text(code)
    ended = run_pytest(tmp_path, "-W", "ignore", "test_chat.py")
    assert ended.returncode == 0, ended.stdout + ended.stderr


async def test_the_live_shop_is_clicked_through() -> None:
    async with live_shop_app() as app:
        result = await run(EXAMPLES / "live_shop.py", url=app.url, users=5, iterations=1, **PATIENT)
    check(result)
    steps = result.steps
    assert steps["mount /stream"].ok == steps["submit #form"].ok == steps["submit #login"].ok == 3
    assert steps["event inc"].ok == 10
    assert steps["diff"].ok == 3
    assert result.checks["is a member"].passed == 3
