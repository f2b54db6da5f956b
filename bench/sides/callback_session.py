"""The session that the behaviour and the client stand on: a Message and a Python call for each frame.

With ``decoded`` the callback reads the payload, with ``lazy`` it does not; with ``orjson`` it decodes the
raw bytes by itself.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from orjson import loads

from fastphx.protocol.callback_session import CallbackSession
from fastphx.transports.connector import connect
from stopwatch import Stopwatch, main


class Handler:
    """Everything that a session may call."""

    def __init__(self, mode, go, ended):
        self.on_message = getattr(self, f"on_message_{mode}")
        self.go, self.ended = go, ended
        self.errors = []

    def on_message_lazy(self, message):
        pass

    def on_message_decoded(self, message):
        message.payload

    def on_message_orjson(self, message):
        loads(message.raw)

    def on_joined(self, message, join):
        self.go()

    def notify_connected(self, writer):
        self.session.opened(writer, 0, 0.0)
        self.session.join("room:lobby")

    def notify_disconnected(self, reason):
        self.ended.set_result(reason)

    def notify_error(self, exc):
        self.errors.append(exc)

    def on_reply(self, message, waiter, rtt_ns):
        pass


async def receive(url, stopwatch: Stopwatch):
    def go():
        stopwatch.start()
        handler.session.push("room:lobby", "go", {})

    ended = asyncio.get_running_loop().create_future()
    handler = Handler(sys.argv[2], go, ended)
    handler.session = CallbackSession(handler, heartbeat_interval_s=0)
    await connect(url, handler.session, handler)
    await ended
    stopwatch.stop()
    if handler.errors:
        raise handler.errors[0]
    return handler.session.stats["messages"]


if __name__ == "__main__":
    main(receive)
