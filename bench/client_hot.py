"""How fast the async client receives on one hot connection, beside raw picows in the same run.

    python bench/client_hot.py [--rounds 5] [--frames 1500000]

An `on` handler that does not read the payload, one that counts, one that reads the payload, and an
`async for`; and the session alone, with a callback that calls orjson itself. Frames a second are compared by
the receiver's CPU time, which another load on the machine does not change, and by its wall time beside it.
Exit code 1 where a target is missed, 2 where the sender was the bottleneck.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from hot_connection import LEAST_IDLE, faster, measure
from sender import started

LAZY_TARGET = 0.35
ITERATED_TARGET = 0.10
SIDES = {
    "raw picows": ["raw_picows.py"],
    "on, lazy payload": ["client.py", "lazy"],
    "on, counting": ["client.py", "counted"],
    "on, decoded payload": ["client.py", "decoded"],
    "async for": ["client.py", "iterated"],
    "orjson in a callback": ["callback_session.py", "orjson"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=1_500_000)
    options = parser.parse_args()
    with started() as sender:
        sides = {name: (command, options.frames, "push", 1) for name, command in SIDES.items()}
        samples = measure(sender, sides, options.rounds)
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
    decoded = faster(samples, "on, decoded payload", "orjson in a callback", "cpu_ns")
    print(f"lazy handler    {lazy} of raw picows (at least {LAZY_TARGET})")
    print(f"counting        {counting} of raw picows (no target: Python's addition is the handler's)")
    print(f"async for       {iterated} of raw picows (at least {ITERATED_TARGET})")
    print(f"decoded         {decoded} of a session's callback that calls orjson itself (no target)")
    return 0 if lazy.median >= LAZY_TARGET and iterated.median >= ITERATED_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
