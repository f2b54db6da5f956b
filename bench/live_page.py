"""What a live page costs the load that it shows: a run with ``--ui`` and a viewer, and one without, in turns.

    python bench/live_page.py [--rounds 5] [--seconds 10] [--rate 4000] [--connections 200]

Compared are the run's own figures, the RTT's p99 and the workers' CPU time a message, and the CPU time of all
its processes but the server. A third side is the run without a page once more: how far it lies from the other
is the noise. Exit code 1 where a figure with the page differs by more than the noise.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from interleave import Ratio, interleave, ratio
from load_node import FASTPHX, server

SECONDS, RATE, CONNECTIONS = 10, 4000, 200
FIGURES = {"p99_s": "RTT p99", "cpu_s": "CPU a message of the workers", "tree_cpu_s": "CPU of all processes"}
TIMEOUT_S = 120.0
PATIENT = ("--max-schedule-lag", "30s", "--max-loop-lag", "30s", "--max-cpu", "100%")


def watch(address: str) -> None:
    """Read all events of the page at *address*, as a browser would, and draw nothing."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    page = HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
    page.request("GET", f"/?{parts.query}")
    cookie = page.getresponse().headers["Set-Cookie"].partition(";")[0]
    page.close()
    page.request("GET", "/events", headers={"Cookie": cookie})
    answer = page.getresponse()
    while answer.read1():
        pass
    page.close()


def run(url: str, seconds: int, rate: int, connections: int, has_page: bool) -> dict[str, float]:
    """The figures of one run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.json"
        command = [
            *(*FASTPHX, "load", url, "--connections", str(connections), "--rate", str(rate), "--quiet"),
            *("--duration", f"{seconds}s", "--json", str(path), *PATIENT, *(("--ui",) if has_page else ())),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        watching = None
        if has_page:
            address = process.stdout.readline().split()[-1]
            watching = threading.Thread(target=watch, args=(address,))
            watching.start()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        if watching is not None:
            watching.join()
        if process.returncode:
            raise RuntimeError(f"the run ended with code {process.returncode}")
        result = json.loads(path.read_bytes())
    return {
        "p99_s": result["latency"]["rtt"]["p99"],
        "cpu_s": result["client"]["cpu_s_per_message"],
        "tree_cpu_s": used.ru_utime + used.ru_stime,
    }


def compare(seconds: int, rate: int, connections: int, rounds: int) -> dict[str, tuple[Ratio, Ratio, str]]:
    """By figure: with the page as a part of without, without as a part of itself, and both sides' medians."""
    sides = {"without": False, "with": True, "again": False}
    with server() as url:
        samples = interleave(
            {name: partial(run, url, seconds, rate, connections, page) for name, page in sides.items()},
            rounds,
        )
    found = {}
    for figure, title in FIGURES.items():
        values = {name: [each[figure] for each in runs] for name, runs in samples.items()}
        said = ", ".join(f"{name} {statistics.median(values[name]):.4g} s" for name in ("with", "without"))
        noise = ratio(values["again"], values["without"])
        found[title] = ratio(values["with"], values["without"]), noise, said
    return found


def is_noise(found: Ratio, noise: Ratio) -> bool:
    """Whether the median with the page lies where a round without it may lie, too."""
    return min(noise.low, 1 / noise.high) <= found.median <= max(noise.high, 1 / noise.low)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    options = parser.parse_args()
    compared = compare(options.seconds, options.rate, options.connections, options.rounds)
    for title, (found, noise, said) in compared.items():
        print(f"{title}, with the page / without: {found}; without / without: {noise}; {said}")
    own = list(FIGURES.values())[:2]
    return int(not all(is_noise(*compared[title][:2]) for title in own))


if __name__ == "__main__":
    sys.exit(main())
