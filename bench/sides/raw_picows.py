"""A listener in Cython on picows that counts frames: the bound of every receiving side."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import picows

from compiled import load
from stopwatch import Stopwatch, main

JOIN = b'["1","1","room:lobby","phx_join",{}]'
GO = b'["1","2","room:lobby","go",{"first":3}]'


async def receive(url: str, stopwatch: Stopwatch) -> int:
    listener = load("raw_picows").RawListener()
    ended = asyncio.get_running_loop().create_future()
    listener.on_connected = lambda transport: transport.send(picows.WSMsgType.TEXT, JOIN)

    def go(transport):
        stopwatch.start()
        transport.send(picows.WSMsgType.TEXT, GO)

    listener.on_first_frame = go
    listener.on_disconnected = lambda: ended.set_result(None)
    await picows.ws_connect(lambda: listener, url)
    await ended
    stopwatch.stop()
    return listener.frames - 1


if __name__ == "__main__":
    main(receive)
