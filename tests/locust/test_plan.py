"""What a locustfile may say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from fastphx.load.locust.plan import user_plan
from fastphx.load.plan.error import PlanError

URL = "ws://127.0.0.1:4000/socket"
JOURNEY = """\
from fastphx.load import User


class Buyer(User):
    async def run(self):
        pass
"""


def test_the_rate_is_one_of_each_socket() -> None:
    plan = user_plan({"scenario": "echo", "topic": "room:{i % 100}", "rate": 0.5}, URL)
    assert plan.rate_of_socket == 0.5
    assert plan.plan.url == URL


@pytest.mark.parametrize(
    ("mapping", "rate"),
    [
        ({}, 1.0),
        ({"scenario": "fanout", "publishers": 3}, 1.0),
        ({"scenario": "idle"}, 0.0),
        ({"scenario": "listen"}, 0.0),
        ({"think_time": "2s"}, 0.0),
        ({"rate": "30/m"}, 0.5),
        ({"warm_up": "60s"}, 1.0),
    ],
)
def test_scenarios_that_push_do_it_once_a_second(mapping: dict[str, object], rate: float) -> None:
    assert user_plan(mapping, URL).rate_of_socket == rate


@pytest.mark.parametrize(
    ("mapping", "host", "words"),
    [
        ({}, None, "host"),
        ({}, "ftp://localhost", "ws://"),
        ({"connections": 5}, URL, "users are the sockets"),
        ({"duration": "5s"}, URL, "run time"),
        ({"max_cpu": 0.5}, URL, "not judged here"),
        ({"scenario": "churn"}, URL, "by itself"),
        ({"scenario": "storm"}, URL, "by itself"),
        ({"scenario": "tsunami"}, URL, "not known"),
        ({"rate": "1/s:10s,2/s:10s"}, URL, "LoadTestShape"),
        ({"rate": 1, "think_time": 1}, URL, "think time"),
        ({"poisson": True}, URL, "poisson is not part of a Locust user's plan"),
        ({"find_limit": "rate"}, URL, "see LoadTestShape"),
        ({"limit-precision": "5%"}, URL, "limit-precision is not part of a Locust user's plan"),
        ({"recover": "5s"}, URL, "recover is not part"),
        ({"step_max": "5s"}, URL, "step_max is not part"),
        ({"server_pid": 5}, URL, "watch it beside the run"),
        ({"server_metrics": "http://127.0.0.1/metrics"}, URL, "server_metrics is not part"),
        ({"server-metric": "vm_memory"}, URL, "server-metric is not part"),
        ({"colour": "red"}, URL, "not part of a plan"),
        ({5: "red"}, URL, "'5' of the plan is not a text"),
        ({"payload": {"at": object()}}, URL, "payload: it cannot be written as JSON"),
        ({"scenario": "fanout", "publishers": 0}, URL, "publishers is 0: give 1 or more"),
        ("echo", URL, "the plan is a str"),
        (None, URL, "the plan is a NoneType"),
    ],
)
def test_what_is_not_a_users_plan_is_refused_in_one_sentence(
    mapping: Any, host: str | None, words: str
) -> None:
    with pytest.raises(PlanError) as caught:
        user_plan(mapping, host)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (
            {"arrivals": 50},
            "the visits of a user follow each other here",
        ),
        ({"users": 5}, "their number is Locust's"),
        ({"iterations": 5}, "a user visits until Locust stops it"),
        ({"data-unique": True}, "a user has the row of its number"),
        ({"rate": 5}, "a journey has no rate of pushes"),
        ({"topic": "hall"}, "--topic is not of journeys"),
    ],
)
def test_what_is_not_of_a_journey_is_refused(tmp_path: Path, mapping: dict[str, object], words: str) -> None:
    script = tmp_path / "shop.py"
    script.write_text(JOURNEY)
    with pytest.raises(PlanError) as caught:
        user_plan({"scenario": str(script), **mapping}, "http://127.0.0.1:4000")
    assert words in str(caught.value)


def test_a_scenarios_file_is_looked_into_by_another_process(tmp_path: Path) -> None:
    script, hooks = tmp_path / "looked_into.py", tmp_path / "hooks.py"
    script.write_text(JOURNEY + "\nasync def after(run):\n    pass\n")
    hooks.write_text("class Scenario:\n    pass\n")
    plan = user_plan({"scenario": str(script), "pause": 1}, "http://127.0.0.1:4000")
    assert (plan.file.is_journey, plan.file.before, plan.file.after) == (True, False, True)
    assert not user_plan({"scenario": str(hooks)}, URL).file.is_journey
    with pytest.raises(PlanError, match=r"ftp://127\.0\.0\.1 is not"):
        user_plan({"scenario": str(hooks)}, "ftp://127.0.0.1")
    script.write_text("1 / 0\n")
    with pytest.raises(PlanError, match=r"fails at line 1 \(ZeroDivisionError"):
        user_plan({"scenario": str(script)}, "http://127.0.0.1:4000")
    script.write_text("import os\nos._exit(3)\n")
    with pytest.raises(PlanError, match=r"the process that looks into .* left with code 3"):
        user_plan({"scenario": str(script)}, "http://127.0.0.1:4000")
    assert "fastphx_script_looked_into" not in sys.modules
