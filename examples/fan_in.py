"""Many topics into one table: every message of every topic becomes a row, in batches.

    python examples/fan_in.py ws://127.0.0.1:4000/socket messages.db fan:0 fan:1 fan:2

What is written is noted as the channel's cursor, so a join after an outage asks for what came after it: a
server that can replay has the payload's ``since`` to go by. Stop it with Ctrl-C: what was read is written.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sqlite3
from typing import NamedTuple

import fastphx
from fastphx import Channel, Client, Outage

BATCH = 500
"""Rows in one transaction, at most."""


class Row(NamedTuple):
    channel: Channel
    event: str
    payload: str


async def read(client: Client, topic: str, rows: asyncio.Queue[Row]) -> None:
    """Join *topic* and put its messages into *rows*; a full queue makes the client read more slowly."""
    room = client.channel(topic, lambda cursor: {"since": cursor})
    await room.join()
    async for message in room:
        if isinstance(message, Outage):
            print(f"{topic}: away for {message.duration_s:.1f} s", flush=True)
        else:
            await rows.put(Row(room, message.event, message.raw.decode()))


async def write(database: str, rows: asyncio.Queue[Row]) -> None:
    """Write what is in *rows*, as much of it in one transaction as there is."""
    with contextlib.closing(sqlite3.connect(database, check_same_thread=False)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS messages "
            "(id INTEGER PRIMARY KEY, topic TEXT NOT NULL, event TEXT NOT NULL, payload TEXT NOT NULL)"
        )
        insert = "INSERT INTO messages (topic, event, payload) VALUES (?, ?, ?)"
        while True:
            batch = [await rows.get()]
            while not rows.empty() and len(batch) < BATCH:
                batch.append(rows.get_nowait())
            values = [(row.channel.topic, row.event, row.payload) for row in batch]
            # In a thread: the loop goes on reading while the disk is slow.
            await asyncio.to_thread(connection.executemany, insert, values)
            await asyncio.to_thread(connection.commit)
            (last,) = connection.execute("SELECT max(id) FROM messages").fetchone()
            for row in batch:
                row.channel.cursor = last
                rows.task_done()


async def main(url: str, database: str, topics: list[str]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    rows: asyncio.Queue[Row] = asyncio.Queue(maxsize=10 * BATCH)
    async with fastphx.connect(url, shards="auto") as client:
        writer = asyncio.create_task(write(database, rows))
        readers = [asyncio.create_task(read(client, topic, rows)) for topic in topics]
        stopped = asyncio.create_task(stop.wait())
        try:
            ended, _ = await asyncio.wait((writer, stopped, *readers), return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in (stopped, *readers):
                task.cancel()
            await asyncio.gather(stopped, *readers, return_exceptions=True)
            written = asyncio.create_task(rows.join())
            # A writer that fails leaves rows that nobody takes any more.
            await asyncio.wait((writer, written), return_when=asyncio.FIRST_COMPLETED)
            writer.cancel()
            written.cancel()
            await asyncio.gather(writer, written, return_exceptions=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the messages of Phoenix channels into SQLite.")
    parser.add_argument("url", help="the socket, such as ws://127.0.0.1:4000/socket")
    parser.add_argument("database", help="the SQLite file")
    parser.add_argument("topics", nargs="+", metavar="topic")
    given = parser.parse_args()
    asyncio.run(main(given.url, given.database, given.topics))
