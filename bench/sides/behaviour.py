"""The behaviour: `handle_message` with a decoded payload."""

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
        self.count = 0
        return Connect(f"ws://{split.netloc}{split.path}", parse_qsl(split.query))

    def handle_connected(self, transport):
        transport.join("room:lobby", {})

    def handle_joined(self, topic, payload, transport):
        self.stopwatch.start()
        transport.push("room:lobby", "go", {})

    def handle_message(self, topic, event, payload, transport):
        self.count += 1

    def handle_disconnected(self, reason):
        self.stopwatch.stop()
        self.ended.set_result(self.count)


async def receive(url, stopwatch: Stopwatch):
    ended = asyncio.get_running_loop().create_future()
    socket = await start_link(Receiver, WebSocketTransport, (url, stopwatch, ended))
    count = await ended
    await socket.stop()
    return count


if __name__ == "__main__":
    main(receive)
