"""A clock that leaps or stands, and a loop that stalls, against what waits for a time: ``python -m
tests.faults.clocks HOST:PORT HOST:PORT [CASE…]``, in a process that has ``failing_calls.c`` preloaded, and in
an empty folder. Writes how many cells of each case there were, and what is wrong, as JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from fastphx import Client, FastphxError, connect, start_link
from fastphx.client import ClientState
from fastphx.transports import WebSocketTransport
from tests.faults.connecting import AskingBehaviour
from tests.faults.failing_calls import leap, standing
from tests.load.processes import check_identities
from tests.logged_tracebacks import logged_tracebacks
from tests.loops import LOOPS

DEADLINE_S = 30.0
YEAR_S = 365 * 86400.0
LEAP_S = 3600.0
STALL_S = 1.0
STAND_S = 0.3
INTERVAL_S = 0.4
"""Of heartbeats: shorter than a stall."""


def stand() -> None:
    with standing(time.CLOCK_MONOTONIC):
        # The kernel sleeps by its own clock, which goes on: so long the clock of this process stands.
        time.sleep(STAND_S)


ODDITIES: dict[str, Callable[[], object]] = {
    "the wall clock leaps on": lambda: leap(time.CLOCK_REALTIME, YEAR_S),
    "the wall clock leaps back": lambda: leap(time.CLOCK_REALTIME, -YEAR_S),
    "the clock leaps": lambda: leap(time.CLOCK_MONOTONIC, LEAP_S),
    "the clock stands": stand,
    # To sleep in a callback is what stalls a loop.
    "the loop stalls": lambda: time.sleep(STALL_S),
}
HARMLESS = ("the wall clock leaps on", "the wall clock leaps back")

Case = Callable[[str, Callable[[], object]], Awaitable[None]]


def _client(place: str, backoff_s: float = 0.01) -> Client:
    return connect(
        f"ws://{place}/socket",
        timeout=10.0,
        heartbeat_interval=INTERVAL_S,
        backoff=lambda _: backoff_s,
        rejoin_backoff=lambda _: 0.01,
        proxy=None,
    )


async def heartbeats(place: str, be_odd: Callable[[], object]) -> None:
    """No connection is lost: what is late is this process."""
    async with _client(place) as client:
        room = client.channel("room:a")
        await room.join()
        for _ in range(3):
            be_odd()
            await asyncio.sleep(INTERVAL_S / 2)
            await room.push("echo", {})
        await asyncio.sleep(INTERVAL_S)
        await room.push("echo", {})
        assert client.stats.reconnects == 0


async def deadlines(place: str, be_odd: Callable[[], object]) -> None:
    """A push is answered, or its time was over; the next one is answered."""
    async with _client(place) as client:
        room = client.channel("room:a")
        await room.join()
        slow = [asyncio.ensure_future(room.push("slow", {"ms": 50}, timeout=5.0)) for _ in range(10)]
        await asyncio.sleep(0)
        be_odd()
        for push in slow:
            with suppress(FastphxError):
                await push
        await room.push("echo", {})
        assert client.stats.in_flight == 0


async def reconnects(place: str, be_odd: Callable[[], object]) -> None:
    """A connection comes back when its time has come by the clock, and no time is waited twice."""
    async with _client(place, 0.2) as client:
        room = client.channel("room:a")
        await room.join()
        states = client.states()
        room.cast("kill_socket", {})
        async for state in states:
            if state is not ClientState.OPEN:
                break
        be_odd()
        async for state in states:
            if state is ClientState.OPEN:
                break
        while True:
            with suppress(FastphxError):
                await room.push("echo", {})
                break
            await asyncio.sleep(0.01)
        assert client.stats.reconnects == 1


async def behaviours(place: str, be_odd: Callable[[], object]) -> None:
    """The same of a behaviour, whose callback is odd."""

    class Odd(AskingBehaviour):
        def handle_joined(self, topic: str, payload: object, transport: object) -> None:
            be_odd()
            super().handle_joined(topic, payload, transport)

    callbacks = Odd()
    opts = {"heartbeat_interval": INTERVAL_S, "proxy": None}
    url = f"ws://{place}/socket/websocket"
    socket = await start_link(callbacks, WebSocketTransport, url, transport_opts=opts)
    assert socket is not None
    await callbacks.done.wait()
    await asyncio.sleep(2 * INTERVAL_S)
    assert not callbacks.met, callbacks.met
    await socket.stop("normal")


CASES: dict[str, Case] = {
    "heartbeats": heartbeats,
    "deadlines of pushes": deadlines,
    "reconnects": reconnects,
    "a behaviour's callbacks": behaviours,
}
LOAD = "a load run's schedule"


def attempt(case: Case, place: str, oddity: str, loop: str) -> list[str]:
    """What is wrong with a cell."""
    problems: list[str] = []

    async def run() -> None:
        told = problems.append
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told(f"told {context}"))
        # By the clock of the system: that of the loop leaps.
        watching = asyncio.ensure_future(case(place, ODDITIES[oddity]))
        ends_s = time.clock_gettime(time.CLOCK_BOOTTIME) + DEADLINE_S
        while not watching.done() and time.clock_gettime(time.CLOCK_BOOTTIME) < ends_s:
            await asyncio.wait((watching,), timeout=0.5)
        if not watching.done():
            watching.cancel()
            problems.append(f"it has not ended within {DEADLINE_S:g} s")
        try:
            await watching
        except asyncio.CancelledError:
            pass
        except Exception as error:
            problems.append("".join(traceback.format_exception(error)))

    with logged_tracebacks() as tracebacks, asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())
    return problems + tracebacks


def attempt_load(place: str, oddity: str) -> list[str]:
    """The run is invalid, and its sums are exact."""
    from tests.cli.command import sentence

    os.environ["FAULTS_ODDITY"] = oddity
    scenario = str(Path(__file__).with_name("odd_scenario.py"))
    plan = ("-c", "2", "--rate", "100", "--duration", "1s", "--workers", "1", "--json", "odd.json", "-q")
    code, _, err = sentence("load", f"ws://{place}/socket", "--scenario", scenario, *plan)
    del os.environ["FAULTS_ODDITY"]
    totals = json.loads(Path("odd.json").read_bytes())["totals"]
    check_identities(totals)
    if totals["arrivals"] != 100:
        return [f"{totals['arrivals']} arrivals of 100"]
    # A busy machine may make any run invalid.
    if code != 4 and not (code == 0 and oddity in (*HARMLESS, "the clock stands")):
        return [f"it left with code {code}: {err}"]
    return []


def main(place: str, _: str, *names: str) -> None:
    cells: dict[str, dict[str, int]] = {}
    wrong: list[str] = []
    gc.freeze()
    # The load run's own process must not have leapt yet: its worker begins by the clock that they share.
    for name in names or (LOAD, *CASES):
        cells[name] = {}
        for oddity in ODDITIES:
            if name == LOAD:
                problems = attempt_load(place, oddity)
                cells[name][oddity] = 1
            else:
                problems = [
                    f"{loop}: {each}" for loop in LOOPS for each in attempt(CASES[name], place, oddity, loop)
                ]
                cells[name][oddity] = len(LOOPS)
            wrong += [f"{name}, {oddity}: {problem}" for problem in problems]
            sys.stderr.write(f"{name}, {oddity}: {len(problems)} wrong\n")
    json.dump({"cells": cells, "wrong": wrong}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
