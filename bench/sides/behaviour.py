"""The behaviour: a `handle_message` that does nothing with the payload, which comes decoded."""

import asyncio
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fastphx import Connect, GenSocketClient, start_link
from fastphx.transports import WebSocketTransport
from stopwatch import Stopwatch, main


class Receiver(GenSocketClient):
    def init(self, arg):
        url, self.stopwatch, self.ended = arg
        split = urlsplit(url)
        return Connect(f"ws://{split.netloc}{split.path}", parse_qsl(split.query))

    def handle_connected(self, transport):
        transport.join("room:lobby", {})

    def handle_joined(self, topic, payload, transport):
        self.stopwatch.start()
        transport.push("room:lobby", "go", {})

    def handle_message(self, topic, event, payload, transport):
        pass

    def handle_disconnected(self, reason):
        self.stopwatch.stop()
        self.ended.set_result(None)


async def receive(url, stopwatch: Stopwatch):
    ended = asyncio.get_running_loop().create_future()
    socket = await start_link(Receiver, WebSocketTransport, (url, stopwatch, ended))
    await ended
    received = socket.stats["messages"]
    await socket.stop()
    return received


if __name__ == "__main__":
    main(receive)
