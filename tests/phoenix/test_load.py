"""Load runs against a real Phoenix, whose own counters must come to the same sums."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.load.processes import Run, check_identities, load
from tests.phoenix.phoenix import Phoenix

REST_TIMEOUT_S = 15.0


def counters_of(phoenix: Phoenix) -> dict[str, int]:
    with urllib.request.urlopen(phoenix.http + "/counters", timeout=10.0) as answer:
        counters: dict[str, int] = json.load(answer)
    return counters


@contextmanager
def counted(phoenix: Phoenix) -> Iterator[dict[str, int]]:
    """What the application counts meanwhile; filled in at the end."""
    before, more = counters_at_rest(phoenix), dict[str, int]()
    yield more
    more.update({name: count - before[name] for name, count in counters_at_rest(phoenix).items()})


def counters_at_rest(phoenix: Phoenix) -> dict[str, int]:
    """Its counters when no socket is open: a session of long polling ends seconds after its client."""
    deadline = time.monotonic() + REST_TIMEOUT_S
    while (counters := counters_of(phoenix))["opens"] != counters["disconnects"]:
        assert time.monotonic() < deadline, f"sockets stay open: {counters}"
        # It tells nobody: it has to be asked.
        time.sleep(0.05)
    return counters


def ok(tmp_path: Path, *arguments: str) -> Run:
    run = load(tmp_path, *arguments)
    assert run.code == 0, run.err
    check_identities(run.totals, opens="churn" in arguments)
    return run


def test_an_echo(phoenix: Phoenix, tmp_path: Path) -> None:
    with counted(phoenix) as server:
        run = ok(tmp_path, phoenix.url, "-c", "200", "--rate", "2000", "--duration", "3s", "--workers", "2")
    totals = run.totals
    assert (totals["pushes"], totals["replies"], totals["lost"]) == (6000, 6000, 0)
    assert (server["pushes"], server["replies"]) == (6000, 6000)
    assert server["connects"] == server["disconnects"] == totals["connections"] == 200
    assert server["joins"] == totals["joins"] == 200


OTHER_FRAMES = {
    "compressed": ("--compress",),
    "binary": ("--binary", "--payload", '{"n":{n}}'),
    "vsn 1.0.0": ("--vsn", "1.0.0"),
}


@pytest.mark.parametrize("options", OTHER_FRAMES.values(), ids=OTHER_FRAMES)
def test_an_echo_in_other_frames(phoenix: Phoenix, tmp_path: Path, options: tuple[str, ...]) -> None:
    with counted(phoenix) as server:
        run = ok(tmp_path, phoenix.url, "-c", "20", "--rate", "500", "--duration", "1s", *options)
    assert run.totals["replies"] == server["replies"] == server["pushes"] == 500


def test_error_replies_and_replies_that_take_time(phoenix: Phoenix, tmp_path: Path) -> None:
    with counted(phoenix) as server:
        run = ok(
            tmp_path,
            *(phoenix.url, "-c", "50", "--rate", "500", "--duration", "2s", "--allow-error-replies", "100%"),
            *("--event", "echo_error", "--event", "slow", "--event", "echo=2", "--payload", '{"ms":20}'),
        )
    totals = run.totals
    assert totals["pushes"] == server["pushes"] == 1000
    assert totals["error_replies"] == server["error_replies"] == 250
    assert totals["replies"] == server["replies"] == 750


def test_several_topics_a_socket(phoenix: Phoenix, tmp_path: Path) -> None:
    with counted(phoenix) as server:
        run = ok(
            tmp_path,
            *(phoenix.url, "-c", "40", "--rate", "400", "--duration", "2s"),
            *("--topic", "room:{i % 5}", "--topic", "room:own {i}", "--event", "status"),
        )
    assert run.totals["joins"] == server["joins"] == 80
    assert run.totals["replies"] == server["replies"] == 800


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_fan_out(phoenix: Phoenix, tmp_path: Path, workers: str) -> None:
    with counted(phoenix) as server:
        run = ok(
            tmp_path,
            *(phoenix.url, "--scenario", "fanout", "-c", "105", "--publishers", "5", "--topics", "10"),
            *("--rate", "100", "--duration", "2s", "--workers", workers),
        )
    totals = run.totals
    assert totals["casts"] == server["pushes"] == server["broadcasts"] == 200
    assert totals["deliveries"] == totals["expected_deliveries"] == 200 * 10
    assert totals["missing_deliveries"] == totals["surplus_deliveries"] == 0
    # What the server sent: those, those to the publishers, and two answers to each join and its leave.
    assert server["frames_out"] >= totals["deliveries"] + totals["own_deliveries"] + server["joins"]


def test_a_churn(phoenix: Phoenix, tmp_path: Path) -> None:
    with counted(phoenix) as server:
        run = ok(
            tmp_path,
            *(phoenix.url, "--scenario", "churn", "--rate", "100", "--duration", "3s", "--stay", "100ms"),
        )
    assert run.totals["connections"] == server["connects"] == server["disconnects"] == 300
    assert run.totals["joins"] == server["joins"] == 300


def test_a_refused_join_is_counted_on_both_sides(phoenix: Phoenix, tmp_path: Path) -> None:
    with counted(phoenix) as server:
        run = load(
            tmp_path,
            *(phoenix.url, "-c", "10", "--topic", "room:denied", "--rate", "20", "--duration", "1s"),
            *("--allow-unjoined", "100%", "--allow-unsent", "100%"),
        )
    assert run.totals["joins"] == server["joins"] == server["pushes"] == 0
    assert run.totals["join_errors"] == server["joins_refused"] >= 10


JOURNEY = """
from fastphx.load import User

class Chatter(User):
    async def run(self):
        async with self.socket("/socket", params={"user": str(self.number)}) as socket:
            room = await socket.join("room:journey")
            self.check("known", (await room.push("whoami")).response["user"] == str(self.number))
            for n in range(5):
                reply = await room.push("echo", {"n": n})
                self.check("echoed", reply.response == {"n": n})
            await room.leave()
"""


def test_a_journey(phoenix: Phoenix, tmp_path: Path) -> None:
    script = tmp_path / "chatter.py"
    script.write_text(JOURNEY)
    with counted(phoenix) as server:
        run = load(tmp_path, str(script), phoenix.http, "--users", "20", "--iterations", "5")
    assert run.code == 0, run.err
    assert run.result is not None
    assert run.result["visits"]["ok"] == server["connects"] == server["joins"] == 100
    assert run.totals["replies"] == server["replies"] == server["pushes"] == 600
    assert {check["rate"] for check in run.result["checks"].values()} == {1.0}


def test_the_servers_own_figures(phoenix: Phoenix, tmp_path: Path) -> None:
    run = ok(
        tmp_path,
        *(phoenix.url, "-c", "50", "--rate", "500", "--duration", "4s"),
        *("--server-metrics", phoenix.http + "/metrics"),
        *("--threshold", 'server["vm_memory_total_bytes"].max<4e9'),
        *("--threshold", 'server["phoenix_channel_handled_in_duration_milliseconds"].count>0'),
    )
    assert run.result is not None
    assert [threshold["ok"] for threshold in run.result["thresholds"]] == [True, True]
