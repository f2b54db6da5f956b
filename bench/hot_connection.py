"""One connection that is sent all it can take: each side in its own process, in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from interleave import Ratio, interleave, ratio
from sender import Sender

SIDES = Path(__file__).parent / "sides"
LEAST_IDLE = 0.05
TIMEOUT_S = 300


class SenderTooSlow(Exception):
    """The sender was the bottleneck, so a ratio would say nothing."""


def run_side(
    sender: Sender, command: list[str], frames: int, shape: str, times: int = 1, python: str = sys.executable
) -> dict[str, Any]:
    """One run: ``cpu_ns`` and ``wall_ns`` a frame, and the share of the time that the sender waited."""
    node = command[0].endswith(".mjs")
    program = ["node" if node else python, str(SIDES / command[0])]
    done = subprocess.run(
        [*program, sender.url(frames, shape), *command[1:], "--times", str(times)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=os.environ,
    )
    if done.returncode:
        raise RuntimeError(
            f"{command[0]} failed: {(done.stderr.strip() or 'it said nothing').splitlines()[-1]}"
        )
    measured = json.loads(done.stdout)
    # What the sender did not need of the time that the receiver took.
    idle = 1 - sum(sender.result()["cpu_s"] for _ in range(times)) / measured["wall_s"]
    if measured["frames"] != frames * times:
        raise RuntimeError(f"{command[0]} got {measured['frames']} of {frames * times} frames")
    count = frames * times
    return {
        "cpu_ns": measured["cpu_s"] / count * 1e9,
        "wall_ns": measured["wall_s"] / count * 1e9,
        "idle": idle,
    }


def measure(
    sender: Sender,
    sides: dict[str, tuple[list[str], int, str, int]],
    rounds: int,
    pythons: Mapping[str, str] = {},
) -> dict[str, list[dict[str, Any]]]:
    """*sides*: name -> (command, frames, shape, times); *pythons*: those of sides that need their own."""
    calls: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(run_side, sender, command, frames, shape, times, pythons.get(name, sys.executable))
        for name, (command, frames, shape, times) in sides.items()
    }
    return interleave(calls, rounds)


def faster(samples: dict[str, list[dict[str, Any]]], name: str, than: str, clock: str = "wall_ns") -> Ratio:
    """How many frames a second *name* takes for each that *than* takes. Raises `SenderTooSlow` where wall
    time is compared and the sender was the bottleneck; a receiver's CPU time does not depend on it."""
    for side in (name, than) if clock == "wall_ns" else ():
        idle = statistics.median(run["idle"] for run in samples[side])
        if idle < LEAST_IDLE:
            raise SenderTooSlow(
                f"the sender was busy for {1 - idle:.0%} of the time with {side}: no ratio is given"
            )
    return ratio([run[clock] for run in samples[than]], [run[clock] for run in samples[name]])
