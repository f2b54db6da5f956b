"""One hot connection: what a Python callback for each message costs, beside raw picows in the same run.

    python bench/receive.py [--rounds 5] [--frames 2000000]

Frames a second are compared by the receiver's wall time, and beside it by its CPU time, which another load
on the machine does not change. Exit code 1 where the lazy side is below its gate, 2 where the sender was the
bottleneck.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from typing import Any

from hot_connection import SenderTooSlow, faster, measure
from sender import started

GATE = 0.30
GOAL = 0.35
SIDES = {
    "raw picows": ["raw_picows.py"],
    "callback, lazy payload": ["callback_session.py", "lazy"],
    "callback, decoded payload": ["callback_session.py", "decoded"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2_000_000)
    options = parser.parse_args()
    with started() as sender:
        samples = measure(
            sender,
            {name: (command, options.frames, "push", 1) for name, command in SIDES.items()},
            options.rounds,
        )
    try:
        return report(samples)
    except SenderTooSlow as error:
        print(f"bench/receive: {error}", file=sys.stderr)
        return 2


def report(samples: dict[str, list[dict[str, Any]]]) -> int:
    print(f"{'':27} {'M frames/s':>10} {'ns of CPU':>10} {'of raw picows':>22} {'by CPU':>22} {'idle':>5}")
    for name, runs in samples.items():
        wall_ns = statistics.median(run["wall_ns"] for run in runs)
        cpu_ns = statistics.median(run["cpu_ns"] for run in runs)
        idle = statistics.median(run["idle"] for run in runs)
        print(
            f"{name:27} {1e3 / wall_ns:10.2f} {cpu_ns:10.0f} {faster(samples, name, 'raw picows')!s:>22} "
            f"{faster(samples, name, 'raw picows', 'cpu_ns')!s:>22} {idle:5.0%}"
        )
    reached = faster(samples, "callback, lazy payload", "raw picows").median
    verdict = "the goal is met" if reached >= GOAL else "the gate is met" if reached >= GATE else "NOT met"
    print(f"lazy: {reached:.2f} of raw picows (gate {GATE}, goal {GOAL}): {verdict}")
    return 0 if reached >= GATE else 1


if __name__ == "__main__":
    sys.exit(main())
