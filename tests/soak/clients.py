"""The soak's clients, which join, push, iterate, crash their channels, and are replaced: ``URL``."""

from __future__ import annotations

import asyncio
import random
import sys

import uvloop

import fastphx
from fastphx import FastphxError
from fastphx.client import Channel
from tests.soak.population import keep_alive

CLIENTS = 100
LIFE_S = 30.0
PUSH_TIMEOUT_S = 2.0
PUSHES_PER_S = 3


class Population:
    """Always the same number of clients, none of which lives long."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dice = random.Random(1)
        self.lives = self.replies = self.failures = self.heard = 0

    async def live_on(self, number: int) -> None:
        """One client after another."""
        while True:
            self.lives += 1
            try:
                async with asyncio.timeout(self.dice.expovariate(1 / LIFE_S)):
                    await self.live(number)
            except FastphxError:
                await asyncio.sleep(self.dice.uniform(0, 2))
            except TimeoutError:
                # It was cut off in the midst of whatever it did.
                pass

    async def live(self, number: int) -> None:
        async with fastphx.connect(
            self.url, heartbeat_interval=2.0, compress=number % 3 == 0, backoff_cap=2.0, buffer=number % 5
        ) as client:
            room = await client.join(
                f"room:{number % 20}", {"nick": number}, max_queue=50, policy="drop_oldest"
            )
            other = await client.join(f"room:{(number + 1) % 20}", {})
            other.on("tick", self.hear)
            listening = asyncio.create_task(self.listen(room))
            try:
                while True:
                    await self.push(room)
                    await asyncio.sleep(self.dice.expovariate(PUSHES_PER_S))
            finally:
                listening.cancel()
                await asyncio.wait((listening,))

    async def push(self, room: Channel) -> None:
        payload = {"noise": "x" * self.dice.randrange(500)}
        event = "crash" if self.dice.random() < 0.01 else "echo"
        try:
            await room.push(event, payload, timeout=PUSH_TIMEOUT_S)
        except FastphxError:
            self.failures += 1
        else:
            self.replies += 1

    async def listen(self, room: Channel) -> None:
        async for message in room:
            self.hear(message)

    def hear(self, message: object) -> None:
        self.heard += 1


async def run(url: str) -> None:
    population = Population(url)
    counts = ("lives", "replies", "failures", "heard")
    await keep_alive(
        CLIENTS, population.live_on, lambda: {name: getattr(population, name) for name in counts}
    )


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1]))
