"""Follows thousands of topics with several processes, and writes what it hears into Redis streams.

    cd examples
    python -m bridge.ticker --port 4000 --topics topics.txt &      # or a Phoenix server of yours
    python -m bridge ws://127.0.0.1:4000/socket topics.txt         # as many of these as are needed

Each message is an object with a ``seq`` that counts up by one in its topic, and the server answers a join
with ``{"after": seq}`` by sending what came after. A process that is killed is replaced by the others within
five seconds, which go on from its cursors. What a server cannot send again stands as a gap in the stream.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections import defaultdict
from pathlib import Path

import uvloop
from redis.asyncio import Redis

import fastphx
from fastphx import Channel, Client, FastphxError
from fastphx.protocol.message import Message

from .leases import Leases, slot_of
from .streams import SlotWriter, Streams, gap

TICK_S = 1.0
RETRY_S = 1.0
LEAVE_S = 0.5
"""How long a server may take to answer a leave: leases are renewed only afterwards."""

JOINS_AT_ONCE = 200
MAX_QUEUE = 10_000
logger = logging.getLogger("bridge")


class Bridge:
    """One process: its leases, its channels, and its way to Redis."""

    def __init__(self, client: Client, redis: Redis, topics: list[str]) -> None:
        self.client = client
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self.leases = Leases(redis, owner)
        self.streams = Streams(redis, owner)
        self.topics_of: dict[int, list[str]] = defaultdict(list)
        for topic in topics:
            self.topics_of[slot_of(topic)].append(topic)
        self._following: dict[int, asyncio.Task[None]] = {}
        self._joins = asyncio.Semaphore(JOINS_AT_ONCE)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow a fair share of the topics until *stop* is set. Raises RedisError when Redis is gone:
        another process may reach it, and takes over when the leases have run out."""
        writing = asyncio.create_task(self.streams.write_on())
        try:
            while not stop.is_set():
                if writing.done():
                    writing.result()
                taken, lost = await self.leases.tick()
                late, self.streams.refused = self.streams.refused & self.leases.held, set()
                await self.stop_following(lost | late)
                await self.leases.release(lost)
                await self.begin_following(taken | late)
                if taken or lost:
                    logger.info("%d slots", len(self.leases.held))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), TICK_S)
        finally:
            await self.stop_following(frozenset(self._following))
            self.streams.end()
            await writing
            await self.leases.leave()

    async def begin_following(self, slots: frozenset[int]) -> None:
        """Follow the topics of *slots* from where they were written last."""
        # Of all at once; and here, not in the tasks: redis-py may let a cancelled one go on.
        cursors = await self.streams.cursors([topic for slot in slots for topic in self.topics_of[slot]])
        for slot in slots:
            self._following[slot] = asyncio.create_task(self.follow(slot, cursors))

    async def follow(self, slot: int, cursors: dict[str, int | None]) -> None:
        """Follow the topics of *slot* until this is cancelled."""
        writer = self.streams.open(slot)
        channels = [self.channel(writer, topic, cursors[topic]) for topic in self.topics_of[slot]]
        try:
            await asyncio.gather(*(self.join(channel) for channel in channels))
            await asyncio.Event().wait()
        finally:
            self.streams.close(slot)
            await asyncio.gather(*(self.leave(channel) for channel in channels))

    async def stop_following(self, slots: frozenset[int]) -> None:
        """Write no more for *slots*, and leave their topics."""
        tasks = [task for slot in slots if (task := self._following.pop(slot, None)) is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def channel(self, writer: SlotWriter, topic: str, cursor: int | None) -> Channel:
        """A channel that writes what it hears, and what it can no longer hear as a gap."""
        channel = self.client.channel(topic, lambda after: {"after": after}, max_queue=MAX_QUEUE)
        channel.cursor = cursor

        async def on_tick(message: Message) -> None:
            seq, after = message.payload["seq"], channel.cursor
            if after is not None and seq <= after:
                # It came live, and again with what was missed.
                return
            if after is not None and seq > after + 1:
                await writer.add(topic, seq - 1, "gap", gap(after + 1, seq - 1))
            channel.cursor = seq
            await writer.add(topic, seq, "message", message.raw)

        channel.on("tick", on_tick)
        return channel

    async def join(self, channel: Channel) -> None:
        """Join, however often it takes."""
        while True:
            try:
                async with self._joins:
                    await channel.join()
            except FastphxError as error:
                logger.warning("%s was not joined: %s", channel.topic, error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def leave(self, channel: Channel) -> None:
        channel.off("tick")
        with contextlib.suppress(FastphxError):
            await channel.leave(timeout=LEAVE_S)


async def main(url: str, topics: list[str], redis_url: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        Redis.from_url(redis_url) as redis,
        # A few milliseconds' wait makes each message cheaper.
        fastphx.connect(url, shards="auto", read_interval=0.005) as client,
    ):
        await Bridge(client, redis, topics).run(stop)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write what topics say into Redis streams.")
    parser.add_argument("url", help="the Phoenix socket, such as ws://127.0.0.1:4000/socket")
    parser.add_argument("topics", type=Path, help="a file with one topic a line")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    given = parser.parse_args()
    logger.setLevel(logging.INFO)
    logging.basicConfig(format="%(asctime)s %(process)d %(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main(given.url, given.topics.read_text().split(), given.redis))
