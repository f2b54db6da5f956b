"""One socket: the CPU time of a push, or the times to a reply, one at a time; one line of JSON.

    python sides/one_socket.py push_raw|push_session|round_trips URL COUNT

COUNT is of pushes, or of rounds.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import picows
import uvloop

from compiled import load
from fastphx.timing.wheel import CallbackTimer, wheel_for

ROUND_TRIPS = 400
PAUSE_S = 1e-9
"""Between an answer and the next push of both the listener and the meter: a turn of the timer wheel, since a
server that is still awake answers sooner."""

BODY = b'{"at":1700000000,"body":"the quick brown fox jumps","user":"ann"}'
BATCH = 200


def echo(ref):
    return b'["1","%d","room:lobby","echo",%b]' % (ref, BODY)


class ListenerRoundTrips:
    """A compiled picows listener that sends the next frame when an answer has come: the meter's bound."""

    async def open(self, url):
        self.loop, self.ref = asyncio.get_running_loop(), 2
        self.wheel = wheel_for(self.loop)
        self.listener = load("raw_picows").RoundTripListener()
        self.connected = self.loop.create_future()
        self.listener.on_connected = lambda: self.connected.set_result(None)
        self.listener.on_answer = self.answered
        await picows.ws_connect(lambda: self.listener, url)
        await self.connected

    def push(self):
        self.ref += 1
        self.listener.push(echo(self.ref))

    def answered(self):
        if len(self.listener.times_ns) < self.count:
            CallbackTimer(self.push).schedule(self.wheel, PAUSE_S)
        else:
            self.done.set_result(None)

    async def times(self, count):
        self.count, self.done = count, self.loop.create_future()
        self.listener.times_ns.clear()
        self.push()
        await self.done
        return percentiles(self.listener.times_ns)


class MeterRoundTrips:
    """A load worker's socket whose think time is over at once; its own histogram says what came of it."""

    async def open(self, url):
        from fastphx.load.worker.meter import Meter, MeterSession
        from fastphx.transports.connector import connect

        loop = asyncio.get_running_loop()
        joined = loop.create_future()

        class Owner:
            def session_joined(self, session):
                joined.set_result(None)

        self.meter = Meter(
            Owner(),
            wheel_for(loop),
            event=b"echo",
            payload=BODY,
            timeout_s=60,
            join_timeout_s=60,
            think_time_s=PAUSE_S,
        )
        session = MeterSession(self.meter, 0, ("room:lobby",), heartbeat_interval_s=0)
        await connect(url, session, session)
        await joined

    async def times(self, count):
        histogram = self.meter.rtt_uncorrected
        histogram.reset()
        self.meter.start_thinking()
        while histogram.count < count:  # noqa: ASYNC110 - the meter calls no Python for a reply
            await asyncio.sleep(0.01)
        self.meter.stop_thinking()
        while self.meter.in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        return {"p50_ns": histogram.percentile_ns(50), "p99_ns": histogram.percentile_ns(99)}


class Awaiting(picows.WSListener):
    def on_ws_frame(self, transport, frame):
        self.came.set_result(None)


class AwaitedRoundTrips:
    """Frames sent and awaited in Python through bare picows: the client's bound."""

    async def open(self, url):
        self.ref, self.loop = 2, asyncio.get_running_loop()
        self.transport, self.listener = await picows.ws_connect(Awaiting, url)

    async def exchange(self):
        self.ref += 1
        self.listener.came = self.loop.create_future()
        self.transport.send(picows.WSMsgType.TEXT, echo(self.ref))
        await self.listener.came

    async def times(self, count):
        times_ns = []
        for _ in range(count):
            started_ns = time.perf_counter_ns()
            await self.exchange()
            times_ns.append(time.perf_counter_ns() - started_ns)
        return percentiles(times_ns)


class ClientRoundTrips:
    """`await room.push(...)`, as its caller sees it."""

    async def open(self, url):
        import fastphx

        self.client = await fastphx.connect(url.partition("/websocket")[0]).open()
        self.room = await self.client.join("room:lobby", {})

    async def times(self, count):
        push, payload, times_ns = self.room.push, json.loads(BODY), []
        for _ in range(count):
            started_ns = time.perf_counter_ns()
            await push("echo", payload, timeout=5)
            times_ns.append(time.perf_counter_ns() - started_ns)
        return percentiles(times_ns)


async def round_trips(url, rounds):
    """Each side's p50 and p99 of each round; the sides take turns of ROUND_TRIPS on one loop."""
    sides = {
        "listener": ListenerRoundTrips(),
        "meter": MeterRoundTrips(),
        "awaited": AwaitedRoundTrips(),
        "client": ClientRoundTrips(),
    }
    for side in sides.values():
        await side.open(url)
        await side.times(ROUND_TRIPS)
    samples = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            samples[name].append(await sides[name].times(ROUND_TRIPS))
    return samples


async def batches(push, count):
    """CPU time of *count* pushes, a few at a time, so that nothing waits unsent."""
    cpu_s = 0.0
    for _ in range(count // BATCH):
        started_s = time.process_time()
        for _ in range(BATCH):
            push()
        cpu_s += time.process_time() - started_s
        await asyncio.sleep(0.002)
    return cpu_s / (count // BATCH * BATCH) * 1e9


async def raw_pushes(url, count):
    transport, _ = await picows.ws_connect(load("raw_picows").RawListener, url)
    frame = b'["1","123456","room:lobby","drop",%b]' % BODY
    send, text = transport.send, picows.WSMsgType.TEXT
    return await batches(lambda: send(text, frame), count)


async def session_pushes(url, count):
    from types import SimpleNamespace

    from fastphx.protocol.callback_session import CallbackSession
    from fastphx.protocol.frame_write import RawJson
    from fastphx.transports.connector import connect

    joined = asyncio.get_running_loop().create_future()
    handler = SimpleNamespace(on_message=None, on_reply=None, on_joined=lambda *_: joined.set_result(None))
    session = CallbackSession(handler, heartbeat_interval_s=0)

    class Owner:
        def notify_connected(self, writer):
            session.opened(writer, 0, 0.0)
            session.join("room:lobby")

    await connect(url, session, Owner())
    await joined
    push, payload = session.push, RawJson(BODY)
    return await batches(lambda: push("room:lobby", "drop", payload), count)


def percentiles(times_ns):
    cuts = statistics.quantiles(times_ns, n=100)
    return {"p50_ns": cuts[49], "p99_ns": cuts[98]}


async def run():
    what, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "round_trips":
        found = await round_trips(url, count)
    else:
        pushes = raw_pushes if what == "push_raw" else session_pushes
        found = {"cpu_ns": await pushes(url, count)}
    print(json.dumps(found), flush=True)
    # Closing in order is no part of it.
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(run())
