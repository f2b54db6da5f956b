"""The handles that other threads may use, used by many at once: ``python -m tests.fuzz.threads``.

Threads push, join, leave, answer calls, set timers and stop a behaviour's socket, and act on its server,
while the loops of both read and write. Each call does what it says, or raises an error of fastphx. Sanitizers
look at the memory, and LeakSanitizer at the end.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from random import Random
from typing import Any

import uvloop

from fastphx import Connect, FastphxError, GenSocketClient, NoReply, Socket, reply, start_link
from fastphx.testing import Server, demo_server
from fastphx.transports import WebSocketTransport
from tests.fuzz.leaks import leaks_after

ROUNDS = 50
THREADS = 6
CALLS = 150
SELDOM = 100
"""One of so many calls ends a connection."""
TOPICS = ("room:a", "room:b", "room:c")
MAX_PAYLOAD_BYTES = 3000
CALL_TIMEOUT_S = 1.0
TIMEOUT_S = 30.0


class Shared(GenSocketClient):
    """Gives its handle and the callers that wait for an answer away."""

    def __init__(self) -> None:
        self.callers: SimpleQueue[Any] = SimpleQueue()
        self.transport: Any = None
        self.connected = asyncio.Event()

    def init(self, arg: Any) -> Connect:
        return Connect(arg)

    def handle_connected(self, transport: Any) -> None:
        self.transport = transport
        self.connected.set()

    def handle_disconnected(self, reason: Any) -> Connect:
        return Connect(after=0.01)

    def handle_call(self, message: Any, caller: Any, transport: Any) -> NoReply:
        self.callers.put(caller)
        return NoReply()


class Hammer:
    """What one thread does to a socket and its server."""

    def __init__(self, client: Shared, socket: Socket, server: Server, seed: int) -> None:
        self.client = client
        self.socket = socket
        self.random = Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.acts: tuple[Callable[[], object], ...] = (
            *(lambda: client.transport.push(self.topic(), "echo", {"x": "y" * self.size()}),) * 6,
            lambda: client.transport.push(self.topic(), "echo", bytes(self.size())),
            lambda: client.transport.join(self.topic()),
            lambda: client.transport.leave(self.topic()),
            lambda: client.transport.joined(self.topic()),
            self.answer,
            lambda: socket.send_info("hello"),
            lambda: socket.send_after(self.random.random(), "later").cancel(),
            lambda: server.broadcast(self.topic(), "news", {"x": 1}),
            lambda: server.crash_channels(self.topic()),
            lambda: (server.stats, server.topics, server.connections),
        )
        self.seldom: tuple[Callable[[], object], ...] = (
            lambda: server.cut(1),
            lambda: server.disconnect(),
        )

    def topic(self) -> str:
        return self.random.choice(TOPICS)

    def size(self) -> int:
        return self.random.randrange(MAX_PAYLOAD_BYTES)

    def answer(self) -> None:
        with suppress(Empty):
            reply(self.client.callers.get_nowait(), "answer")

    def run(self) -> Counter[str]:
        for number in range(CALLS):
            acts = self.acts if self.random.randrange(SELDOM) else self.seldom
            self.outcomes[self.outcome(self.random.choice(acts))] += 1
            if number == CALLS - 20 and not self.random.randrange(THREADS):
                self.outcomes[self.outcome(self.socket.stop)] += 1
        return self.outcomes

    @staticmethod
    def outcome(act: Callable[[], object]) -> str:
        try:
            act()
        except (FastphxError, TimeoutError) as error:
            return type(error).__name__
        return "done"


async def ask(socket: Socket) -> None:
    """Calls, until there is no socket."""
    with suppress(FastphxError):
        while True:
            with suppress(TimeoutError):
                await socket.call("anything", timeout=CALL_TIMEOUT_S)


async def hammer_one(server: Server, number: int, pool: ThreadPoolExecutor) -> Counter[str]:
    client = Shared()
    socket = await start_link(client, WebSocketTransport, server.websocket_url, trap_exit=True)
    assert socket is not None
    await asyncio.wait_for(client.connected.wait(), TIMEOUT_S)
    asking = asyncio.create_task(ask(socket))
    loop = asyncio.get_running_loop()
    hammers = [Hammer(client, socket, server, number * THREADS + each) for each in range(THREADS)]
    outcomes: Counter[str] = Counter()
    for counted in await asyncio.gather(*(loop.run_in_executor(pool, each.run) for each in hammers)):
        outcomes += counted
    await socket.stop("over")
    await asking
    return outcomes


async def hammer_all(server: Server) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(ROUNDS):
            outcomes += await hammer_one(server, number, pool)
    return outcomes


def work() -> None:
    # Channels that crash say so.
    logging.getLogger("fastphx").setLevel(logging.CRITICAL)
    outcomes: Counter[str] = Counter()
    for new_loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with demo_server() as server, asyncio.Runner(loop_factory=new_loop) as runner:
            outcomes += runner.run(hammer_all(server))
    assert outcomes["done"] > outcomes.total() / 10, outcomes
    shown = ", ".join(f"{count:,} {name}" for name, count in outcomes.most_common())
    print(f"executed {outcomes.total()}: {shown}", flush=True)


if __name__ == "__main__":
    sys.exit(int(leaks_after(work)))
