"""A chat in the terminal: what you type goes to the room, and what others type is printed.

    fastphx serve --port 4000 &
    python examples/chat.py ws://127.0.0.1:4000/socket room:lobby ann

Ctrl-D leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sys
import threading

import fastphx
from fastphx import Channel, Outage


async def print_messages(room: Channel, nick: str) -> None:
    async for message in room:
        if isinstance(message, Outage):
            print(f"* back after {message.duration_s:.1f} s: you may have missed something", flush=True)
        elif message.event == "new_msg" and message.payload["nick"] != nick:
            print(f"{message.payload['nick']}: {message.payload['body']}", flush=True)


def read_lines(lines: asyncio.Queue[str], loop: asyncio.AbstractEventLoop) -> None:
    """In a thread of its own that Ctrl-C need not wait for; an empty line is the end."""
    for line in itertools.chain(sys.stdin, [""]):
        loop.call_soon_threadsafe(lines.put_nowait, line)


async def send_lines(room: Channel, nick: str, lines: asyncio.Queue[str]) -> None:
    while line := await lines.get():
        if not line.strip():
            continue
        try:
            room.cast("new_msg", {"nick": nick, "body": line.rstrip("\n")})
        except fastphx.DisconnectedError:
            print("* not sent: the connection is away", flush=True)


async def main(url: str, topic: str, nick: str) -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    async with fastphx.connect(url) as client:
        room = await client.join(topic, {"nick": nick})
        print(f"* you are {nick} in {topic}", flush=True)
        threading.Thread(target=read_lines, args=(lines, asyncio.get_running_loop()), daemon=True).start()
        printing = asyncio.create_task(print_messages(room, nick))
        sending = asyncio.create_task(send_lines(room, nick, lines))
        await asyncio.wait((printing, sending), return_when=asyncio.FIRST_COMPLETED)
        if printing.done():
            print(f"* {topic} was closed", flush=True)
            sending.cancel()
            return
        await room.leave()
        await printing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Chat in a Phoenix channel.")
    parser.add_argument("url", help="the socket, such as ws://127.0.0.1:4000/socket")
    parser.add_argument("topic")
    parser.add_argument("nick")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(given.url, given.topic, given.nick))
