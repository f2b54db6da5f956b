"""Whole runs of ``fastphx load``, as a user starts them."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from fastphx.testing.demo import demo_server
from tests.cli.command import sentence

from .processes import (
    Run,
    check_identities,
    children_of,
    command_of,
    end,
    is_alive,
    kill,
    load_process,
    serve,
    start,
    start_load,
    wait_for_line,
)

TOTALS = {
    "connections",
    "connect_errors",
    "disconnects",
    "joins",
    "join_errors",
    "pushes",
    "replies",
    "error_replies",
    "deliveries",
    "expected_deliveries",
    "lost",
    "late",
    "unexpected",
    "decode_errors",
    "alive_at_end",
}
FIGURES = {"count", "mean", "min", "p50", "p90", "p95", "p99", "p999", "max"}


def assert_one_sentence(run: Run) -> None:
    assert len(run.err.strip().splitlines()) == 1, run.err


def test_no_url_loads_the_embedded_server_and_shows_a_table(tmp_path: Path) -> None:
    run = load_process(tmp_path, "--connections", "20", "--rate", "2000", "--duration", "1s")
    assert run.code == 0, run.err
    for word in (
        "connections",
        "joins",
        "pushes",
        "replies",
        "errors",
        "lost",
        "RTT",
        "p99.9",
        "CPU a message",
    ):
        assert word in run.out
    result = run.result
    assert result is not None
    assert result["schema"] == "fastphx.load/2"
    assert result["outcome"] == "ok"
    assert result["totals"].keys() >= TOTALS
    assert result["latency"]["rtt"].keys() == FIGURES
    assert result["client"].keys() >= {
        "cpu_s",
        "cpu_s_per_message",
        "rss_bytes",
        "rss_bytes_per_connection",
        "schedule_lag_p99_s",
    }
    check_identities(run.totals)
    assert run.totals["pushes"] == run.totals["replies"] == 2000
    assert run.totals["alive_at_end"] == run.totals["connections"] == 20
    assert result["latency"]["rtt"]["count"] == 2000
    assert sum(row["pushes"] for row in result["series"]) == 2000
    assert 0 < result["latency"]["rtt_uncorrected"]["min"] <= result["latency"]["rtt"]["p50"] < 1


def test_many_sockets_in_one_topic_of_a_given_server(tmp_path: Path) -> None:
    with serve() as (_, url):
        run = load_process(
            tmp_path,
            url,
            "--topic",
            "room:lobby",
            "-c",
            "100",
            "--rate",
            "3000",
            "--duration",
            "1s",
            "--workers",
            "2",
        )
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["pushes"] == run.totals["replies"] == 3000
    assert run.totals["joins"] == 100
    assert run.result is not None
    assert run.result["client"]["workers"] == 2


def test_steps_of_the_rate_follow_each_other(tmp_path: Path) -> None:
    run = load_process(tmp_path, "-c", "5", "--rate", "100/s:500ms,600/s:500ms")
    assert run.code == 0, run.err
    assert run.totals["pushes"] == 50 + 300


def test_a_port_where_nobody_listens_is_exit_3_and_one_sentence(tmp_path: Path) -> None:
    run = load_process(tmp_path, "ws://127.0.0.1:1/socket", "--connections", "5", "--quiet")
    assert run.code == 3
    assert_one_sentence(run)
    assert "not one of 5 connections succeeded" in run.err
    assert run.err.endswith("was refused; `fastphx doctor ws://127.0.0.1:1/socket` says what is in the way\n")
    assert run.out == ""
    assert run.totals["connect_errors"] >= 5


def test_a_topic_that_nobody_may_join_is_exit_5_and_one_sentence(tmp_path: Path) -> None:
    run = load_process(tmp_path, "--topic", "room:denied", "-c", "3", "--duration", "1s", "--quiet")
    assert run.code == 5
    assert_one_sentence(run)
    assert "could join: refused: 'denied'" in run.err
    check_identities(run.totals)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ftp://127.0.0.1:4000/socket",), "ws://"),
        (("ws://127.0.0.1:4000/socket?token=SECRET",), "--param"),
        (("--connections", "0"), "connections"),
        (("--connections", "many"), "many"),
        (("--connections", "1000000", "--workers", "1"), "ulimit -n"),
        (("--rate", "fast"), "rate"),
        (("--rate", "10/s:5s", "--duration", "9s"), "duration"),
        (("--duration", "0s"), "duration"),
        (("--warm-up", "10s"), "warm-up"),
        (("--topic", "room:{t}"), "{t}"),
        (("--topic", ""), "topic"),
        (("--payload", "{"), "payload"),
        (("--scenario", "nothing"), "scenario"),
        (("--header", "X-A"), "header"),
        (("--param", "=x"), "parameter"),
        (("--json", "no/such/folder/f.json"), "folder"),
        (("--html", "/proc/f.html"), "--html: /proc/f.html cannot be written"),
        (("--event", "\udcff"), "event: '\\udcff' is not UTF-8"),
        (("--nonsense",), "nonsense"),
    ],
)
def test_bad_usage_is_exit_2_and_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    code, _, err = sentence("load", *arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert words in err
    assert "SECRET" not in err


def test_two_reports_cannot_be_one_file(tmp_path: Path) -> None:
    path = str(tmp_path / "report")
    code, _, err = sentence("load", "--json", path, "--html", path)
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert "would both be written" in err
    assert not Path(path).exists()


def test_a_row_that_does_not_suit_the_plan_is_exit_2_before_the_run(tmp_path: Path) -> None:
    data = tmp_path / "users.ndjson"
    data.write_text('{"room":"a"}\n{"nick":"bob"}\n')
    run = end(start("load", "--data", str(data), "--topic", "room:{row.room}"), None)
    assert run.code == 2
    assert_one_sentence(run)
    assert "row.room is not a column" in run.err
    # A row that no connection takes does no harm.
    run = load_process(tmp_path, "-c", "1", "--data", str(data), "--topic", "room:{row.room}", "--dry-run")
    assert run.code == 0


def test_a_killed_server_that_comes_back_is_carried_on_with(tmp_path: Path) -> None:
    json_path = tmp_path / "result.json"
    with serve() as (server, url):
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        run = start_load(
            *(url, "-c", "20", "--rate", "500", "--duration", "5s", "--max-backoff", "200ms"),
            *("--json", str(json_path)),
        )
        wait_for_line(run, "20 joined")
        kill(server)
        server.wait()
        wait_for_line(run, " 0 connected")
        with demo_server(port=port):
            ended = end(run, json_path)
    assert ended.code == 0, ended.err
    check_identities(ended.totals)
    assert ended.totals["disconnects"] == 20
    assert ended.totals["connections"] == 40
    assert ended.totals["joins"] == 40
    assert ended.totals["alive_at_end"] == 20
    assert ended.totals["connect_errors"] > 0
    assert ended.totals["unsent"] > 0
    assert ended.totals["replies"] > 500


def test_a_server_lost_for_good_is_exit_5_and_one_sentence(tmp_path: Path) -> None:
    json_path = tmp_path / "result.json"
    with serve() as (server, url):
        run = start_load(
            *(url, "-c", "5", "--rate", "200", "--event", "slow", "--duration", "3s"),
            *("--json", str(json_path)),
        )
        wait_for_line(run, "5 joined")
        kill(server)
        ended = end(run, json_path)
    assert ended.code == 5
    assert_one_sentence(ended)
    assert "the server was lost for good" in ended.err
    check_identities(ended.totals)
    # "slow" answers after 100 ms, so something was on its way whenever the server died.
    assert ended.totals["lost_disconnected"] > 0
    assert ended.totals["alive_at_end"] == 0


def test_a_killed_worker_fails_the_run(tmp_path: Path) -> None:
    json_path = tmp_path / "result.json"
    run = start_load(
        *("-c", "4", "--workers", "2", "--duration", "30s", "--rate", "100", "--json", str(json_path))
    )
    wait_for_line(run, "4 joined")
    workers = [pid for pid in children_of(run.pid) if "fastphx.load.worker" in command_of(pid)]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    ended = end(run, json_path)
    assert ended.code == 5
    assert_one_sentence(ended)
    assert "was killed by signal 9" in ended.err
    assert ended.result is not None
    assert ended.result["outcome"] == "failed"


def test_ctrl_c_stops_gracefully_with_reports_and_leaves_nothing_behind(tmp_path: Path) -> None:
    json_path = tmp_path / "result.json"
    run = start_load("-c", "10", "--duration", "60s", "--rate", "500", "--json", str(json_path))
    wait_for_line(run, "10 joined")
    children = children_of(run.pid)
    assert len(children) >= 2
    kill(run, signal.SIGINT)
    ended = end(run, json_path)
    assert ended.code == 130
    assert ended.result is not None
    assert ended.result["outcome"] == "interrupted"
    check_identities(ended.totals)
    assert ended.totals["lost"] == 0
    assert ended.totals["closed"] == ended.totals["alive_at_end"] == 10
    # The figures are of the part that ran.
    throughput = ended.result["throughput"]
    assert 0 < throughput["duration_s"] < 60
    pushed = throughput["pushes_per_s"] * throughput["duration_s"]
    assert pushed == pytest.approx(ended.totals["pushes"])
    assert ended.result["client"]["cpu_s_per_message"] > 0
    assert not [pid for pid in children if is_alive(pid)]


def test_ctrl_c_twice_stops_at_once(tmp_path: Path) -> None:
    json_path = tmp_path / "result.json"
    run = start_load(
        *("-c", "2", "--event", "noreply", "--duration", "60s"),
        *("--graceful-stop", "50s", "--timeout", "60s", "--rate", "100", "--json", str(json_path)),
    )
    wait_for_line(run, "2 joined")
    children = children_of(run.pid)
    kill(run, signal.SIGINT)
    wait_for_line(run, "stopping")
    kill(run, signal.SIGINT)
    ended = end(run, json_path)
    assert ended.code == 130
    check_identities(ended.totals)
    assert ended.totals["lost_at_stop"] == ended.totals["pushes"] > 0
    assert not [pid for pid in children if is_alive(pid)]


def test_children_leave_when_the_run_itself_is_killed(tmp_path: Path) -> None:
    run = start_load("-c", "2", "--duration", "60s", "--rate", "100")
    wait_for_line(run, "2 joined")
    children = children_of(run.pid)
    assert len(children) >= 2
    kill(run)
    run.communicate()
    for pid in children:
        wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], 20.0)
        assert ready, command_of(pid)
    finally:
        os.close(descriptor)
