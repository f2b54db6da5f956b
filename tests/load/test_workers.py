"""How many workers a plan gets when it does not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastphx.load.control.workers import MOST_FOR_FILES, workers_for
from fastphx.load.plan.plan import Plan

from .processes import load

URL = "ws://127.0.0.1:4000/socket"
FILES = 20_000


def count(mapping: dict[str, object], cores: int = 8) -> int:
    return workers_for(Plan.from_mapping({"url": URL, **mapping}), cores, FILES).count


@pytest.mark.parametrize(
    ("mapping", "workers"),
    [
        ({}, 1),
        ({"connections": 500, "rate": 2000}, 1),
        ({"connections": 500, "rate": 15_000}, 1),
        ({"connections": 500, "rate": 40_000}, 3),
        ({"connections": 500, "rate": "100/s:1s,40000/s:1s"}, 3),
        ({"connections": 500, "rate": 1_000_000}, 8),
        ({"connections": 2, "rate": 1_000_000}, 2),
        ({"connections": 20_000, "think_time": "1s"}, 2),
        ({"scenario": "fanout", "connections": 1001, "rate": 100}, 1),
        ({"scenario": "fanout", "connections": 1001, "rate": 500}, 5),
        ({"scenario": "fanout", "connections": 1001, "rate": 500, "topics": 100}, 1),
        ({"scenario": "idle", "connections": 19_000}, 1),
        ({"scenario": "idle", "connections": 19_000, "connect_rate": 2500}, 2),
        ({"scenario": "idle", "connections": 19_000, "connect_rate": 2500, "ramp": "60s"}, 1),
        ({"scenario": "churn"}, 1),
        ({"scenario": "churn", "rate": 2500}, 2),
        ({"scenario": "storm", "connections": 5000, "storm_command": "true"}, 4),
        ({"scenario": "listen", "connections": 1000}, 1),
        ({"workers": 3, "rate": 1}, 3),
        ({"workers": 3, "connections": 2}, 2),
    ],
)
def test_more_than_one_only_where_one_would_be_filled(mapping: dict[str, object], workers: int) -> None:
    assert count(mapping) == workers


def test_a_scenario_of_your_own_has_one_a_core(tmp_path: Path) -> None:
    script = tmp_path / "own.py"
    script.write_text("class Scenario: pass\n")
    assert count({"scenario": str(script), "connections": 1000}) == 8


def test_the_embedded_server_has_a_core_of_its_own() -> None:
    plan = Plan.from_mapping({"rate": 1_000_000})
    assert [workers_for(plan, cores, FILES).count for cores in (1, 2, 4)] == [1, 1, 3]


def test_a_worker_that_may_open_too_few_files_is_not_alone() -> None:
    assert count({"scenario": "idle", "connections": 20_001}, cores=1) == 2
    assert count({"scenario": "idle", "connections": 90_000}, cores=2) == 5
    assert count({"scenario": "idle", "connections": 10_000_000}) == MOST_FOR_FILES


@pytest.mark.parametrize(
    ("mapping", "line"),
    [
        ({"rate": 2000}, "1 worker (2,000 pushes/s need about 6 % of a core)"),
        (
            {"scenario": "fanout", "connections": 1001},
            "1 worker (10,000 deliveries/s need about 4 % of a core)",
        ),
        (
            {"scenario": "listen", "connections": 10},
            "1 worker (10 connections/s need less than 1 % of a core)",
        ),
        ({"scenario": "idle", "connections": 30_000}, "2 workers (a process may hold 20,000 sockets)"),
        ({"workers": 2}, "2 workers"),
    ],
)
def test_it_says_how_many_and_why(mapping: dict[str, object], line: str) -> None:
    assert str(workers_for(Plan.from_mapping({"url": URL, **mapping}), 4, FILES)) == line


def test_a_run_says_it_first(tmp_path: Path) -> None:
    run = load(tmp_path, "-c", "2", "--rate", "10", "--duration", "300ms")
    assert run.code == 0, run.err
    assert "starting 1 worker (10 pushes/s need less than 1 % of a core)" in run.out
