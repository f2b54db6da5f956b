"""One socket: the CPU time of a push, and the time to a reply, one at a time; one line of JSON.

python sides/one_socket.py raw|meter|session|client URL round_trip|push COUNT
"""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import picows
import uvloop

from compiled import load

PACE_S = 0.0005
BODY = b'{"at":1700000000,"body":"the quick brown fox jumps","user":"ann"}'
BATCH = 200


def echo(ref):
    return b'["1","%d","room:lobby","echo",%b]' % (ref, BODY)


async def raw_round_trips(url, count):
    loop, done, ref = asyncio.get_running_loop(), asyncio.Event(), 2
    listener = load("raw_picows").RoundTripListener()

    def push():
        nonlocal ref
        ref += 1
        listener.push(echo(ref))

    def answered():
        if len(listener.times_ns) < count:
            loop.call_later(PACE_S, push)
        else:
            done.set()

    listener.on_connected, listener.on_answer = push, answered
    await picows.ws_connect(lambda: listener, url)
    await done.wait()
    return listener.times_ns


async def meter_round_trips(url, count):
    from fastphx.load.meter import Meter, MeterSession
    from fastphx.timing.wheel import wheel_for
    from fastphx.transports.connector import connect

    class Owner:
        def session_joined(self, session):
            joined.set_result(None)

    loop = asyncio.get_running_loop()
    joined = loop.create_future()
    meter = Meter(
        Owner(),
        wheel_for(loop),
        event=b"echo",
        payload=BODY,
        timeout_s=60,
        join_timeout_s=60,
        think_time_s=PACE_S,
    )
    session = MeterSession(meter, 0, ("room:lobby",), heartbeat_interval_s=0)
    link = await connect(url, session, session)
    await joined
    meter.start_thinking()
    while meter.counts["replies"] < count:  # noqa: ASYNC110 - the meter calls no Python for a reply
        await asyncio.sleep(0.05)
    meter.stop_thinking()
    link.abort()
    return meter


async def client_round_trips(url, count):
    import fastphx

    times_ns = []
    client = await fastphx.connect(url.partition("/websocket")[0]).open()
    room = await client.join("room:lobby", {})
    payload = json.loads(BODY)
    for _ in range(count):
        started_ns = time.perf_counter_ns()
        await room.push("echo", payload, timeout=5)
        times_ns.append(time.perf_counter_ns() - started_ns)
        await asyncio.sleep(PACE_S)
    return times_ns


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
    transport, _ = await picows.ws_connect(load("raw_picows").RawListener, url, use_aiofastnet=False)
    frame = b'["1","123456","room:lobby","drop",%b]' % BODY
    send, text = transport.send, picows.WSMsgType.TEXT
    return await batches(lambda: send(text, frame), count)


async def session_pushes(url, count):
    from types import SimpleNamespace

    from fastphx.protocol.callback_session import CallbackSession
    from fastphx.protocol.codec import RawJson
    from fastphx.transports.connector import connect

    joined = asyncio.get_running_loop().create_future()
    handler = SimpleNamespace(on_message=None, on_reply=None, on_joined=lambda *_: joined.set_result(None))
    session = CallbackSession(handler, heartbeat_interval_s=0)

    class Owner:
        def on_link_connected(self, link):
            session.opened(link.writer, 0, 0.0)
            session.join("room:lobby")

    await connect(url, session, Owner())
    await joined
    push, payload = session.push, RawJson(BODY)
    return await batches(lambda: push("room:lobby", "drop", payload), count)


def percentiles(times_ns):
    cuts = statistics.quantiles(times_ns[len(times_ns) // 10 :], n=100)
    return {"p50_ns": cuts[49], "p99_ns": cuts[98]}


async def run():
    side, url, what, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    if what == "push":
        pushes = raw_pushes if side == "raw" else session_pushes
        print(json.dumps({"cpu_ns": await pushes(url, count)}), flush=True)
    elif side == "meter":
        histogram = (await meter_round_trips(url, count)).rtt_uncorrected
        print(
            json.dumps({"p50_ns": histogram.percentile_ns(50), "p99_ns": histogram.percentile_ns(99)}),
            flush=True,
        )
    else:
        round_trips = raw_round_trips if side == "raw" else client_round_trips
        print(json.dumps(percentiles(await round_trips(url, count))), flush=True)
    import os

    os._exit(0)


if __name__ == "__main__":
    uvloop.run(run())
