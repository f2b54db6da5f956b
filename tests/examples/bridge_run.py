"""Runs `examples/bridge/` with several processes, kills one and adds one, and checks every stream.

python -m tests.examples.bridge_run --topics 10000 --processes 4 --rate 2000
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis, exceptions

from tests.free_port import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT_S = 60.0
MORE_OF_EACH = 3
"""How many messages of each topic come between one step and the next."""


@dataclass(frozen=True)
class Streams:
    """What the streams say when all is over."""

    messages: int
    gaps: int
    """Messages that stand in them as missing."""
    holes: int
    """Messages that are missing, and do not stand in them."""
    longest_pause_s: float
    """The longest time between two entries of a topic."""


@contextlib.contextmanager
def started(log: Path, *command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*map(str, command)], cwd=EXAMPLES, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def until(reached: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not reached():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {TIMEOUT_S:g} s: {what}")
        time.sleep(0.2)


def answers(redis: Any) -> bool:
    try:
        return bool(redis.ping())
    except (exceptions.ConnectionError, exceptions.BusyLoadingError):
        return False


def run(folder: Path, topics: int, processes: int, rate: float, *, replays: bool) -> Streams:
    """Follow *topics* with *processes*, of which one is killed and one added under traffic."""
    names = [f"stock:{number}" for number in range(topics)]
    listed = folder / "topics.txt"
    listed.write_text("\n".join(names))
    redis_port, port = free_port(), free_port()
    redis_url, url = f"redis://127.0.0.1:{redis_port}/0", f"ws://127.0.0.1:{port}/socket"
    redis: Any = Redis.from_url(redis_url)

    def cursors() -> dict[bytes, int]:
        return {topic: int(cursor) for topic, cursor in redis.hgetall("bridge:cursors").items()}

    def wait_for_more(what: str) -> None:
        """Until each topic has gone on by some messages."""
        before = cursors()
        until(
            lambda: (
                len(now := cursors()) == topics
                and all(now[topic] >= before.get(topic, 0) + MORE_OF_EACH for topic in now)
            ),
            what,
        )

    def wait_for_members(count: int, what: str) -> None:
        until(lambda: redis.zcard("bridge:members") == count, what)

    with contextlib.ExitStack() as stack:

        def start(name: str, *command: str | Path) -> subprocess.Popen[bytes]:
            return stack.enter_context(started(folder / f"{name}.log", *command))

        start("redis", "redis-server", "--port", str(redis_port), "--save", "", "--appendonly", "no")
        until(lambda: answers(redis), "Redis answers")
        options = ["--port", str(port), "--topics", listed, "--rate", str(rate)]
        server = start(
            "ticker", sys.executable, "-m", "bridge.ticker", *options, *(() if replays else ("--no-replay",))
        )
        bridge = (sys.executable, "-m", "bridge", url, listed, "--redis", redis_url)
        bridges = [start(f"bridge-{number}", *bridge) for number in range(processes)]
        wait_for_members(processes, "each process has slots")
        wait_for_more("each topic is followed")
        bridges.pop(0).kill()
        wait_for_members(processes - 1, "the process that was killed is missed")
        wait_for_more("the topics of the process that was killed are followed by others")
        bridges.append(start("bridge-added", *bridge))
        wait_for_members(processes, "the process that was added has slots")
        wait_for_more("each topic is followed again")
        for process in bridges:
            process.terminate()
        for process in bridges:
            if code := process.wait(TIMEOUT_S):
                raise RuntimeError(f"a process left with code {code}: see {folder}")
        assert server.poll() is None
        return read(redis, names)


def read(redis: Any, names: list[str]) -> Streams:
    messages = gaps = holes = 0
    longest_pause_s = 0.0
    for name in names:
        expected, times = None, []
        for entry, fields in redis.xrange(f"bridge:stream:{name}"):
            times.append(int(entry.partition(b"-")[0]) / 1000)
            if b"gap" in fields:
                told = json.loads(fields[b"gap"])
                begin, end = told["from"], told["to"]
                gaps += end - begin + 1
            else:
                begin = end = json.loads(fields[b"message"])["seq"]
                messages += 1
            holes += 0 if expected is None else abs(begin - expected)
            expected = end + 1
        longest_pause_s = max([longest_pause_s, *(b - a for a, b in itertools.pairwise(times))])
    return Streams(messages, gaps, holes, longest_pause_s)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.examples.bridge_run")
    parser.add_argument("--topics", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--rate", type=float, default=2000)
    options = parser.parse_args()
    for replays in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            found = run(Path(folder), options.topics, options.processes, options.rate, replays=replays)
            sys.stdout.write(f"{'replaying' if replays else 'forgetting'} server: {found}\n")


if __name__ == "__main__":
    main()
