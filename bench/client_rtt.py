"""How long a push of the async client takes, beside bare picows against the same server in the same run.

    python bench/client_rtt.py [--rounds 7] [--pushes 2000] [--in-flight 1000] [--replies 50000]

The embedded server runs in a process of its own. One at a time: the time of `await room.push(…)`, beside a
bare picows client that sends the same bytes and awaits the frame that comes back. Many in flight: replies a
second of as many tasks that push and await, beside a bare picows client that sends a frame for each that
comes back and counts. The sides take turns. Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import picows
import uvloop

import fastphx
from fastphx.client import Channel
from fastphx.testing import ServerProcess
from interleave import Ratio, ratio

RTT_TARGET = 1.25
IN_FLIGHT_TARGET = 0.15
TIMEOUT_S = 120
PAYLOAD = {"at": 1700000000, "body": "the quick brown fox jumps", "user": "ann"}
FRAME = b'["1","%d","room:lobby","echo",{"at":1700000000,"body":"the quick brown fox jumps","user":"ann"}]'


class Bare(picows.WSListener):  # type: ignore[misc]
    """Sends frames and knows nothing of what is in them."""

    def __init__(self) -> None:
        self.came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ref = 1
        self.to_send = self.to_come = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self.to_come -= 1
        if self.to_send:
            self.to_send -= 1
            self.send()
        elif self.to_come == 0:
            self.came.set_result(None)

    def send(self) -> None:
        self.ref += 1
        self.transport.send(picows.WSMsgType.TEXT, FRAME % self.ref)

    async def exchange(self, frames: int, in_flight: int) -> None:
        self.came = asyncio.get_running_loop().create_future()
        self.to_come, self.to_send = frames, frames - in_flight
        for _ in range(in_flight):
            self.send()
        await self.came


async def p50_ns(push: Callable[[], Awaitable[object]], count: int) -> float:
    times = []
    for _ in range(count):
        started = time.perf_counter_ns()
        await push()
        times.append(time.perf_counter_ns() - started)
    return statistics.median(times)


async def many(room: Channel, replies: int, in_flight: int) -> float:
    async def pusher(count: int) -> None:
        for _ in range(count):
            await room.push("echo", PAYLOAD)

    started = time.perf_counter()
    await asyncio.gather(*(pusher(replies // in_flight) for _ in range(in_flight)))
    return (time.perf_counter() - started) / (replies // in_flight * in_flight)


async def measure(url: str, options: argparse.Namespace) -> tuple[Ratio, Ratio]:
    _, bare = await picows.ws_connect(Bare, f"{url}/websocket?vsn=2.0.0")
    bare.came, bare.to_come = asyncio.get_running_loop().create_future(), 1
    bare.transport.send(picows.WSMsgType.TEXT, b'["1","1","room:lobby","phx_join",{}]')
    await bare.came
    single: dict[str, list[float]] = {"client": [], "bare": []}
    crowd: dict[str, list[float]] = {"client": [], "bare": []}

    async def client_round(room: Channel) -> None:
        single["client"].append(await p50_ns(lambda: room.push("echo", PAYLOAD), options.pushes))
        crowd["client"].append(await many(room, options.replies, options.in_flight))

    async def bare_round() -> None:
        single["bare"].append(await p50_ns(lambda: bare.exchange(1, 1), options.pushes))
        started = time.perf_counter()
        await bare.exchange(options.replies, options.in_flight)
        crowd["bare"].append((time.perf_counter() - started) / options.replies)

    async with fastphx.connect(url, heartbeat_interval=0) as client:
        room = await client.join("room:lobby")
        await p50_ns(lambda: room.push("echo", PAYLOAD), 200)
        await bare.exchange(200, 1)
        for number in range(options.rounds):
            if number % 2:
                await client_round(room)
                await bare_round()
            else:
                await bare_round()
                await client_round(room)
    bare.transport.disconnect()
    for name in ("bare", "client"):
        print(
            f"{name:7} p50 {statistics.median(single[name]) / 1e3:7.1f} µs one at a time, "
            f"{1 / statistics.median(crowd[name]):9.0f} replies/s with {options.in_flight} in flight"
        )
    return ratio(single["client"], single["bare"]), ratio(crowd["bare"], crowd["client"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pushes", type=int, default=2_000)
    parser.add_argument("--in-flight", type=int, default=1_000)
    parser.add_argument("--replies", type=int, default=50_000)
    options = parser.parse_args()
    with ServerProcess() as server:
        rtt, in_flight = uvloop.run(asyncio.wait_for(measure(server.url, options), TIMEOUT_S))
    print(f"push to reply, p50   {rtt} times bare picows (at most {RTT_TARGET})")
    print(f"replies/s in flight  {in_flight} of bare picows (at least {IN_FLIGHT_TARGET})")
    return 0 if rtt.median <= RTT_TARGET and in_flight.median >= IN_FLIGHT_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
