"""Load runs whose server really goes away, and comes back."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.load.processes import Run, check_identities, end, kill, start_load, wait_for_line
from tests.phoenix.started import StartedPhoenix
from tests.phoenix.test_load import counters_of

CONNECTIONS = 100
LONGEST = "2m"
INTERRUPTED = 130

DRAIN = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], b'')"
SIGNAL = "import os, sys; os.killpg(int(sys.argv[1]), int(sys.argv[2]))"


def command(code: str, *arguments: str) -> str:
    """A shell's command that runs the Python *code*."""
    return shlex.join([sys.executable, "-c", code, *arguments])


def check_all_returned(run: Run, code: int = 0) -> None:
    assert run.code == code, run.err
    assert run.result is not None
    check_identities(run.totals)
    assert run.result["storm"]["rejoined"] == run.totals["alive_at_end"] == CONNECTIONS
    # A drain may meet a connection that has come back already, joined or not.
    assert 2 * CONNECTIONS <= run.totals["joins"] <= CONNECTIONS + run.totals["disconnects"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_storm_through_a_restart(
    own_phoenix: StartedPhoenix, tmp_path: Path, number: signal.Signals
) -> None:
    json_path = tmp_path / "result.json"
    process = start_load(
        *(own_phoenix.phoenix.url, "--scenario", "storm", "-c", str(CONNECTIONS)),
        *("--storm-command", command(SIGNAL, str(own_phoenix.group), str(number.value))),
        *("--duration", LONGEST, "--storm-at", "1s"),
        *("--max-backoff", "500ms", "--json", str(json_path)),
    )
    try:
        own_phoenix.wait_ended()
        own_phoenix.start()
        # How long a server takes to start is the machine's affair: the run lasts until all are back.
        wait_for_line(process, "disconnects")
        wait_for_line(process, f"{CONNECTIONS} connected, {CONNECTIONS} joined")
    finally:
        kill(process, signal.SIGINT)
        run = end(process, json_path)
    check_all_returned(run, INTERRUPTED)
    # The one that was started again has counted those that came back to it.
    assert counters_of(own_phoenix.phoenix)["joins"] == CONNECTIONS


def test_a_storm_through_draining(own_phoenix: StartedPhoenix, tmp_path: Path) -> None:
    json_path = tmp_path / "result.json"
    drain = command(DRAIN, own_phoenix.phoenix.http + "/admin/drain")
    process = start_load(
        *(own_phoenix.phoenix.url, "--scenario", "storm", "-c", str(CONNECTIONS)),
        *("--duration", "10s", "--storm-at", "1s", "--storm-command", drain, "--max-backoff", "500ms"),
        *("--json", str(json_path)),
    )
    run = end(process, json_path)
    check_all_returned(run)
    server = counters_of(own_phoenix.phoenix)
    assert server["connects"] >= server["joins"] >= run.totals["joins"]
