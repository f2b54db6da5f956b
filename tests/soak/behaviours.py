"""The soak's behaviours, which join, push, answer calls, crash and are started again: ``URL``."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from typing import Any

import uvloop

from fastphx import Connect, FastphxError, GenSocketClient, NoReply, Socket, Stop, reply, start_link
from fastphx.transports import WebSocketTransport
from tests.soak.population import keep_alive

BEHAVIOURS = 50
LIFE_S = 30.0
CALL_TIMEOUT_S = 2.0
CALLS_PER_S = 3


class Caller(GenSocketClient):
    """Answers a call with what the server answers to a push."""

    def init(self, arg: Any) -> Connect:
        self.topic = f"room:{arg[1] % 20}"
        self.asked: dict[int, Any] = {}
        self.is_joined = False
        return Connect(f"{arg[0]}/websocket", {"user": str(arg[1])})

    def handle_connected(self, transport: Any) -> None:
        transport.join(self.topic, {})

    def handle_joined(self, topic: str, payload: Any, transport: Any) -> None:
        self.is_joined = True

    def handle_channel_closed(self, topic: str, payload: Any, transport: Any) -> None:
        self.is_joined = False
        self.socket.send_after(0.2, "join")

    handle_join_error = handle_channel_closed

    def handle_disconnected(self, reason: Any) -> Connect:
        self.is_joined = False
        self.asked.clear()
        return Connect(after=0.5)

    def handle_reply(self, topic: str, ref: int, payload: Any, transport: Any) -> None:
        if (caller := self.asked.pop(ref, None)) is not None:
            reply(caller, payload["status"])

    def handle_call(self, message: Any, caller: Any, transport: Any) -> NoReply:
        if self.is_joined:
            if len(self.asked) > 100:
                # The server drops replies on purpose, and nobody waits for them any more.
                self.asked.clear()
            # The connection may be closing by now.
            with contextlib.suppress(FastphxError):
                self.asked[transport.push(self.topic, message, {"noise": "x" * 100})] = caller
        return NoReply()

    def handle_info(self, message: Any, transport: Any) -> Stop | None:
        if message == "join":
            # It may be disconnected, or joined again, by now.
            with contextlib.suppress(FastphxError):
                transport.join(self.topic, {})
        return Stop("enough") if message == "enough" else None


class Population:
    """Always the same number of behaviours, none of which lives long."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dice = random.Random(2)
        self.lives = self.answers = self.failures = 0

    async def live_on(self, number: int) -> None:
        """One behaviour after another."""
        while True:
            self.lives += 1
            socket = await start_link(Caller, WebSocketTransport, (self.url, number), trap_exit=True)
            assert socket is not None
            socket.send_after(self.dice.expovariate(1 / LIFE_S), "enough")
            asking = asyncio.create_task(self.ask(socket))
            await socket.wait_closed()
            asking.cancel()
            await asyncio.wait((asking,))

    async def ask(self, socket: Socket) -> None:
        while True:
            event = "crash" if self.dice.random() < 0.01 else "echo"
            try:
                await socket.call(event, timeout=CALL_TIMEOUT_S)
            except (FastphxError, TimeoutError):
                self.failures += 1
            else:
                self.answers += 1
            await asyncio.sleep(self.dice.expovariate(CALLS_PER_S))


async def run(url: str) -> None:
    population = Population(url)
    counts = ("lives", "answers", "failures")
    await keep_alive(
        BEHAVIOURS, population.live_on, lambda: {name: getattr(population, name) for name in counts}
    )


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1]))
