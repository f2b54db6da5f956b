"""The load meter: counts and times in C, with no Python code a message.

``broadcasts`` counts deliveries; ``replies`` takes each ref out of its table and records the round trip.
"""

import asyncio
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from compiled import load
from fastphx.load.worker.meter import Meter, MeterSession
from fastphx.timing.wheel import wheel_for
from fastphx.transports.connector import connect
from stopwatch import Stopwatch, main

GO = b'["1","2","room:lobby","go",{"first":3}]'


class Owner:
    def __init__(self, joined, ended):
        self.joined, self.ended = joined, ended

    def session_joined(self, session):
        self.joined()

    def session_disconnected(self, session, reason):
        if not self.ended.done():
            self.ended.set_result(reason)

    def session_left(self, session):
        pass

    def note(self, kind, text):
        raise AssertionError(f"{kind}: {text}")


async def receive(url, stopwatch: Stopwatch):
    frames = int(parse_qs(urlsplit(url).query)["frames"][0])
    replies = sys.argv[2] == "replies"
    expect = load("meter_refs").expect if replies else None

    def joined():
        if replies:
            expect(session, 3, frames)
        stopwatch.start()
        link.writer.write(GO, 1)

    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    meter = Meter(
        Owner(lambda: loop.call_soon(joined), ended),
        wheel_for(loop),
        event=b"go",
        payload=b"{}",
        timeout_s=60,
        join_timeout_s=60,
    )
    session = MeterSession(meter, 0, ("room:lobby",), heartbeat_interval_s=0)
    link = await connect(url, session, session)
    await ended
    stopwatch.stop()
    return meter.counts["replies" if replies else "deliveries"]


if __name__ == "__main__":
    main(receive)
