"""Many sockets of one kind: how fast they connect, what they hold, what a message costs; one line of JSON.

    python sides/sockets.py raw|meter|client URL SOCKETS ROUNDS

``connect`` is what it took to have all sockets connected (and joined, but for raw picows), ``idle_bytes`` the
memory a socket, ``message_cpu_ns`` the CPU time of a message of 128 bytes, of ROUNDS to each socket, and
``after_burst_bytes`` the memory a socket some seconds after three messages of 64 KiB to each (ROUNDS 0: only
memory and connecting are measured).
"""

import asyncio
import gc
import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import picows
import uvloop

from compiled import load

AT_ONCE = 64
TIMEOUT_S = 60


def rss_bytes():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Raw:
    def __init__(self, url):
        self.url, self.listeners, self.transports = url, [], []
        self.make = load("raw_picows").RawListener

    async def open(self):
        listener = self.make()
        transport, _ = await picows.ws_connect(
            lambda: listener, self.url, read_buffer_init_size=2048, use_aiofastnet=False
        )
        self.listeners.append(listener)
        self.transports.append(transport)

    def received(self):
        return sum(listener.frames for listener in self.listeners)

    def push(self, frame):
        self.transports[0].send(picows.WSMsgType.TEXT, frame)


class Metered:
    def __init__(self, url):
        from fastphx.load.worker.meter import Meter
        from fastphx.timing.wheel import wheel_for

        self.url, self.links, self.joins, self.opened = url, [], {}, 0
        self.meter = Meter(
            self,
            wheel_for(asyncio.get_running_loop()),
            event=b"push",
            payload=b"{}",
            timeout_s=60,
            join_timeout_s=60,
        )

    def session_joined(self, session):
        self.joins.pop(session.i).set_result(None)

    def note(self, kind, text):
        raise AssertionError(f"{kind}: {text}")

    async def open(self):
        from fastphx.load.worker.meter import MeterSession
        from fastphx.transports.connector import connect

        self.opened += 1
        session = MeterSession(self.meter, self.opened, ("room:lobby",))
        joined = self.joins[session.i] = asyncio.get_running_loop().create_future()
        link = await connect(self.url, session, session)
        await joined
        self.links.append(link)

    def received(self):
        return self.meter.counts["deliveries"]

    def push(self, frame):
        self.links[0].writer.write(frame, 1)


class Clients:
    def __init__(self, url):
        self.url, self.count, self.clients = url.partition("/websocket")[0], 0, []

    async def open(self):
        import fastphx

        client = await fastphx.connect(self.url).open()
        room = await client.join("room:lobby", {})
        room.on("new_msg", self.on_message)
        self.clients.append((client, room))

    def on_message(self, message):
        self.count += 1

    def received(self):
        return self.count

    def push(self, frame):
        self.clients[0][1].cast("burst", json.loads(frame)[4])


async def until_received(side, count):
    deadline_s = time.monotonic() + TIMEOUT_S
    while side.received() < count:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{side.received()} of {count} messages came")
        await asyncio.sleep(0.02)


async def run():
    name, url, sockets, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    side = {"raw": Raw, "meter": Metered, "client": Clients}[name](url)
    gate = asyncio.Semaphore(AT_ONCE)

    async def open_one():
        async with gate:
            await side.open()

    await open_one()
    before = rss_bytes()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for start in range(1, sockets, 1000):
        await asyncio.gather(*(open_one() for _ in range(start, min(sockets, start + 1000))))
    result = {
        "connect_wall_s": (time.perf_counter() - wall_s) / (sockets - 1),
        "connect_cpu_s": (time.process_time() - cpu_s) / (sockets - 1),
    }
    await asyncio.sleep(0.2)
    result["idle_bytes"] = (rss_bytes() - before) / (sockets - 1)
    if rounds:
        base = side.received()
        cpu_s = time.process_time()
        side.push(b'["1","9","room:lobby","burst",{"rounds":%d,"bytes":128}]' % rounds)
        await until_received(side, base + rounds * sockets)
        result["message_cpu_ns"] = (time.process_time() - cpu_s) / (rounds * sockets) * 1e9
    base = side.received()
    side.push(b'["1","9","room:lobby","burst",{"rounds":3,"bytes":65536}]')
    await until_received(side, base + 3 * sockets)
    await asyncio.sleep(3)
    result["after_burst_bytes"] = (rss_bytes() - before) / (sockets - 1)
    print(json.dumps(result), flush=True)
    # Closing thousands of sockets in order is no part of it.
    import os

    os._exit(0)


if __name__ == "__main__":
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 20000), limit))
    uvloop.run(run())
