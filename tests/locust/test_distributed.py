"""A Locust master and two workers as processes of this machine, against ``fastphx serve``."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.load.processes import is_alive, kill, serve
from tests.locust.cluster import locusts, server_stats, wait_until, worker_processes

USERS = 200


def test_the_masters_csv_agrees_exactly_with_the_servers_counters(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url) as cluster:
        cluster.follow(USERS)
        processes = cluster.start_cluster("--html", "r.html")
        wait_until(lambda: server_stats(url)["joins"] == USERS, "not all joined")
        wait_until(lambda: server_stats(url)["pushes"] > USERS, "not all push")
        children = [pid for process in processes for pid in worker_processes(process)]
        assert len(children) == 2
        cluster.follow(0)
        assert cluster.codes() == [0, 0, 0], cluster.logs()
        stats = server_stats(url)
        rows = cluster.rows()
        assert cluster.failures() == {}
        assert int(rows["connect"]["Request Count"]) == stats["connections"] == USERS
        assert int(rows["join"]["Request Count"]) == stats["joins"] == USERS
        assert int(rows["push echo"]["Request Count"]) == stats["pushes"] > USERS
        assert stats["connections_open"] == 0
        assert "push echo" in (tmp_path / "r.html").read_text()
        assert "not exact" not in cluster.logs()
        assert not any(is_alive(pid) for pid in children)


def test_a_killed_server_shows_as_failures(tmp_path: Path) -> None:
    with serve() as (server, url), locusts(tmp_path, url) as cluster:
        cluster.follow(USERS)
        cluster.start_cluster()
        wait_until(lambda: server_stats(url)["joins"] == USERS, "not all joined")
        kill(server)
        wait_until(lambda: cluster.rows().get("connect", {}).get("Failure Count", "0") != "0", "no failure")
        cluster.follow(0)
        master, *workers = cluster.codes()
        assert master == 1, cluster.logs()
        assert workers == [0, 0]
        rows, failures = cluster.rows(), cluster.failures()
        assert int(rows["disconnect"]["Failure Count"]) == USERS
        assert int(rows["connect"]["Failure Count"]) > 0
        refused = [name for name in failures if "refused" in name]
        assert refused, failures
        assert sum(failures.values()) == int(rows["Aggregated"]["Failure Count"])


def test_a_killed_worker_process_is_a_failure_of_its_worker_and_of_the_master(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url) as cluster:
        cluster.follow(USERS)
        processes = cluster.start_cluster()
        wait_until(lambda: server_stats(url)["joins"] == USERS, "not all joined")
        (child,) = worker_processes(processes[1])
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: "was killed by signal 9" in cluster.log_paths[0].read_text(), "it is not told")
        cluster.follow(0)
        assert cluster.codes() == [5, 5, 0], cluster.logs()
        assert int(cluster.rows()["worker process"]["Failure Count"]) == 1
        (failure,) = [name for name in cluster.failures() if name.startswith("worker process")]
        assert "was killed by signal 9" in failure
        assert "The counts of this run are not exact: a worker process of Room" in cluster.logs()
