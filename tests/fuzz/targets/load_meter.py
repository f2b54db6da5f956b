"""What counts a load run's frames: pushes, replies, stamps, events, and a script's hooks. The sums hold after
every frame."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from fastphx.errors import DisconnectedError, EncodingError, NotJoinedError, OverloadedError
from fastphx.load.worker.meter import Meter, MeterSession
from fastphx.load.worker.scripted import ScriptedSession
from fastphx.load.worker.stamp import Stamp
from fastphx.protocol.sink import BINARY, TEXT
from fastphx.serializers import JsonV1
from fastphx.timing.wheel import TimerWheel
from fastphx.transports.connector import connect
from fastphx.transports.options import ConnectOptions
from tests.fuzz.memory_transport import MemoryLoop, MemoryTransport
from tests.fuzz.pieces import JSON, NOT_UTF8, PHOENIX
from tests.fuzz.recorded_frames import recorded_frames
from tests.fuzz.steps import BETWEEN, joined, number, steps_of
from tests.transports.raw_server import frame, handshake_answer

STAMP = b'"fastphx":"host:0000000000000000000"'
PIECES = (
    *(
        *JSON,
        *NOT_UTF8,
        *PHOENIX,
        BETWEEN,
        STAMP,
        b'"host:9223372036854775807"',
        b'"fastphx":"',
        b"host:",
        b"0" * 19,
    ),
    *(BETWEEN + kind for kind in (b"t[", b"b\x00", b"k\xff", b"c", b"d", b"p")),
)
MAX_BYTES = 2048
STAMPED, SCRIPTED, EVENTS, V1, TWO_TOPICS = 1, 2, 4, 8, 16
PUSH_TIMEOUT_S = 0.001
LOOP = MemoryLoop()
LOST = ("lost_timeout", "lost_disconnected", "lost_closed", "lost_errored", "lost_at_stop")


def seeds() -> Iterable[bytes]:
    answer = b't["%d","%d","room:a","phx_reply",{"response":{},"status":"%s"}]'
    push = b't["1",null,"room:a","new_msg",{' + STAMP + b',"x":1}]'
    for options in range(32):
        yield joined(options, [answer % (1, 1, b"ok"), b"p", answer % (1, 2, b"ok"), push, b"d"])
        yield joined(options, [answer % (1, 1, b"ok"), b"p", b"k", answer % (1, 3, b"error"), b"c"])
    frames = [(b"b" if opcode == BINARY else b"t") + frame for opcode, frame in recorded_frames()]
    for at in range(0, len(frames), 6):
        yield joined(at % 32, frames[at : at + 6])[:MAX_BYTES]


class Owner:
    """The owner of a meter's sessions: it is told, and does nothing."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(("session_", "note", "script_failed", "event_name")):
            raise AttributeError(name)

        def tell(*values: Any) -> Any:
            self.told.append(name)
            if name == "script_failed":
                raise values[1]
            if name == "note":
                assert values[0] == "decode", values
            if name == "event_name":
                return values[1]
            return None

        return tell


class Script:
    def __getattr__(self, name: str) -> Any:
        if name not in ("on_joined", "on_message", "on_reply"):
            raise AttributeError(name)
        return lambda *values: repr(values)


def check(data: bytes) -> None:
    if not data:
        return
    options = data[0]
    owner = Owner()
    topics = ("room:a", "room:b") if options & TWO_TOPICS else ("room:a",)
    stamp = Stamp(b"{" + STAMP + b"}", "fastphx") if options & STAMPED else None
    wheel = TimerWheel()
    meter = Meter(
        owner,
        wheel,
        event=b"echo",
        payload=b"{}",
        timeout_s=PUSH_TIMEOUT_S,
        join_timeout_s=PUSH_TIMEOUT_S,
        stamp=stamp,
        expects_reply=stamp is None,
        counts_events=bool(options & EVENTS),
    )
    made = ScriptedSession if options & SCRIPTED else MeterSession
    session = made(
        meter,
        0,
        topics,
        pushes=stamp is None,
        serializer=JsonV1() if options & V1 else None,
        heartbeat_interval_s=0.001,
    )
    if isinstance(session, ScriptedSession):
        session.use_script(Script())
    Run(meter, session, wheel).play(data[1:])


async def opened(session: MeterSession) -> MemoryTransport:
    """*session*, connected; its peer's end."""
    transports: list[MemoryTransport] = []

    def answer(transport: MemoryTransport) -> None:
        transports.append(transport)
        LOOP.call_soon(transport.hand_over, handshake_answer(bytes(transport.written)))

    LOOP.on_connection = answer
    await connect("ws://peer.test/", session, session, ConnectOptions(proxy=None))
    return transports[0]


class Run:
    def __init__(self, meter: Meter, session: MeterSession, wheel: TimerWheel) -> None:
        self.meter = meter
        self.wheel = wheel
        self.session = session
        self.peer = LOOP.run_until_complete(opened(session))

    def play(self, data: bytes) -> None:
        for kind, rest in steps_of(data):
            self.step(kind, rest)
            self.sums_hold()
        self.peer.close()
        LOOP.run_until_complete(asyncio.sleep(0))
        self.sums_hold()
        counts = self.meter.counts
        assert (self.meter.in_flight, self.meter.joined, self.meter.connected) == (0, 0, 0)
        assert counts["connections"] == counts["closed"] + counts["disconnects"]

    def step(self, kind: str, rest: bytes) -> None:
        match kind:
            case "t" | "b" if not self.peer.is_closing():
                self.peer.hand_over(frame(TEXT if kind == "t" else BINARY, rest))
            case "p" if isinstance(self.session, ScriptedSession):
                with suppress(DisconnectedError, EncodingError, NotJoinedError, OverloadedError):
                    self.session.send("room:a", "echo", {}, not rest)
            case "k":
                self.wheel.advance(time.monotonic_ns() + number(rest, 256) * 1_000_000)
            case "c":
                self.session.close()

    def sums_hold(self) -> None:
        counts = self.meter.counts
        answered = counts["replies"] + counts["error_replies"] + sum(counts[name] for name in LOST)
        assert counts["pushes"] == answered + self.meter.in_flight
        assert 0 <= self.meter.joined <= len(self.session.topics)
        assert self.meter.connected in (0, 1)
        if self.meter.topics is not None:
            assert all(each.subscribers >= 0 for each in self.meter.topics.values())
        if self.meter.events is not None:
            assert len(self.meter.events) <= 1100
            assert sum(each.count for each in self.meter.events.values()) <= counts["deliveries"]
        for histogram in (self.meter.rtt, self.meter.delivery, self.meter.join):
            assert histogram.count >= 0
