"""Which runs are no ``ok``: more was lost than is allowed, or this machine made the figures."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from fastphx.errors import ConnectError
from fastphx.load.plan.figures import LOCAL
from fastphx.load.plan.plan import Plan
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.result import Result
from fastphx.testing.demo import demo_server
from fastphx.transports.own_limits import ran_out
from tests.transports.recording_owner import RecordingOwner

from .processes import Run, check_identities, load

SHORT = ("-c", "5", "--rate", "100", "--duration", "1s", "--quiet")
FEW_PORTS = 20


def ran(plan: dict[str, Any] | None = None, **counts: int) -> Result:
    """A result whose schedule ran, with these counts."""
    made = Plan.from_mapping({"connections": 10, **(plan or {})})
    result = Result(made, run_s=10.0, alive_at_end=made.connections)
    result.counts.update({"connections": 10, "connect_attempts": 10, "joins": 10, **counts})
    result.run_counts.update(counts)
    return result


def histogram(*values_ms: float) -> Histogram:
    made = Histogram()
    for value in values_ms:
        made.record(int(value * 1e6))
    return made


# -- this side ran out


def test_a_socket_that_cannot_be_had_is_this_sides_fault() -> None:
    cause = OSError(errno.ENOBUFS, "no buffer")
    assert ran_out(cause)
    assert ran_out(MemoryError())
    wrapped = RuntimeError()
    wrapped.__cause__ = cause
    assert ran_out(wrapped)
    assert not ran_out(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
    assert not ran_out(None)


async def test_too_many_open_files_are_told_from_what_the_server_does() -> None:
    url = "ws://127.0.0.1:1/socket/websocket"
    # The first one also imports what connecting takes.
    with pytest.raises(ConnectError, match="refused") as raised:
        await RecordingOwner().connect(url)
    assert not raised.value.is_local
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        with pytest.raises(ConnectError, match="too many open files") as raised:
            await RecordingOwner().connect(url)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raised.value.is_local


@contextmanager
def few_ports(folder: Path) -> Iterator[tuple[str, ...]]:
    """What to put before a command that shall find FEW_PORTS local ports, in a network of its own."""
    script = folder / "few_ports.sh"
    script.write_text(
        "set -e\nip link set lo up\n"
        f"echo 40000 {40000 + FEW_PORTS - 1} > /proc/sys/net/ipv4/ip_local_port_range\n"
        'exec "$@"\n'
    )
    before = ("unshare", "--map-root-user", "--net", "sh", str(script))
    tools = shutil.which("unshare") and shutil.which("ip")
    if not tools or subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace may be made here")
    yield before


@pytest.mark.parametrize("connections", [FEW_PORTS * 2, FEW_PORTS * 10])
def test_a_run_without_enough_local_ports_is_invalid(tmp_path: Path, connections: int) -> None:
    json_path = tmp_path / "result.json"
    with few_ports(tmp_path) as before:
        ended = subprocess.run(
            [
                *(*before, sys.executable, "-m", "fastphx", "load", "-c", str(connections)),
                *("--rate", "100", "--duration", "1s", "--json", str(json_path)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 4, ended.stderr
    assert "INVALID: this machine ran out" in ended.stderr
    assert "no local port is left" in ended.stderr
    result = orjson.loads(json_path.read_bytes())
    assert result["outcome"] == "invalid"
    check_identities(result["totals"])


def test_a_worker_that_cannot_be_started_for_want_of_files_makes_a_run_invalid_too() -> None:
    limit = 80
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))\n"
        "from fastphx.__main__ import main\nmain()"
    )
    ended = subprocess.run(
        [
            *(sys.executable, "-c", code, "load", "ws://127.0.0.1:1/socket", "-q"),
            *("-c", str(limit), "--workers", str(limit)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 4, ended.stderr
    assert "could not be started: Too many open files" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_not_even_one_connection_for_want_of_ports_is_invalid_too() -> None:
    result = ran(connect_errors=10)
    result.counts["connections"] = 0
    result.reasons["connect"] = Counter({"no local port is left": 10})
    assert result.exit_code == 3
    result.reasons[LOCAL] = result.reasons["connect"]
    assert result.exit_code == 4
    assert result.sentences[0].startswith("INVALID: this machine ran out: 10 of 10 connection attempts")


# -- more was lost than is allowed


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("noreply", "not one was answered: the channel seems not to reply to the event 'noreply'"),
        ("crash", "the channel seems to crash on the event 'crash', which it may not know"),
        ("nosuch", "the channel seems to crash on the event 'nosuch', which it may not know"),
        ("stop", "closed by the server on the event 'stop'"),
        ("echo_error", "answered with another status than ok"),
        ("kill_socket", "pushes were lost"),
    ],
)
def test_a_run_that_got_no_reply_is_no_ok_and_names_the_event(tmp_path: Path, event: str, words: str) -> None:
    with demo_server(port=0) as server:
        run = load(
            tmp_path,
            *(server.url, *SHORT, "--event", event, "--timeout", "300ms", "--max-backoff", "50ms"),
        )
    assert run.code == 5, run.err
    assert run.result is not None
    assert run.result["outcome"] == "failed"
    assert words in " ".join(run.result["sentences"])
    check_identities(run.totals)


def test_what_is_allowed_is_ok(tmp_path: Path) -> None:
    run = load(tmp_path, *SHORT, "--event", "noreply", "--timeout", "300ms", "--allow-lost", "100%")
    assert run.code == 0, run.err
    assert run.totals["lost"] == 100


@pytest.mark.parametrize(
    ("flag", "plan", "counts", "words"),
    [
        ("allow_lost", {}, {"pushes": 100, "replies": 80, "lost_timeout": 20}, "20 of 100 pushes were lost"),
        ("allow_error_replies", {}, {"pushes": 9, "error_replies": 9}, "9 of 9 pushes were answered"),
        ("allow_disconnects", {}, {"connections": 90, "disconnects": 90}, "90 of 90 connections were lost"),
        ("allow_crashes", {}, {"joins": 90, "channel_errors": 90}, "90 of 90 joins ended"),
        ("allow_unsent", {}, {"arrivals": 10, "unsent": 9}, "9 of 10 pushes were due and not sent"),
        ("allow_unjoined", {"scenario": "churn"}, {"connect_errors": 6}, "6 of 10 sockets could not connect"),
    ],
)
def test_each_goal_has_a_flag_that_switches_it_off(
    flag: str, plan: dict[str, Any], counts: dict[str, int], words: str
) -> None:
    missed = ran(plan, **counts)
    assert missed.exit_code == 5
    assert missed.sentences[0].startswith(words)
    assert f"--{flag.replace('_', '-')} is" in missed.sentences[0]
    assert ran({**plan, flag: "100%"}, **counts).exit_code == 0


def test_sockets_and_deliveries_that_are_missing_are_a_failure_too() -> None:
    result = ran()
    result.alive_at_end = 4
    assert result.sentences[0].startswith("6 of 10 sockets were not joined")
    result.alive_at_end = 10
    result.topics["fan:0"] = [10, 0, 5]
    assert result.sentences[0].startswith("50 of 50 deliveries were missing")


def test_a_threshold_on_the_same_total_takes_a_goals_place() -> None:
    counts = {"pushes": 100, "replies": 50, "lost_timeout": 50}
    assert ran({"threshold": "lost<60"}, **counts).exit_code == 0
    assert ran({"threshold": "lost==0"}, **counts).exit_code == 99
    assert ran({"threshold": "joins>5"}, **counts).exit_code == 5


# -- this machine made the figures


def stalled(limit: str, rtt_ms: tuple[float, ...], lag_ms: tuple[float, ...]) -> Result:
    result = ran({"threshold": f"rtt.p99<{limit}"})
    result.histograms["rtt"] = histogram(*rtt_ms)
    result.run_lag = histogram(*lag_ms)
    return result


def test_a_latency_threshold_that_a_stall_of_ours_could_have_broken_is_invalid() -> None:
    result = stalled("50ms", (5, 5, 180), (0, 0, 177))
    assert result.outcome == "invalid"
    assert result.exit_code == 4
    (sentence,) = result.sentences
    assert "rtt.p99<50ms says nothing about the server" in sentence
    assert "it is 180" in sentence
    assert "own lag is 177 ms" in sentence


@pytest.mark.parametrize(
    ("limit", "rtt_ms", "lag_ms"),
    [
        ("50ms", (5, 5, 180), (0, 0, 20)),
        ("50ms", (5, 5, 180), ()),
        # Even the fastest was too slow.
        ("1ms", (5, 5, 180), (0, 0, 179.9)),
    ],
)
def test_what_the_server_broke_stays_failed(
    limit: str, rtt_ms: tuple[float, ...], lag_ms: tuple[float, ...]
) -> None:
    assert stalled(limit, rtt_ms, lag_ms).exit_code == 99


def test_an_excuse_for_one_threshold_is_none_for_another() -> None:
    result = stalled("50ms", (5, 5, 180), (0, 0, 177))
    result.plan = Plan.from_mapping({"connections": 10, "threshold": ["rtt.p99<50ms", "late<0"]})
    assert result.exit_code == 99
    assert [sentence.partition(" ")[0] for sentence in result.sentences] == ["threshold", "INVALID:"]


def test_an_own_lag_that_is_a_large_part_of_a_percentile_stands_beside_it() -> None:
    result = stalled("1s", (84, 84, 84.4), (1, 1, 32))
    assert result.own_lag == {
        "rtt": {figure: pytest.approx(0.032, rel=1e-3) for figure in ("p90", "p95", "p99", "p999", "max")}
    }
    assert any("own lag is 32 ms at p99" in note and "RTT (84.4 ms)" in note for note in result.notes)
    assert stalled("1s", (84, 84, 84.4), (1, 1, 3)).own_lag == {}


def test_an_own_lag_is_of_what_it_could_have_met() -> None:
    result = ran()
    result.histograms |= {name: histogram(8) for name in ("connect", "rtt", "rtt_uncorrected")}
    result.run_lag = histogram(3)
    # A push that is sent late is timed from when it was due, but for the uncorrected figure.
    result.histograms["schedule_lag"] = histogram(90)
    assert result.own_lag_s("rtt", "p99") == pytest.approx(0.09, rel=1e-2)
    assert result.own_lag_s("rtt_uncorrected", "p99") == pytest.approx(0.003, rel=1e-2)
    # Connections are made before the schedule.
    assert "connect" not in result.own_lag
    result.opening_lag = histogram(4)
    assert result.own_lag["connect"]["p99"] == pytest.approx(0.004, rel=1e-2)
    # What was later than the whole figure was elsewhere.
    result.opening_lag = histogram(40)
    assert "connect" not in result.own_lag


def test_who_had_the_cpu_is_said() -> None:
    result = ran()
    result.histograms["schedule_lag"] = histogram(200)
    assert "a worker stood still" in result.sentences[0]
    result.run_cpu_share = 0.9
    assert "the client could not push at this rate" in result.sentences[0]
    result.run_cpu_share, result.run_waited_share = 0.16, 0.43
    assert "a worker waited 43 % of the time for a core, and used 16 % of one" in result.sentences[0]
    result.run_stolen_share = 0.5
    assert "the hypervisor gave 50 % of this machine's CPU to others" in result.sentences[0]


def test_an_interrupted_run_says_why_its_figures_are_no_good() -> None:
    result = ran()
    result.interrupted = True
    result.histograms["schedule_lag"] = histogram(200)
    assert result.exit_code == 130
    assert result.sentences[0].startswith("interrupted")
    assert result.sentences[1].startswith("INVALID: the schedule lagged 0.2s")


def test_replies_that_fall_behind_are_noted() -> None:
    result = ran(pushes=1_600_000, replies=720_000)
    (note,) = result.notes
    assert "160,000/s were pushed and 72,000/s answered, and 880,000 pushes were unanswered" in note
    assert ran(pushes=1000, replies=990).notes == []


def test_the_rows_say_what_they_count(tmp_path: Path) -> None:
    run: Run = load(tmp_path, "-c", "5", "--rate", "100", "--duration", "1s")
    assert run.result is not None
    client = run.result["client"]
    assert 0 < client["run_cpu_s"] < client["cpu_s"]
    assert client["own_rss_bytes"] > 1 << 20
    assert f"{client['run_cpu_s']:.3g} s in 1 worker" in run.out
    assert "in the run's own" in run.out
