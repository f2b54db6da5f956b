"""What a `call` of the behaviour costs, beside an awaited push of the client, in the same run.

    python bench/call.py [--rounds 7] [--sockets 50] [--in-flight 20] [--asks 40000]

A call goes the whole way by callbacks: `call`, `handle_call`, which pushes and returns `NoReply`,
`handle_reply`, `reply`. The push is `await room.push(…)`. The embedded server, in a process of its own,
echoes both. Each side has its own sockets, with as many tasks on each as are in flight. The sides take turns
in one process, and its CPU time is compared. Exit code 1 where the target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

import fastphx
from fastphx import Connect, GenSocketClient, NoReply, Socket, reply, start_link
from fastphx.gen_socket_client import Caller, TransportHandle
from fastphx.testing import ServerProcess
from interleave import Ratio, ratio

SOCKETS, IN_FLIGHT, ASKS = 50, 20, 40_000
TARGET = 1.3
TIMEOUT_S = 600
PAYLOAD = {"at": 1700000000, "body": "the quick brown fox jumps", "user": "ann"}
TOPIC = "room:lobby"
Ask = Callable[[], Awaitable[object]]


class Asked(GenSocketClient):
    """Asks the server what it is asked, and answers with the reply."""

    def init(self, arg: tuple[str, asyncio.Future[None]]) -> Connect:
        url, self.joined = arg
        self.asked: dict[int, Caller] = {}
        return Connect(f"{url}/websocket")

    def handle_connected(self, transport: TransportHandle) -> None:
        transport.join(TOPIC)

    def handle_joined(self, topic: str, payload: Any, transport: TransportHandle) -> None:
        self.joined.set_result(None)

    def handle_call(self, message: Any, caller: Caller, transport: TransportHandle) -> NoReply:
        self.asked[transport.push(TOPIC, "echo", message)] = caller
        return NoReply()

    def handle_reply(self, topic: str, ref: int, payload: Any, transport: TransportHandle) -> None:
        reply(self.asked.pop(ref), payload["response"])


async def cpu_us(asks: list[Ask], in_flight: int, count: int) -> float:
    """CPU microseconds an ask."""
    each = count // (len(asks) * in_flight)

    async def ask_again(ask: Ask) -> None:
        for _ in range(each):
            await ask()

    started = time.process_time()
    await asyncio.gather(*(ask_again(ask) for ask in asks for _ in range(in_flight)))
    return (time.process_time() - started) * 1e6 / (each * len(asks) * in_flight)


async def behaviour(url: str) -> Socket:
    joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    socket = await start_link(
        Asked, arg=(url, joined), transport_opts={"heartbeat_interval": 0}, mailbox_limit=100_000
    )
    assert socket is not None
    await joined
    return socket


async def measure(url: str, count: int, in_flight: int, asks: int, rounds: int) -> dict[str, list[float]]:
    """CPU microseconds an ask, of each round of each side."""
    clients = [fastphx.connect(url, heartbeat_interval=0) for _ in range(count)]
    rooms = [await (await client).join(TOPIC) for client in clients]
    sockets = [await behaviour(url) for _ in range(count)]
    pushes: list[Ask] = [lambda room=room: room.push("echo", PAYLOAD) for room in rooms]  # type: ignore[misc]
    calls: list[Ask] = [lambda socket=socket: socket.call(PAYLOAD) for socket in sockets]  # type: ignore[misc]
    sides = {"awaited push": pushes, "call": calls}
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            figure = await cpu_us(sides[name], in_flight, asks)
            if number:
                # The first round warms up.
                samples[name].append(figure)
    for socket in sockets:
        await socket.stop()
    for client in clients:
        await client.close()
    return samples


def compare(sockets: int, in_flight: int, asks: int, rounds: int) -> tuple[Ratio, str]:
    """CPU time of a call as a part of that of an awaited push, and both."""
    with ServerProcess() as server:
        measuring = measure(server.url, sockets, in_flight, asks, rounds)
        samples = uvloop.run(asyncio.wait_for(measuring, TIMEOUT_S))
    said = ", ".join(f"{name} {statistics.median(figures):.2f} µs" for name, figures in samples.items())
    return ratio(samples["call"], samples["awaited push"]), said


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sockets", type=int, default=SOCKETS)
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    parser.add_argument("--asks", type=int, default=ASKS)
    options = parser.parse_args()
    found, said = compare(options.sockets, options.in_flight, options.asks, options.rounds)
    print(f"call / awaited push: {found} of its CPU time (at most {TARGET}); {said}")
    return 0 if found.median <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
