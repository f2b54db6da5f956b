"""A server whose topics tick: a message has the next ``seq`` of its topic, and a join may ask what it missed.

    python -m bridge.ticker --port 4000 --topics topics.txt [--rate 2000] [--no-replay]

It stands for a Phoenix server of yours: the channel is the dozen lines that yours needs, too. It also says
when all topics are followed, and when they are no longer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
from collections import Counter, defaultdict, deque
from datetime import datetime
from pathlib import Path
from typing import Any

import uvloop

from fastphx.testing import Server, ServerChannel, ServerReply

KEPT = 1000
"""How many messages of a topic can be sent again."""

BATCH_S = 0.01


class Ticker:
    """What was said on each topic."""

    def __init__(self, replays: bool) -> None:
        self.replays = replays
        self.last: dict[str, int] = defaultdict(int)
        self._kept: dict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=KEPT))

    def next_tick(self, topic: str) -> dict[str, Any]:
        self.last[topic] += 1
        tick = {"seq": self.last[topic], "price": round(random.uniform(1, 100), 2)}
        if self.replays:
            self._kept[topic].append(tick)
        return tick

    def missed(self, topic: str, after: int) -> list[dict[str, Any]]:
        return [tick for tick in self._kept[topic] if tick["seq"] > after]


class Followed:
    """How many channels each topic has."""

    def __init__(self, topics: list[str]) -> None:
        self.topics = len(topics)
        self._channels: Counter[str] = Counter()

    def add(self, topic: str) -> None:
        self._channels[topic] += 1
        if self._channels[topic] == 1 and len(self._channels) == self.topics:
            self.tell("all topics are followed")

    def remove(self, topic: str) -> None:
        if self._channels[topic] > 1:
            self._channels[topic] -= 1
            return
        if len(self._channels) == self.topics:
            self.tell("not all topics are followed")
        del self._channels[topic]

    def tell(self, what: str) -> None:
        print(datetime.now().isoformat(timespec="milliseconds"), what, flush=True)


class TickChannel(ServerChannel):
    """Answers a join with ``{"after": seq}`` by what came after it, before anything new."""

    def __init__(self, ticker: Ticker, followed: Followed) -> None:
        self.ticker = ticker
        self.followed = followed

    def join(self, topic: str, payload: Any) -> ServerReply:
        self.followed.add(topic)
        if payload.get("after") is not None:
            self.send_info(payload["after"])
        return ServerReply("ok", {"seq": self.ticker.last[topic]})

    def terminate(self, reason: Any) -> None:
        self.followed.remove(self.topic)

    def handle_info(self, after: int) -> None:
        for tick in self.ticker.missed(self.topic, after):
            self.push("tick", tick)


async def tick_on(server: Server, ticker: Ticker, topics: list[str], rate: float) -> None:
    """*rate* messages a second over all *topics*, in turn."""
    loop, sent, at = asyncio.get_running_loop(), 0, 0
    begin = loop.time()
    while True:
        await asyncio.sleep(BATCH_S)
        due = int((loop.time() - begin) * rate)
        for _ in range(due - sent):
            topic = topics[at % len(topics)]
            server.broadcast(topic, "tick", ticker.next_tick(topic))
            at += 1
        sent = due


async def main(port: int, topics: list[str], rate: float, replays: bool) -> None:
    ticker, followed = Ticker(replays), Followed(topics)
    async with Server(channels={"*": lambda: TickChannel(ticker, followed)}, port=port) as server:
        print(server.url, flush=True)
        await tick_on(server, ticker, topics, rate)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A server whose topics tick.")
    parser.add_argument("--port", type=int, default=4000)
    parser.add_argument("--topics", type=Path, required=True, help="a file with one topic a line")
    parser.add_argument("--rate", type=float, default=2000, help="messages a second, over all topics")
    parser.add_argument("--no-replay", dest="replays", action="store_false", help="forget what was said")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main(given.port, given.topics.read_text().split(), given.rate, given.replays))
