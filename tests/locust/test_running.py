"""Locust's own ways to run: several processes, shapes, stopping, fan-out, and plans that are not valid."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from tests.free_port import free_port
from tests.load.processes import children_of, is_alive, serve
from tests.locust.cluster import (
    ask_page,
    locusts,
    server_stats,
    wait_until,
    worker_processes,
)

FANOUT = """\
from fastphx.load.locust import PhoenixUser


class Fan(PhoenixUser):
    plan = {"scenario": "fanout", "publishers": 2, "topics": 2, "rate": 5}
"""

HELD = """\
from fastphx.load.locust import PhoenixUser


class Held(PhoenixUser):
    plan = {"scenario": "idle", "topic": "room:{i}"}
"""

WRONG = """\
from fastphx.load.locust import PhoenixUser


class Room(PhoenixUser):
    plan = {"scenario": "tsunami"}
"""

SLOW = """\
from fastphx.load.locust import PhoenixUser


class Slow(PhoenixUser):
    plan = {"topic": "room:{i}", "event": "slow", "payload": {"ms": 1500}, "rate": 2}
"""

ONE_PROCESS = ("--headless", "--only-summary")


def test_publishers_of_one_worker_reach_subscribers_of_all(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url, locustfile=FANOUT) as cluster:
        cluster.start_cluster("-u", "20", "-r", "100", "-t", "3s")
        assert cluster.codes() == [0, 0, 0], cluster.logs()
        rows, stats = cluster.rows(), server_stats(url)
        assert cluster.failures() == {}
        assert int(rows["cast msg"]["Request Count"]) == stats["pushes"] > 0
        own = stats["deliveries"] - int(rows["deliver msg"]["Request Count"])
        # Two publishers with a topic each also get their own; eighteen subscribers are spread over both.
        assert own == stats["pushes"]
        assert float(rows["deliver msg"]["Average Response Time"]) > 0


def test_replies_that_come_after_the_end_are_waited_for(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url, locustfile=SLOW) as cluster:
        cluster.start_cluster("-u", "20", "-r", "100", "-t", "2s", workers=1)
        assert cluster.codes() == [0, 0], cluster.logs()
        rows, stats = cluster.rows(), server_stats(url)
        assert cluster.failures() == {}
        assert int(rows["push slow"]["Request Count"]) == stats["pushes"] == stats["replies"] > 0


def test_a_shape_moves_the_sockets_up_and_down_over_processes(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url, locustfile=HELD) as cluster:
        csv_prefix = str(tmp_path / "out")
        arguments = ("--processes", "2", "--host", url, "--csv", csv_prefix, "--stop-timeout", "3")
        cluster.follow(60)
        locust = cluster.start(*ONE_PROCESS, *arguments)
        for users in (60, 20, 80):
            cluster.follow(users)
            wait_until(lambda users=users: server_stats(url)["connections_open"] == users, f"never {users}")
        children = [grandchild for child in children_of(locust.pid) for grandchild in children_of(child)]
        cluster.follow(0)
        assert cluster.codes() == [0], cluster.logs()
        stats, rows = server_stats(url), cluster.rows()
        assert cluster.failures() == {}
        assert int(rows["join"]["Request Count"]) == stats["joins"] == 120
        assert stats["connections_open"] == 0
        assert not any(is_alive(pid) for pid in children)


def test_ctrl_c_drains_before_it_leaves(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url) as cluster:
        csv_prefix = str(tmp_path / "out")
        files = ("--csv", csv_prefix, "--html", "r.html")
        locust = cluster.start(*ONE_PROCESS, "-u", "50", "-r", "50", "--host", url, *files)
        wait_until(lambda: server_stats(url)["pushes"] > 50, "no pushes")
        locust.send_signal(signal.SIGINT)
        assert cluster.codes() == [0], cluster.logs()
        rows, stats = cluster.rows(), server_stats(url)
        assert int(rows["push echo"]["Request Count"]) == stats["pushes"]
        assert int(rows["join"]["Request Count"]) == stats["joins"] == 50
        report = re.sub(r"\s", "", (tmp_path / "r.html").read_text())
        assert f'"name":"pushecho","num_failures":0,"num_requests":{stats["pushes"]},' in report


def test_a_killed_locust_leaves_no_process_behind(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url) as cluster:
        locust = cluster.start(*ONE_PROCESS, "-u", "10", "-r", "10", "--host", url)
        wait_until(lambda: server_stats(url)["joins"] == 10, "not all joined")
        (child,) = worker_processes(locust)
        assert os.getsid(child) == child
        locust.kill()
        wait_until(lambda: not is_alive(child), "the worker process stays")


def test_a_killed_worker_fails_the_master(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url) as cluster:
        cluster.follow(40)
        processes = cluster.start_cluster()
        wait_until(lambda: server_stats(url)["joins"] == 40, "not all joined")
        processes[1].kill()
        wait_until(lambda: "went missing" in cluster.logs(), "it is not missed")
        cluster.follow(0)
        assert cluster.codes() == [5, -signal.SIGKILL, 0], cluster.logs()
        assert [name for name in cluster.failures() if "went missing" in name]
        assert "The counts of this run are not exact: worker" in cluster.logs()


def test_a_plan_that_is_not_valid_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    with locusts(tmp_path, "ws://127.0.0.1:1/socket", locustfile=WRONG) as cluster:
        cluster.start(*ONE_PROCESS, "-u", "1", "--host", cluster.url)
        # This one has no master to wait for.
        cluster.start("--worker", "--master-host", "127.0.0.1", "--master-port", str(free_port()))
        assert cluster.codes() == [2, 2]
        assert cluster.logs().count("Room: the scenario 'tsunami' is not known: there are echo") == 2
        assert "Traceback" not in cluster.logs()


def test_without_a_host_nothing_starts(tmp_path: Path) -> None:
    with locusts(tmp_path, "", locustfile=FANOUT) as cluster:
        cluster.start(*ONE_PROCESS, "-u", "1")
        assert cluster.codes() == [2]
        assert "Fan: the user has no host: give the socket's URL" in cluster.logs()
        assert "Ramping" not in cluster.logs()


def test_tags_leave_the_sockets_alone(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url) as cluster:
        locust = cluster.start(*ONE_PROCESS, "-u", "3", "-r", "3", "--host", url, "--tags", "slow")
        wait_until(lambda: server_stats(url)["joins"] == 3, "not all joined")
        locust.send_signal(signal.SIGINT)
        assert cluster.codes() == [0], cluster.logs()
        assert "no tasks" not in cluster.logs()


def test_a_host_that_is_not_valid_ends_the_test_and_not_the_cluster(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url) as cluster:
        port = cluster.start_cluster_with_page(workers=1)
        swarm(port, 6, "ftp://127.0.0.1")
        wait_until(lambda: state(port) == "stopped", "it goes on")
        (error, *_) = ask_page(port, "/stats/requests")["errors"]
        assert "Room: ftp://127.0.0.1 is not a WebSocket URL" in error["error"]
        swarm(port, 6, url)
        wait_until(lambda: server_stats(url)["joins"] == 6, "not all joined")
        ask_page(port, "/stop", {})
        wait_until(lambda: failed_rows(port) == [], "a failure")


def test_a_worker_that_went_missing_fails_one_test_and_not_the_next(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url, locustfile=FANOUT) as cluster:
        port = cluster.start_cluster_with_page()
        swarm(port, 8, url)
        wait_until(lambda: server_stats(url)["pushes"] > 0, "nobody publishes")
        cluster.processes[1].kill()
        wait_until(lambda: failed_rows(port) == ["worker process"], "no failure")
        ask_page(port, "/stop", {})
        before = server_stats(url)
        swarm(port, 8, url)
        wait_until(lambda: server_stats(url)["joins"] == before["joins"] + 8, "not all joined")
        # The first worker that is left has the publishers.
        wait_until(lambda: server_stats(url)["pushes"] > before["pushes"], "nobody publishes")
        ask_page(port, "/stop", {})
        wait_until(lambda: failed_rows(port) == [], "a failure")
        for process in cluster.processes:
            process.terminate()
        assert cluster.codes() == [5, -signal.SIGKILL, 0], cluster.logs()


def swarm(port: int, users: int, host: str) -> None:
    ask_page(port, "/swarm", {"user_count": users, "spawn_rate": users, "host": host})


def state(port: int) -> str:
    return str(ask_page(port, "/stats/requests")["state"])


def failed_rows(port: int) -> list[str]:
    """As the page has them, which Locust computes anew every two seconds."""
    return [row["name"] for row in ask_page(port, "/stats/requests")["stats"][:-1] if row["num_failures"]]
