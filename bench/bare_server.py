"""A picows server that does as little as the measurements need, in a process of its own.

It answers ``phx_join`` and every other push with an ok reply, but for the event ``drop``. A push of the
event ``burst`` with the payload
``{"rounds": R, "bytes": B}`` sends R messages of about B bytes to each socket, round by round.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
from collections.abc import Iterator

import picows
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport

sockets: set[WSTransport] = set()
tasks: set[asyncio.Task[None]] = set()


async def burst(rounds: int, size: int) -> None:
    frame = b'[null,null,"room:lobby","new_msg",{"body":"%s"}]' % (b"x" * max(0, size - 48))
    for _ in range(rounds):
        for number, transport in enumerate(list(sockets)):
            transport.send(WSMsgType.TEXT, frame)
            if number % 50 == 49:
                await asyncio.sleep(0)
        await asyncio.sleep(0)


class Listener(WSListener):  # type: ignore[misc]
    def on_ws_connected(self, transport: WSTransport) -> None:
        sockets.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        sockets.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        data = frame.get_payload_as_bytes()
        if b'"drop"' in data:
            return
        if b'"burst"' in data:
            payload = json.loads(data)[4]
            task = asyncio.get_running_loop().create_task(burst(payload["rounds"], payload["bytes"]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return
        join_ref, ref, rest = data.split(b",", 2)
        topic = rest.split(b",", 1)[0]
        reply = b'%b,%b,%b,"phx_reply",{"response":{},"status":"ok"}]' % (join_ref, ref, topic)
        transport.send(WSMsgType.TEXT, reply)


async def serve() -> None:
    server = await picows.ws_create_server(
        lambda _request: Listener(), "127.0.0.1", 0, backlog=4096, read_buffer_init_size=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def started() -> Iterator[str]:
    """The URL of a server of its own process."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}/socket/websocket?vsn=2.0.0"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 20000), limit))
    uvloop.run(serve())
