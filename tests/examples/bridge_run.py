"""Runs `examples/bridge/` with several processes, which are killed, added and ended under traffic, and checks
every stream. Exit code 1 where a message is missing unsaid, or others took longer than they promise.

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
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from redis import Redis, exceptions

from tests.free_port import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT_S = 60.0
MORE_OF_EACH = 3
"""How many messages of each topic come between one step and the next."""

SLOTS = 256
PROMISED_S = 5.0
"""Within what others follow the topics of a process that was killed, as `bridge.__main__` says."""


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


@dataclass(frozen=True)
class Run:
    """What became of the streams; and, by the change of processes, after what time each had its share and the
    server said that all topics were followed."""

    streams: Streams
    settled_s: dict[str, float]


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


def followed_at(log: Path) -> datetime | None:
    """When the server said that all topics are followed; None if they are not, by its last word."""
    last = log.read_text().splitlines()[-1:]
    moment, _, said = "".join(last).partition(" ")
    return datetime.fromisoformat(moment) if said == "all topics are followed" else None


def run(folder: Path, topics: int, processes: int, rate: float, *, replays: bool) -> Run:
    """Follow *topics* with *processes*, three or more; some are killed, added and ended under traffic."""
    names = [f"stock:{number}" for number in range(topics)]
    listed = folder / "topics.txt"
    listed.write_text("\n".join(names))
    redis_port, port = free_port(), free_port()
    redis_url, url = f"redis://127.0.0.1:{redis_port}/0", f"ws://127.0.0.1:{port}/socket"
    redis: Any = Redis.from_url(redis_url)
    settled_s: dict[str, float] = {}
    server_log = folder / "ticker.log"

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

    def is_shared() -> bool:
        """Whether the processes that there are have all slots, each a fair share."""
        owners = redis.mget([f"bridge:lease:{slot}" for slot in range(SLOTS)])
        shares = Counter(None if owner is None else int(owner.rpartition(b":")[2]) for owner in owners)
        fair = -(-SLOTS // len(bridges))
        return shares.keys() == {process.pid for process in bridges} and max(shares.values()) <= fair

    def settle(change: str, begun: datetime) -> None:
        """Until the processes share the topics, and messages come of all of them."""
        until(lambda: is_shared() and followed_at(server_log) is not None, f"{change}: all topics are shared")
        moment = followed_at(server_log)
        assert moment is not None
        settled_s[change] = (moment - begun).total_seconds()
        wait_for_more(f"{change}: messages come of each topic")

    with contextlib.ExitStack() as stack:

        def start(name: str, *command: str | Path) -> subprocess.Popen[bytes]:
            return stack.enter_context(started(folder / f"{name}.log", *command))

        def add() -> None:
            command = (sys.executable, "-m", "bridge", url, listed, "--redis", redis_url)
            bridges.append(start(f"bridge-{next(numbers)}", *command))

        def end() -> subprocess.Popen[bytes]:
            """Ask a process to end: it gives its topics to the others."""
            process = bridges.pop(0)
            process.terminate()
            return process

        bridges: list[subprocess.Popen[bytes]] = []
        numbers = itertools.count()
        start("redis", "redis-server", "--port", str(redis_port), "--save", "", "--appendonly", "no")
        until(lambda: answers(redis), "Redis answers")
        options = ["--port", str(port), "--topics", listed, "--rate", str(rate)]
        server = start(
            "ticker", sys.executable, "-m", "bridge.ticker", *options, *(() if replays else ("--no-replay",))
        )
        begun = datetime.now()
        for _ in range(processes):
            add()
        settle("started", begun)

        begun = datetime.now()
        bridges.pop(0).kill()
        settle("one killed", begun)

        begun = datetime.now()
        add()
        settle("one added", begun)

        begun = datetime.now()
        ended = [end()]
        settle("one ended", begun)

        begun = datetime.now()
        bridges.pop(0).kill()
        ended.append(end())
        add()
        add()
        settle("one killed, one ended, two added", begun)

        while bridges:
            ended.append(end())
        for process in ended:
            if code := process.wait(TIMEOUT_S):
                raise RuntimeError(f"a process ended with code {code}: see {folder}")
        assert server.poll() is None
        return Run(read(redis, names), settled_s)


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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.examples.bridge_run")
    parser.add_argument("--topics", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--rate", type=float, default=2000)
    options = parser.parse_args()
    failed = False
    for replays in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            found = run(Path(folder), options.topics, options.processes, options.rate, replays=replays)
        streams = found.streams
        sys.stdout.write(
            f"{'replaying' if replays else 'forgetting'} server: {streams.messages:,} messages, "
            f"{streams.gaps:,} told as gaps, {streams.holes} holes; "
            f"the longest pause of a topic was {streams.longest_pause_s:.1f} s\n"
        )
        for change, took_s in found.settled_s.items():
            sys.stdout.write(f"  {change}: all topics were followed after {took_s:.1f} s\n")
        failed |= streams.holes > 0 or found.settled_s["one killed"] > PROMISED_S
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
