"""How fast the async client receives on one hot connection, beside raw picows in the same run.

    python bench/client_hot.py [--rounds 5] [--frames 1500000]

Three sides: an `on` handler that does not read the payload, one that does, and an `async for`. Frames a
second are compared by the receiver's CPU time, which another load on the machine does not change, and by its
wall time beside it. Exit code 1 where a target is missed, 2 where the sender was the bottleneck.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from functools import partial

from hot_connection import LEAST_IDLE, faster, orjson_alone, run_side
from interleave import interleave, ratio
from sender import started

LAZY_TARGET = 0.35
ITERATED_TARGET = 0.10
DECODE_TARGET = 1.1
SHAPE = "push"
SIDES = {
    "raw picows": ["raw_picows.py"],
    "on, lazy payload": ["client.py", "lazy"],
    "on, counting": ["client.py", "counted"],
    "on, decoded payload": ["client.py", "decoded"],
    "async for": ["client.py", "iterated"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=1_500_000)
    options = parser.parse_args()
    with started() as sender:
        calls = {
            name: partial(run_side, sender, command, options.frames, SHAPE) for name, command in SIDES.items()
        }
        samples = interleave({**calls, "orjson alone": orjson_alone}, options.rounds)
    for name, runs in samples.items():
        cpu_ns = statistics.median(run["cpu_ns"] for run in runs)
        wall_ns = statistics.median(run["wall_ns"] for run in runs)
        idle = statistics.median(run["idle"] for run in runs)
        by_cpu = f"{faster(samples, name, 'raw picows', 'cpu_ns')}"
        by_wall = f"{faster(samples, name, 'raw picows')}"
        print(
            f"{name:20} {cpu_ns:6.0f} ns of CPU, {by_cpu:>22} of raw picows; "
            f"{wall_ns:6.0f} ns of wall, {by_wall:>22}; sender idle {idle:.0%}"
        )
        if idle < LEAST_IDLE:
            print(f"bench/client_hot: the sender was the bottleneck with {name}", file=sys.stderr)
            return 2
    lazy = faster(samples, "on, lazy payload", "raw picows", "cpu_ns")
    counting = faster(samples, "on, counting", "raw picows", "cpu_ns")
    iterated = faster(samples, "async for", "raw picows", "cpu_ns")
    pairs = zip(samples["on, decoded payload"], samples["on, lazy payload"], strict=True)
    decoding = ratio(
        [decoded["cpu_ns"] - lazy_run["cpu_ns"] for decoded, lazy_run in pairs],
        [run["cpu_ns"] for run in samples["orjson alone"]],
    )
    print(f"lazy handler    {lazy} of raw picows (at least {LAZY_TARGET})")
    print(f"counting        {counting} of raw picows (no target: Python's addition is the handler's)")
    print(f"async for       {iterated} of raw picows (at least {ITERATED_TARGET})")
    print(f"decoding        {decoding} times orjson alone (at most {DECODE_TARGET})")
    met = lazy.median >= LAZY_TARGET and iterated.median >= ITERATED_TARGET
    return 0 if met and decoding.median <= DECODE_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
