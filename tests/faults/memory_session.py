"""The compiled core, for `tests/faults/memory.py`: a session, and what needs none."""

from __future__ import annotations

from collections.abc import Callable

from fastphx.liveview.rendered import Rendered
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.step_histogram import StepHistogram
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import RawJson, encode, encode_reply
from fastphx.timing.wheel import CallbackTimer, TimerWheel
from tests.protocol.collecting_writer import CollectingWriter
from tests.protocol.recording_handler import RecordingHandler

EMPTY = RawJson(b"{}")


class Core:
    """A session that has joined ``room:a``."""

    def __init__(self) -> None:
        self.handler = RecordingHandler()
        self.session = CallbackSession(self.handler, heartbeat_interval_s=0)
        self.session.opened(CollectingWriter(), 0, 0.0)
        self.join("room:a")

    has_failed = False
    """A session raises what it cannot do, and tells nobody."""

    def join(self, topic: str) -> None:
        ref = str(self.session.join(topic, EMPTY))
        self.session.receive(encode_reply(ref, ref, topic, "ok", b"{}"), 1, 0)

    def push(self, topic: str = "room:a") -> None:
        waiter = object()
        ref = self.session.push_awaited(topic, "e", EMPTY, waiter, now_ns=0, deadline_ns=10**12)
        self.session.receive(encode_reply(None, str(ref), topic, "ok", b"{}"), 1, 0)

    def check(self) -> None:
        """It goes on as if nothing had been."""
        if not self.session.joined("room:b"):
            self.join("room:b")
        self.handler.take()
        for topic in ("room:a", "room:b"):
            self.push(topic)
        assert self.handler.names == ["on_reply", "on_reply"], self.handler.names


class ForgettingCore(Core):
    """One whose topics are forgotten, whichever of them could be had."""

    def check(self) -> None:
        self.session.forget("room:a")
        self.session.forget("room:c")
        assert not self.session.topics()
        self.join("room:a")
        super().check()


class EndingCore(Core):
    """One with a push that waits for its reply, whose topic or connection ends: nobody waits for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.ref = self.session.push_awaited("room:a", "e", EMPTY, object(), now_ns=0, deadline_ns=10**12)

    def check(self) -> None:
        if self.session.joined("room:a"):
            # Not even the call had memory.
            self.session.disconnected()
        assert not self.session.abandon(self.ref)


def receive(frame: bytes, opcode: int = 1) -> Callable[[Core], object]:
    return lambda core: core.session.receive(frame, opcode, 0)


def grow_refs(core: Core) -> None:
    for _ in range(200):
        core.session.push_awaited("room:a", "e", EMPTY, None, now_ns=0, deadline_ns=10**12)


def grow_joins(core: Core) -> None:
    for number in range(40):
        core.session.join(f"t:{number}", EMPTY)


def use_wheel(_: Core) -> None:
    wheel = TimerWheel()
    timers = [CallbackTimer(int) for _ in range(20)]
    for timer in timers:
        timer.schedule(wheel, deadline_ns=10**9)
    wheel.advance(10**10)
    assert len(wheel) == 0


def use_histograms(_: Core) -> None:
    for made in (Histogram(), StepHistogram()):
        for value in (1, 10**6, 10**9, 10**12):
            made.record(value)
        made.export()


def merge_tree(_: Core) -> None:
    tree = Rendered({"s": ["<p>", "</p>"], "0": "a", "c": {"1": {"s": ["<i>", "</i>"], "0": "x"}}})
    tree.merge({"0": 1, "c": {"1": {"0": "y"}}})
    assert tree.html().count("y") == 1


OPERATIONS: dict[str, Callable[[Core], object]] = {
    "a push and its reply": Core.push,
    "a join and its reply": lambda core: core.join("room:c"),
    "pushes until the table grows": grow_refs,
    "joins until the table grows": grow_joins,
    "a message": receive(encode(None, None, "room:a", "e", b"{}")),
    "a message with escapes": receive(b'["\\u0031",null,"room\\u003aa","' + b"\\u0065\\n" * 300 + b'",{}]'),
    "a message of a topic nobody joined": receive(b'[null,null,"elsewhere","e",{}]'),
    "a binary message": receive(b"\x02\x06\x01room:aedata", 2),
    "a frame that is none": receive(b"[1,"),
    "a long frame to be sent": lambda core: core.session.push(
        "room:a", "e", RawJson(b"[" + b"1" * 100_000 + b"]")
    ),
    "timers": use_wheel,
    "histograms": use_histograms,
    "a tree and a diff": merge_tree,
}

FORGOTTEN: dict[str, Callable[[Core], object]] = {
    "a second topic": lambda core: core.session.join("room:c", EMPTY),
}

ENDS: dict[str, Callable[[Core], object]] = {
    "a crash of the channel": receive(b'["1","1","room:a","phx_error",{}]'),
    "the end of the connection": lambda core: core.session.disconnected(),
}
