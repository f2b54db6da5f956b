"""Events and topics become one str each where they come again, and the tables that do so do not grow."""

from __future__ import annotations

import tracemalloc

from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import encode
from fastphx.protocol.message import decode
from tests.protocol.collecting_writer import CollectingWriter
from tests.protocol.recording_handler import RecordingHandler

ROUNDS = 10_000


def test_an_event_that_comes_again_is_the_same_object() -> None:
    first, second = (decode(encode(None, None, "room:a", "né\n", b"{}")) for _ in range(2))
    assert first is not second
    assert first.event is second.event


def test_any_number_of_events_and_topics_takes_no_more_memory() -> None:
    handler = RecordingHandler()
    session = CallbackSession(handler, heartbeat_interval_s=0)
    session.opened(CollectingWriter(), 0, 0.0)
    session.join("room:a")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(ROUNDS):
            for topic in ("room:a", f"room:{number}"):
                # Twice, since what has come twice in a row is remembered in one more table.
                for _ in range(2):
                    session.receive(encode(None, None, topic, f"event_{number}" + "x" * 220, b"{}"), 1, 0)
            session.receive(encode(None, None, "room:a", f"{number}" + "x" * 5000, b"{}"), 1, 0)
            handler.calls.clear()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 1,024 events of at most 255 bytes, and their headers.
    assert after - before < 600_000
    assert session.stats["messages"] == 3 * ROUNDS
    assert session.stats["unknown_topic"] == 2 * ROUNDS
