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
from interleave import ratio

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


async def measure(url: str, options: argparse.Namespace) -> dict[str, list[float]]:
    clients = [fastphx.connect(url, heartbeat_interval=0) for _ in range(options.sockets)]
    rooms = [await (await client).join(TOPIC) for client in clients]
    sockets = [await behaviour(url) for _ in range(options.sockets)]
    pushes: list[Ask] = [lambda room=room: room.push("echo", PAYLOAD) for room in rooms]  # type: ignore[misc]
    calls: list[Ask] = [lambda socket=socket: socket.call(PAYLOAD) for socket in sockets]  # type: ignore[misc]
    sides = {"awaited push": pushes, "call": calls}
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(options.rounds + 1):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            figure = await cpu_us(sides[name], options.in_flight, options.asks)
            if number:
                # The first round warms up.
                samples[name].append(figure)
    for socket in sockets:
        await socket.stop()
    for client in clients:
        await client.close()
    return samples


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sockets", type=int, default=50)
    parser.add_argument("--in-flight", type=int, default=20)
    parser.add_argument("--asks", type=int, default=40_000)
    options = parser.parse_args()
    with ServerProcess() as server:
        samples = uvloop.run(asyncio.wait_for(measure(server.url, options), TIMEOUT_S))
    for name, figures in samples.items():
        print(f"{name:14} {statistics.median(figures):6.2f} µs of CPU")
    reached = ratio(samples["call"], samples["awaited push"])
    print(f"call           {reached} times the awaited push (at most {TARGET})")
    return 0 if reached.median <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
