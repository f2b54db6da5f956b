"""``fastphx load`` beside a load test written by hand on Node with ws, against one embedded server in turns.

    python bench/load_node.py [--rounds 3] [--seconds 6] [flags of fastphx load]

What is compared is the CPU time a message (a reply, or a delivery) of the whole process tree, coordinator and
workers, while the schedule runs; ``fastphx load`` takes its default number of workers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import node
import process_tree
from interleave import Ratio, interleave, ratio

FASTPHX = (sys.executable, "-m", "fastphx")
NODE_WS = Path(__file__).parent / "sides" / "node_ws.mjs"
MAX_P99_S = 0.1


@dataclass(frozen=True)
class Shape:
    """*messages* a second are what a second of the schedule brings back."""

    name: str
    scenario: str
    sockets: int
    rate: int
    at_most: float

    @property
    def messages(self) -> int:
        return self.rate * (self.sockets if self.scenario == "fanout" else 1)


SHAPES = (
    Shape("echo, 2000/s over 500 sockets", "echo", 500, 2000, 0.5),
    Shape("echo, 10000/s over 500 sockets", "echo", 500, 10_000, 0.55),
    Shape("fan-out to 1000", "fanout", 1000, 20, 0.85),
)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of an embedded server in a process of its own."""
    process = subprocess.Popen([*FASTPHX, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0]
    finally:
        process.kill()
        process.communicate()


def of_node(url: str, shape: Shape, seconds: int) -> float:
    """CPU seconds a message of the load test on Node."""
    arguments = [str(shape.sockets), str(shape.rate), str(seconds)]
    command = ["node", str(NODE_WS), shape.scenario, f"{url}/websocket?vsn=2.0.0", *arguments]
    used = process_tree.usage(command, seconds)
    came = json.loads(used.said)
    return cpu_s_a_message("Node", used.cpu, shape, seconds, came["received"], came["p99_s"])


def of_fastphx(url: str, shape: Shape, seconds: int, flags: Sequence[str]) -> float:
    """CPU seconds a message of ``fastphx load`` with *flags*."""
    sockets = shape.sockets + (shape.scenario == "fanout")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.json"
        command = [
            *(*FASTPHX, "load", url, "--scenario", shape.scenario, "--connections", str(sockets)),
            *("--rate", str(shape.rate), "--duration", f"{seconds}s", "--json", str(path), *flags),
        ]
        used = process_tree.usage(command, seconds)
        result = json.loads(path.read_bytes())
    count, latency = ("deliveries", "delivery") if shape.scenario == "fanout" else ("replies", "rtt")
    p99_s = result["latency"][latency].get("p99", 0.0)
    return cpu_s_a_message("fastphx", used.cpu, shape, seconds, result["totals"][count], p99_s)


def cpu_s_a_message(name: str, cpu: float, shape: Shape, seconds: int, came: int, p99_s: float) -> float:
    """Raises ``RuntimeError`` where messages are missing, or so late that those of the time that was watched
    are not those that were due in it."""
    if came != shape.messages * seconds:
        raise RuntimeError(f"{name} got {came} of {shape.messages * seconds} messages")
    if p99_s > MAX_P99_S:
        raise RuntimeError(f"{name} fell {p99_s:.1g} s behind its schedule")
    return cpu / shape.messages


def compare(shape: Shape, seconds: int, rounds: int, flags: Sequence[str] = ()) -> tuple[Ratio, str]:
    """fastphx's CPU time a message as a part of Node's, and both in µs. Raises `node.NodeMissing`."""
    node.prepare()
    with server() as url:
        samples = interleave(
            {
                "fastphx": partial(of_fastphx, url, shape, seconds, flags),
                "Node": partial(of_node, url, shape, seconds),
            },
            rounds,
        )
    said = ", ".join(
        f"{name} {statistics.median(cpu_s) * 1e6:.2f} µs a message" for name, cpu_s in samples.items()
    )
    return ratio(samples["fastphx"], samples["Node"]), said


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    options, flags = parser.parse_known_args()
    missed = 0
    for shape in SHAPES:
        try:
            found, said = compare(shape, options.seconds, options.rounds, flags)
        except RuntimeError as error:
            print(f"{shape.name}: no figure: {error}", flush=True)
            missed += 1
            continue
        print(f"{shape.name}: {found} (at most {shape.at_most:g}); {said}", flush=True)
        missed += found.median > shape.at_most
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
