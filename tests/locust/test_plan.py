"""What a locustfile may say."""

from __future__ import annotations

from typing import Any

import pytest

from fastphx.load.locust.plan import rate_of_socket, socket_plan
from fastphx.load.plan.error import PlanError

URL = "ws://127.0.0.1:4000/socket"


def test_the_rate_is_one_of_each_socket() -> None:
    plan = socket_plan({"scenario": "echo", "topic": "room:{i % 100}", "rate": 0.5}, URL)
    assert rate_of_socket(plan) == 0.5
    assert plan.url == URL


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
    assert rate_of_socket(socket_plan(mapping, URL)) == rate


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
        socket_plan(mapping, host)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
