"""The socket of a load worker, for `tests/faults/memory.py`: where an allocation fails, the sums still hold,
and once its connection is gone, whatever was under way is counted."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastphx.load.worker.meter import Meter, MeterSession
from fastphx.load.worker.stamp import Stamp
from fastphx.protocol.frame_write import encode, encode_reply
from fastphx.protocol.sink import TEXT
from fastphx.timing.wheel import TimerWheel
from tests.fuzz.targets.load_meter import LOOP, STAMP, Owner, Run
from tests.transports.raw_server import frame

TIMEOUT_S = 10.0
S_NS = 10**9
STAMPED = b"{" + STAMP + b"}"


class BusyOwner(Owner):
    """Is told what the connection cannot do, too."""

    def note(self, kind: str, text: str) -> None:
        self.told.append(f"{kind}: {text}")


class Socket:
    """One that is joining ``room:a`` and ``room:b``."""

    is_stamped = False

    def __init__(self) -> None:
        self.failures: list[object] = []
        LOOP.set_exception_handler(lambda _, context: self.failures.append(context.get("exception")))
        self.wheel = TimerWheel()
        self.owner = BusyOwner()
        meter = Meter(
            self.owner,
            self.wheel,
            event=b"echo",
            payload=STAMPED if self.is_stamped else b"{}",
            timeout_s=TIMEOUT_S,
            join_timeout_s=TIMEOUT_S,
            stamp=Stamp(STAMPED, "fastphx") if self.is_stamped else None,
            counts_events=not self.is_stamped,
            expects_reply=not self.is_stamped,
        )
        topics = ("room:a", "room:b")
        self.session = MeterSession(meter, 0, topics, pushes=not self.is_stamped, heartbeat_interval_s=0)
        self.run = Run(meter, self.session, self.wheel)

    def send(self, chunks: list[bytes]) -> None:
        self.run.peer.hand_over_all(chunks)

    def advance(self, s: float) -> None:
        self.wheel.advance(time.monotonic_ns() + int(s * S_NS))

    @property
    def has_failed(self) -> bool:
        told = any("MemoryError" in text for text in self.owner.told)
        return told or any(isinstance(failure, MemoryError) for failure in self.failures)

    def check(self) -> None:
        self.run.sums_hold()
        self.run.play(b"")


class Joined(Socket):
    """One that has joined both, and waits for the replies to two pushes."""

    def __init__(self) -> None:
        super().__init__()
        for ref, topic in (("1", "room:a"), ("2", "room:b")):
            self.send([frame(TEXT, encode_reply(ref, ref, topic, "ok", b"{}"))])
        if not self.is_stamped:
            self.session.meter.start_pacing(1.0)
            self.advance(2.5)
            assert self.session.meter.in_flight


class Listening(Joined):
    """One that is sent stamped messages."""

    is_stamped = True


def sends(*messages: bytes) -> Callable[[Socket], object]:
    chunks = [frame(TEXT, message) for message in messages]
    return lambda socket: socket.send(chunks)


JOINING: dict[str, Callable[[Socket], object]] = {
    "a join of a load run is answered": sends(encode_reply("1", "1", "room:a", "ok", b"{}")),
    "both joins of a load run are answered": sends(
        encode_reply("1", "1", "room:a", "ok", b"{}"), encode_reply("2", "2", "room:b", "ok", b"{}")
    ),
    "the joins of a load run time out": lambda socket: socket.advance(TIMEOUT_S + 1),
}
JOINED: dict[str, Callable[[Socket], object]] = {
    "a push of a load run is due": lambda socket: socket.advance(3.5),
    "a push of a load run is answered": sends(encode_reply("1", "3", "room:a", "ok", b"{}")),
    "the pushes of a load run time out": lambda socket: socket.advance(TIMEOUT_S + 5),
    "an event of a load run": sends(encode(None, None, "room:a", "new_msg", b"{}")),
    "an event of a load run with a long name": sends(encode(None, None, "room:a", "e" * 500, b"{}")),
    "a frame of a load run that is none": sends(b"[1,"),
    "a load run's channel closes": sends(encode("1", "1", "room:a", "phx_close", b"{}")),
    "a load run's channel crashes": sends(encode("1", "1", "room:a", "phx_error", b"{}")),
    "a load run's socket leaves": lambda socket: socket.session.leave_all(time.monotonic_ns() + S_NS),
    "a load run's socket is closed": lambda socket: socket.session.close(),
    "a load run's socket is cut": lambda socket: socket.session.abort(),
    "a load run's connection is lost": lambda socket: socket.run.peer.get_protocol().connection_lost(None),
}
LISTENING: dict[str, Callable[[Socket], object]] = {
    "a stamped message of a load run": sends(encode(None, None, "room:a", "new_msg", STAMPED)),
}
