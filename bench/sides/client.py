"""The async client on one hot connection.

``lazy``: an `on` handler that does nothing. ``counted``: one that adds one to a number. ``decoded``: one that
reads the payload. ``iterated``: an `async for`. The client itself counts the messages too.
"""

import asyncio
import contextlib
import sys
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fastphx import ClosedError, connect
from fastphx.client import Channel
from fastphx.protocol.message import Message
from stopwatch import Stopwatch, main


async def receive(url: str, stopwatch: Stopwatch) -> int:
    count = 0

    def lazy(message: Message) -> None:
        pass

    def counted(message: Message) -> None:
        nonlocal count
        count += 1

    def decoded(message: Message) -> None:
        _ = message.payload

    async def iterate(room: Channel) -> None:
        nonlocal count
        with contextlib.suppress(ClosedError):
            async for _ in room:
                count += 1

    mode = sys.argv[2] if len(sys.argv) > 2 and not sys.argv[2].startswith("--") else "lazy"
    address, _, query = url.partition("?")
    params = urllib.parse.parse_qsl(query)
    async with connect(address, params=params, heartbeat_interval=0, reconnect=False) as client:
        room = await client.join("room:lobby")
        iterating = None
        if mode == "iterated":
            iterating = asyncio.ensure_future(iterate(room))
        else:
            room.on("new_msg", {"lazy": lazy, "counted": counted, "decoded": decoded}[mode])
        # The handler is in its place a turn later.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        stopwatch.start()
        room.cast("go")
        await client.wait_state("closed")
        if iterating is not None:
            await iterating
        stopwatch.stop()
        received = client.stats.messages
    if mode in ("iterated", "counted") and count != received:
        raise RuntimeError(f"{count} of {received} messages came to where they are counted")
    return received


if __name__ == "__main__":
    main(receive)
