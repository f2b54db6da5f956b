"""Each operation of the compiled core, with its n-th allocation failing, n = 1, 2, 3 …, until none fails:
``python -m tests.faults.memory libc|python``, in a process of its own, since what is wrong here may crash it.

``libc``: what fastphx' own modules ask libc for (with ``failing_malloc.c`` preloaded). ``python``: what
CPython's allocators are asked for, by anybody (``_testcapi``).
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys
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
MOST = 3000
"""Allocations of one operation, which is far more than any has."""


class Core:
    """A session that has joined ``room:a``."""

    def __init__(self) -> None:
        self.handler = RecordingHandler()
        self.session = CallbackSession(self.handler, heartbeat_interval_s=0)
        self.session.opened(CollectingWriter(), 0, 0.0)
        self.join("room:a")

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


TREE = {"s": ["<p>", "</p>"], "0": "a", "c": {"1": {"s": ["<i>", "</i>"], "0": "x"}}}


def merge_tree(_: Core) -> None:
    tree = Rendered(json.loads(json.dumps(TREE)))
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
    "a crash of the channel": receive(b'["1","1","room:a","phx_error",{}]'),
    "the end of the connection": lambda core: core.session.disconnected(),
    "timers": use_wheel,
    "histograms": use_histograms,
    "a tree and a diff": merge_tree,
}
ENDS = ("a crash of the channel", "the end of the connection", "a join and its reply")
"""After these, the session is another one."""


def injected(kind: str, n: int, operation: Callable[[], object]) -> bool:
    """Run *operation* with its n-th allocation failing; whether it had so many."""
    if kind == "libc":
        shim = ctypes.CDLL(None)
        shim.fail_nth(ctypes.c_long(n))
        try:
            operation()
        except MemoryError:
            pass
        finally:
            failed = bool(shim.has_failed())
        return failed
    import _testcapi

    failed = False
    _testcapi.set_nomemory(n, n + 1)
    try:
        operation()
    except MemoryError:
        failed = True
    finally:
        _testcapi.remove_mem_hooks()
    return failed


def run(kind: str, name: str) -> int:
    """How many allocations have failed, one at a time, and were borne."""
    operation = OPERATIONS[name]
    misses = 0
    for n in range(1, MOST):
        core = Core()
        failed = injected(kind, n, lambda core=core: operation(core))
        if name not in ENDS:
            core.check()
        # Python's own may fail where the error is handled; a gap is not the end.
        misses = 0 if failed else misses + 1
        if misses == (1 if kind == "libc" else 30):
            return n - misses
    raise AssertionError(f"{name}: more than {MOST} allocations")


def main(kind: str) -> None:
    asyncio.new_event_loop().close()
    borne = {}
    for name in OPERATIONS:
        sys.stderr.write(f"{name}\n")
        # What is made once is there.
        OPERATIONS[name](Core())
        borne[name] = run(kind, name)
    json.dump(borne, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
