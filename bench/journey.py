"""What a journey costs: its pushes beside the client's own, its users' memory, and visits a second.

    python bench/journey.py [--rounds 7] [--pushes 40000] [--users 2000] [--arrivals 1000]

Pushes: the same awaited push through the rooms of a journey, counted and timed as steps, and through
`fastphx.client` alone, in turns in one process, with 1 and with 50 in flight, one on each socket; its CPU
time is compared. Users: what a user that thinks takes, with its socket and one topic. Visits: `fastphx load`
with arrivals of a visit that connects, joins, pushes three times, leaves and closes, against the embedded
server.
Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

import fastphx
from fastphx.load.journeys.run import Run
from fastphx.load.journeys.user import User
from fastphx.load.journeys.visit import Visit
from fastphx.load.plan.plan import Plan
from fastphx.load.result.reasons import Reasons
from fastphx.load.worker.journey_meter import JourneyMeter
from fastphx.operating_system.memory import rss_bytes
from fastphx.testing import ServerProcess
from interleave import Ratio, ratio

PUSHES, USERS = 40_000, 2000
PUSH_TARGET = 1.5
STEPS_TARGET = 25_000
USER_TARGET_KB = 25.0
ARRIVALS_TARGET = 1000
LAG_TARGET_S = 0.1
IN_FLIGHT = (1, 50)
TIMEOUT_S = 600
TOPIC = "room:lobby"
PAYLOAD = {"at": 1700000000, "body": "the quick brown fox jumps", "user": "ann"}
VISIT = """
from fastphx.load import User

class Visitor(User):
    async def run(self):
        async with self.socket("/socket") as socket:
            room = await socket.join("room:lobby")
            for n in range(3):
                await room.push("echo", {"n": n})
            await room.leave()
"""
Push = Callable[[], Awaitable[object]]


def new_run(url: str) -> Run:
    """What the visits of a worker share, in this process."""
    plan = Plan.from_mapping({"url": url, "heartbeat": "0s"})
    return Run(plan, JourneyMeter("", 100, print, Reasons()))


def new_user(run: Run, number: int, user_class: type[User] = User) -> User:
    """One whose visit begins now."""
    user = user_class.__new__(user_class)
    user._visit = Visit(run, number, number, {})
    return user


async def journey_rooms(run: Run, count: int) -> list[Any]:
    users = [new_user(run, number) for number in range(count)]
    return [await (await user.socket("/socket")).join(TOPIC) for user in users]


async def cpu_and_wall_us(pushes: list[Push], count: int) -> tuple[float, float]:
    """CPU and wall microseconds a push."""
    each = count // len(pushes)

    async def push_again(push: Push) -> None:
        for _ in range(each):
            await push()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(push_again, pushes))
    taken = time.process_time() - cpu, time.perf_counter() - wall
    return tuple(1e6 * seconds / (each * len(pushes)) for seconds in taken)  # type: ignore[return-value]


async def in_turns(
    sides: dict[str, list[Push]], count: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall microseconds a push, of each round of each side; a round before them warms up."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            found = await cpu_and_wall_us(sides[name], count)
            if number:
                samples[name].append(found)
    return samples


async def measure_pushes(
    url: str, in_flight: int, pushes: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall microseconds a push, of each round of each side."""
    clients = [await fastphx.connect(url, heartbeat_interval=0) for _ in range(in_flight)]
    rooms = {
        "client": [await client.join(TOPIC) for client in clients],
        "journey": await journey_rooms(new_run(url), in_flight),
    }
    sides: dict[str, list[Push]] = {
        name: [lambda room=room: room.push("echo", PAYLOAD) for room in joined]  # type: ignore[misc]
        for name, joined in rooms.items()
    }
    return await in_turns(sides, pushes, rounds)


def pushes(in_flight: int, count: int, rounds: int) -> tuple[Ratio, list[float], str]:
    """CPU time of a journey's push as a part of the client's, the journey's pushes a second in each round,
    and the CPU times."""
    with ServerProcess() as server:
        measuring = measure_pushes(server.url, in_flight, count, rounds)
        samples = uvloop.run(asyncio.wait_for(measuring, TIMEOUT_S))
    cpu = {name: [figures[0] for figures in found] for name, found in samples.items()}
    said = ", ".join(f"{name} {statistics.median(figures):.2f} µs" for name, figures in cpu.items())
    return ratio(cpu["journey"], cpu["client"]), [1e6 / wall for _, wall in samples["journey"]], said


class Thinker(User):
    """Opens a socket, joins a topic, and thinks until it is cancelled."""

    async def run(self) -> None:
        async with self.socket("/socket") as socket:
            await socket.join(TOPIC.replace("lobby", str(self.number)))
            await self.think(TIMEOUT_S)


async def measure_users(url: str, count: int, user_class: type[User] = Thinker) -> float:
    """Bytes of a user that thinks."""
    run = new_run(url)
    tasks: list[asyncio.Task[None]] = []

    async def add(number: int) -> None:
        for at in range(len(tasks), len(tasks) + number):
            user = new_user(run, at, user_class)
            tasks.append(asyncio.create_task(user.run()))
            user._visit.task = tasks[-1]
            if at % 50 == 49:
                await asyncio.sleep(0.02)
        while len(run.sleeping) < len(tasks):  # noqa: ASYNC110 - tasks of others come to it
            await asyncio.sleep(0.001)
        gc.collect()

    # The first ones bring what all share.
    await add(count // 10)
    before = rss_bytes()
    await add(count)
    taken = (rss_bytes() - before) / count
    run.stop()
    await asyncio.wait(tasks, timeout=10)
    await run.close()
    return taken


def user_kb(file: str, count: int, *arguments: str, **environment: str) -> float:
    """Kilobytes of one of *count* users of the benchmark *file*: in a process of its own, since memory that
    was used once is used again."""
    command = [sys.executable, file, "--only-users", str(count), *arguments]
    ran = subprocess.run(
        command, capture_output=True, check=True, timeout=TIMEOUT_S, env={**os.environ, **environment}
    )
    return float(ran.stdout) / 1e3


def users(count: int) -> float:
    """Kilobytes of a user that thinks, with its socket and one topic."""
    return user_kb(__file__, count)


def visits(rate: int, duration_s: float = 10.0) -> dict[str, Any]:
    """The result of arrivals at *rate* a second against the embedded server."""
    with tempfile.TemporaryDirectory() as folder:
        script, result = Path(folder, "visit.py"), Path(folder, "result.json")
        script.write_text(VISIT)
        command = [sys.executable, "-m", "fastphx", "load", str(script), "--arrivals", f"{rate}/s"]
        command += ["--duration", f"{duration_s:g}s", "--json", str(result), "--quiet", "--workers", "2"]
        subprocess.run(command, timeout=TIMEOUT_S, check=False, stderr=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(result.read_text())
        return found


def most_visits(first: int, step: int = 100) -> tuple[int, float]:
    """The greatest rate of visits that holds, in steps from *first* on, and its schedule lag (p99)."""
    held, lag_s = 0, 0.0
    for rate in range(first, 10 * first, step):
        result = visits(rate, 5.0)
        found_s = result["client"]["schedule_lag_p99_s"]
        if result["outcome"] != "ok" or found_s >= LAG_TARGET_S:
            break
        held, lag_s = rate, found_s
    return held, lag_s


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pushes", type=int, default=PUSHES)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--arrivals", type=int, default=ARRIVALS_TARGET)
    parser.add_argument("--only-users", type=int, help="bytes of one of so many users that think")
    options = parser.parse_args()
    if options.only_users:
        with ServerProcess() as server:
            print(uvloop.run(asyncio.wait_for(measure_users(server.url, options.only_users), TIMEOUT_S)))
        return 0
    is_met = True
    for in_flight in IN_FLIGHT:
        count = options.pushes if in_flight > 1 else options.pushes // 4
        found, rates, said = pushes(in_flight, count, options.rounds)
        rate = statistics.median(rates)
        print(f"push / client's, {in_flight} in flight: {found} of its CPU time; {said}; {rate:,.0f}/s")
        if in_flight > 1:
            is_met &= found.median <= PUSH_TARGET and rate >= STEPS_TARGET
    size_kb = users(options.users)
    print(f"a user that thinks: {size_kb:.1f} KB (at most {USER_TARGET_KB:g})")
    held, lag_s = most_visits(options.arrivals)
    print(f"visits a second that hold: {held:,}, schedule lag p99 {1e3 * lag_s:.1f} ms")
    return 0 if is_met and size_kb <= USER_TARGET_KB and held >= ARRIVALS_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
