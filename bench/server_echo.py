"""How fast the embedded server echoes, beside a bare picows echo server of the same frames.

Each server runs in a process of its own, on uvloop; the sender, in a third, keeps a fixed number of frames
in flight over one connection. Rounds alternate between the two servers. What is compared is the server's
CPU time a frame, so that neither the sender nor the machine's other work can hide a difference, and the
frames a second that came out beside it. Exit code 1 where the ratio is below the target.

    python bench/server_echo.py [--rounds 5] [--frames 100000] [--in-flight 256] [--payload-bytes 46]
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import picows
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from fastphx.testing import demo_server

TARGET = 0.30
TIMEOUT_S = 60.0


class BareEcho(WSListener):
    """The least that a picows echo server in Python does."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


async def _serve(name: str, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    asked: asyncio.Queue[Any] = asyncio.Queue()
    loop.add_reader(pipe.fileno(), lambda: asked.put_nowait(pipe.recv()))
    if name == "fastphx":
        server: Any = demo_server()
        await server.start()
        port = server.port
    else:
        server = await picows.ws_create_server(lambda _request: BareEcho(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    pipe.send(port)
    while await asked.get():
        pipe.send(time.process_time())


def _run_server(name: str, pipe: Connection) -> None:
    uvloop.run(_serve(name, pipe))


class Sender(WSListener):
    """Answers each frame that comes back with another one, until all have been sent."""

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.done = done
        self.frame = b""
        self.to_send = 0
        self.to_come = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.to_come -= 1
        if self.to_send:
            self.to_send -= 1
            transport.send(WSMsgType.TEXT, self.frame)
        elif not self.to_come:
            self.done.set_result(None)

    async def run(self, transport: WSTransport, frame: bytes, frames: int, in_flight: int) -> float:
        """Send *frames* and wait for as many; returns the seconds it took."""
        self.done = asyncio.get_running_loop().create_future()
        self.frame, self.to_come = frame, frames
        started = time.perf_counter()
        first = min(in_flight, frames)
        self.to_send = frames - first
        for _ in range(first):
            transport.send(WSMsgType.TEXT, frame)
        await asyncio.wait_for(self.done, TIMEOUT_S)
        return time.perf_counter() - started


@contextlib.contextmanager
def _server(name: str) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run_server, args=(name, theirs), daemon=True)
    process.start()
    try:
        yield ours
    finally:
        ours.send(False)
        process.join(5)
        process.kill()


async def _measure(arguments: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """CPU seconds a frame and frames a second, of each side and round."""
    payload = b'{"body":"%s"}' % (b"x" * max(0, arguments.payload_bytes - 11))
    frame = b'["1","123456","room:lobby","echo",%s]' % payload
    rows: dict[str, list[tuple[float, float]]] = {"bare": [], "fastphx": []}
    with _server("bare") as bare, _server("fastphx") as fastphx:
        pipes = {"bare": bare, "fastphx": fastphx}
        senders = {}
        for name, pipe in pipes.items():
            path = "/socket/websocket?vsn=2.0.0"
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            transport, sender = await picows.ws_connect(
                lambda future=future: Sender(future), f"ws://127.0.0.1:{pipe.recv()}{path}"
            )
            await sender.run(transport, b'["1","1","room:lobby","phx_join",{}]', 1, 1)
            await sender.run(transport, frame, arguments.frames // 10, arguments.in_flight)
            senders[name] = (transport, sender)
        for _ in range(arguments.rounds):
            for name, pipe in pipes.items():
                transport, sender = senders[name]
                pipe.send(True)
                before = pipe.recv()
                elapsed_s = await sender.run(transport, frame, arguments.frames, arguments.in_flight)
                pipe.send(True)
                rows[name].append(((pipe.recv() - before) / arguments.frames, arguments.frames / elapsed_s))
        for transport, _ in senders.values():
            transport.disconnect(graceful=False)
    return rows


def _report(rows: dict[str, list[tuple[float, float]]]) -> float:
    cpu = {name: statistics.median(row[0] for row in measured) for name, measured in rows.items()}
    rate = {name: statistics.median(row[1] for row in measured) for name, measured in rows.items()}
    for name in rows:
        sys.stdout.write(f"{name:8} {cpu[name] * 1e6:6.2f} µs of CPU a frame, {rate[name]:9.0f} frames/s\n")
    ratio = cpu["bare"] / cpu["fastphx"]
    sys.stdout.write(
        f"ratio by CPU {ratio:.2f}, by frames/s {rate['fastphx'] / rate['bare']:.2f} (target {TARGET})\n"
    )
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--payload-bytes", type=int, default=46)
    parser.add_argument("--json", action="store_true", help="print the rounds as one line of JSON")
    arguments = parser.parse_args()
    rows = uvloop.run(_measure(arguments))
    if arguments.json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    return 0 if _report(rows) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
