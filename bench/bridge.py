"""What a process of `examples/bridge/` takes: memory and joins of its topics, and messages a second a core.

    python bench/bridge.py [--topics 10000] [--seconds 10] [--rates 4000 8000 …]

The bridge has one core for itself; the server and Redis share another. A rate holds if what the bridge has
written by the end is what was sent. Needs redis-server, and two cores.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

import process_tree

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.free_port import free_port  # noqa: E402

EXAMPLES = HERE.parent / "examples"
RATES = (4000, 8000, 12_000, 16_000, 18_000, 20_000, 22_000, 24_000, 26_000)
HELD = 0.98
WARM_S = 3.0
"""Not measured: what is joined and allocated at first."""
POLL_S = 0.01
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Running:
    """One bridge between a server and Redis, whose topics are all followed."""

    redis: Any
    bridge: int
    server: int
    store: int
    followed_s: float
    """Seconds from the bridge's start until the server had all its topics followed."""

    def written(self) -> int:
        return sum(map(int, self.redis.hvals("bridge:cursors")))


@contextlib.contextmanager
def started(core: int, log: Path, *command: object) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as out,
        subprocess.Popen([*map(str, command)], cwd=EXAMPLES, stdout=out, stderr=out) as process,
    ):
        os.sched_setaffinity(process.pid, {core})
        try:
            yield process
        finally:
            process.kill()


def wait_for(log: Path, text: str) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while text not in log.read_text():
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"not within {TIMEOUT_S:g} s: {text!r}; it said {log.read_text()[-500:]!r}")
        # Nothing tells when a file has grown.
        time.sleep(POLL_S)


@contextlib.contextmanager
def running(folder: Path, topics: int, rate: float) -> Iterator[Running]:
    first, second = sorted(os.sched_getaffinity(0))[:2]
    listed, said = folder / "topics.txt", folder / "ticker.log"
    listed.write_text("\n".join(f"stock:{number}" for number in range(topics)))
    redis_port, port = free_port(), free_port()
    redis_url = f"redis://127.0.0.1:{redis_port}/0"
    store = ("redis-server", "--port", redis_port, "--save", "", "--appendonly", "no")
    ticker = (sys.executable, "-m", "bridge.ticker", "--port", port, "--topics", listed, "--rate", rate)
    bridge = (sys.executable, "-m", "bridge", f"ws://127.0.0.1:{port}/socket", listed, "--redis", redis_url)
    with (
        started(second, folder / "redis.log", *store) as redis_process,
        started(second, said, *ticker) as server,
        contextlib.closing(Redis.from_url(redis_url)) as redis,
    ):
        wait_for(said, "ws://")
        wait_for(folder / "redis.log", "Ready to accept connections")
        begun_s = time.monotonic()
        with started(first, folder / "bridge.log", *bridge) as process:
            wait_for(said, "all topics are followed")
            followed_s = time.monotonic() - begun_s
            yield Running(redis, process.pid, server.pid, redis_process.pid, followed_s)


def of_topics(folder: Path, topics: int) -> None:
    """What a topic costs that says nothing."""
    found = {}
    for count in (1, topics):
        with running(folder, count, rate=0) as run:
            time.sleep(WARM_S)
            found[count] = run.followed_s, process_tree.memory_bytes(run.bridge, "Rss")
    (alone_s, alone), (all_s, every) = found[1], found[topics]
    print(
        f"{topics:,} topics: {every / 2**20:.0f} MiB, and {alone / 2**20:.0f} MiB with one; "
        f"{(every - alone) / (topics - 1) / 1000:.1f} KB a topic"
    )
    print(
        f"{topics:,} topics: all followed {all_s:.1f} s after the start, and one {alone_s:.1f} s", flush=True
    )


def of_rate(folder: Path, topics: int, rate: float, seconds: float) -> bool:
    """What messages at *rate* cost; whether all that were sent were written."""
    with running(folder, topics, rate) as run:
        time.sleep(WARM_S)
        processes = (run.bridge, run.store, run.server)
        written, begun_s = run.written(), time.monotonic()
        before = [process_tree.cpu_s(each) for each in processes]
        # What is measured is what the processes do meanwhile.
        time.sleep(seconds)
        used = [process_tree.cpu_s(each) - earlier for each, earlier in zip(processes, before, strict=True)]
        written, took_s = run.written() - written, time.monotonic() - begun_s
    held = written >= HELD * rate * took_s
    bridge, store, server = (f"{each / took_s:.0%}" for each in used)
    print(
        f"{rate:,.0f}/s {'held' if held else 'NOT held'}: {written / took_s:,.0f}/s written; "
        f"a core's share: bridge {bridge}, Redis {store}, server {server}; "
        f"a message: bridge {used[0] / written * 1e6:.1f} µs, Redis {used[1] / written * 1e6:.1f} µs",
        flush=True,
    )
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--topics", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rates", type=int, nargs="+", default=RATES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        of_topics(folder, options.topics)
        for rate in options.rates:
            if not of_rate(folder, options.topics, rate, options.seconds):
                break


if __name__ == "__main__":
    main()
