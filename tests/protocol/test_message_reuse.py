"""A Message that a callback does not keep is filled anew; one that is kept never changes."""

from __future__ import annotations

import functools
import gc
import random
from typing import Any

import pytest

from fastphx.protocol.frame_write import encode, encode_binary_broadcast, encode_reply
from fastphx.protocol.message import Message, decode
from tests.protocol.joined_session import joined_session


def test_kept_messages_stay_as_they_were() -> None:
    kept: list[Message] = []

    def keep_some(message: Message) -> None:
        if message.payload["number"] % 3:
            kept.append(message)

    session = joined_session(keep_some)
    for number in range(300):
        session.receive(encode("1", None, "room:a", f"event_{number % 7}", b'{"number":%d}' % number), 1, 0)
    numbers = [number for number in range(300) if number % 3]
    assert [message.payload["number"] for message in kept] == numbers
    assert [message.event for message in kept] == [f"event_{number % 7}" for number in numbers]
    assert [message.raw for message in kept] == [b'{"number":%d}' % number for number in numbers]
    assert len({id(message) for message in kept}) == len(kept)


def test_nothing_of_the_last_message_is_left() -> None:
    seen: list[tuple[Any, ...]] = []

    def look(message: Message) -> None:
        seen.append((message.decoder, message.is_binary, message.is_reply, message.ref, message.payload))
        message.decoder = None

    session = joined_session(look, lambda message, *_: look(message))
    frames = [
        (encode("1", None, "room:a", "text", b"[1]"), 1),
        (encode_binary_broadcast("room:a", "binary", b"\x00"), 2),
        (encode_reply("1", "9", "room:a", "ok", b"[2]"), 1),
        (encode("1", "abc", "room:a", "text", b"[3]"), 1),
        (encode(None, None, "room:a", "text", b"[4]"), 1),
    ]
    for frame, opcode in frames:
        session.receive(frame, opcode, 0)
    assert seen == [
        (None, False, False, None, [1]),
        (None, True, False, None, b"\x00"),
        (None, False, True, "9", {"status": "ok", "response": [2]}),
        (None, False, False, "abc", [3]),
        (None, False, False, None, [4]),
    ]


def test_a_decoder_stays_with_its_message() -> None:
    payloads = []

    def decode_first_only(message: Message) -> None:
        if not payloads:
            message.decoder = len
        payloads.append(message.payload)

    session = joined_session(decode_first_only)
    for _ in range(2):
        session.receive(encode("1", None, "room:a", "event", b"[10]"), 1, 0)
    assert payloads == [4, [10]]


def test_a_callback_that_raises_or_receives_again_is_no_harm() -> None:
    seen = []

    def receive_again(message: Message) -> None:
        if message.payload == 1:
            session.receive(encode("1", None, "room:a", "inner", b"2"), 1, 0)
        seen.append((message.event, message.payload))
        if message.payload == 3:
            raise RuntimeError("the callback failed")

    session = joined_session(receive_again)
    session.receive(encode("1", None, "room:a", "outer", b"1"), 1, 0)
    with pytest.raises(RuntimeError, match="the callback failed"):
        session.receive(encode("1", None, "room:a", "raises", b"3"), 1, 0)
    session.receive(encode("1", None, "room:a", "after", b"4"), 1, 0)
    assert seen == [("inner", 2), ("outer", 1), ("raises", 3), ("after", 4)]


def test_topics_and_events_that_look_alike_are_told_apart() -> None:
    seen = []
    session = joined_session(lambda message: seen.append((message.topic, message.event, message.payload)))
    for topic in ("room:aa", "room:ab", "room:a,"):
        ref = str(session.join(topic))
        session.receive(encode_reply(ref, ref, topic, "ok", b"{}"), 1, 0)
    expected = []
    for number in range(64):
        topic = ("room:a", "room:aa", "room:ab", "room:a,")[number // 8 % 4]
        event = ("x", "xy", 'x"', "x\\", "é", "x" * 200, "x" * 30 + "1", "x" * 30 + "2")[number % 8]
        spaced = b" " if number % 5 == 0 else b""
        frame = encode(None, None, topic, event, spaced + b"%d" % number)
        for _ in range(3):
            session.receive(frame, 1, 0)
            expected.append((topic, event, number))
    assert seen == expected


def test_a_payloads_bytes_that_somebody_keeps_stay_as_they_were() -> None:
    kept: list[tuple[bytes, memoryview | None, int]] = []
    hashes: dict[int, int] = {}

    def keep_the_bytes(message: Message) -> None:
        number = message.payload
        hashes[number] = hash(message.raw)
        if number % 4 == 1:
            kept.append((message.raw, None, number))
        elif number % 4 == 2:
            kept.append((b"", memoryview(message.raw), number))

    session = joined_session(keep_the_bytes)
    for number in range(2000):
        # Longer and shorter than the one before, and as long.
        payload = b"%d" % number + b" " * (number % 7)
        session.receive(b'["1",null,"room:a","event",%b]' % payload, 1, 0)
    assert len(kept) == 1000
    for raw, view, number in kept:
        assert int(raw if view is None else view.tobytes()) == number
    # A hash is kept in the bytes: filled anew, they have another.
    assert all(found == hash(b"%d" % number) for number, found in hashes.items())


def test_bytes_with_room_for_more_are_as_long_as_the_payload() -> None:
    seen: list[tuple[int, bytes, bytes]] = []
    session = joined_session(lambda message: seen.append((len(message.raw), bytes(message.raw[:]), b"")))
    payloads = [b'"%b"' % (b"x" * size) for size in (40, 3, 0, 40, 41, 2000, 5, 1022, 1023, 1)]
    for payload in payloads:
        session.receive(b'["1",null,"room:a","event",%b]' % payload, 1, 0)
    assert [raw for _, raw, _ in seen] == payloads
    assert [size for size, _, _ in seen] == [len(payload) for payload in payloads]
    for data in (b"", b"a", b"bc", b"", b"d"):
        session.receive(encode_binary_broadcast("room:a", "event", data), 2, 0)
    assert [raw for _, raw, _ in seen[len(payloads) :]] == [b"", b"a", b"bc", b"", b"d"]


def test_the_same_head_again_and_again_is_read_as_the_first_time() -> None:
    seen: list[tuple[object, ...]] = []

    def look(kind: str, message: Message) -> None:
        seen.append((kind, message.join_ref, message.ref, message.topic, message.event, message.raw))

    session = joined_session(
        lambda message: look("message", message), lambda message, *_: look("reply", message)
    )
    ref = str(session.join("room:b"))
    session.receive(encode_reply(ref, ref, "room:b", "ok", b"{}"), 1, 0)
    heads: list[tuple[bytes, tuple[object, ...]]] = [
        (b'["1",null,"room:a","event",', ("message", "1", None, "room:a", "event")),
        (b'[null,null,"room:a","event",', ("message", None, None, "room:a", "event")),
        (b'[1,null,"room:a","event",', ("message", 1, None, "room:a", "event")),
        (b'["1","7","room:a","event",', ("message", "1", "7", "room:a", "event")),
        (b'[null,null,"room:a","phx_reply",', ("reply", None, None, "room:a", "phx_reply")),
        (b' [ null , null , "room:b" , "event" , ', ("message", None, None, "room:b", "event")),
    ]
    expected = []
    for times in (1, 2, 3, 4, 1, 5):
        for head, values in heads:
            for number in range(times):
                payload = b'{"number":%d,"status":"ok"}' % number
                session.receive(head + payload + b"]", 1, 0)
                expected.append((*values, payload))
    assert seen == expected
    # A stale join_ref is one, whatever came before, and a head without a payload is no frame.
    for _ in range(4):
        session.receive(b'["9",null,"room:a","event",{"body":"much too late"}]', 1, 0)
    assert seen == expected


class Callable:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.messages.append(message)


def test_whatever_can_be_called_is_a_handler() -> None:
    # A builtin, a function, a method, and an instance, whose type has no vectorcall, are called differently.
    called, kept = Callable(), list[Message]()
    function = lambda message: kept.append(message)  # noqa: E731
    session = joined_session(lambda _: None)
    for handler in (kept.append, function, called.__call__, called, functools.partial(kept.append)):
        session.join_entry("room:a").handlers = {"text": handler}
        session.receive(encode("1", None, "room:a", "text", b"[1]"), 1, 0)
    assert [message.payload for message in kept + called.messages] == [[1]] * 5


def test_a_handler_may_take_itself_away_and_fail() -> None:
    session = joined_session(lambda _: None)
    entry = session.join_entry("room:a")

    def make() -> Any:
        def handler(message: Message) -> None:
            entry.handlers = None
            gc.collect()
            raise ValueError(message.payload)

        return handler

    entry.handlers = {"text": make()}
    with pytest.raises(ValueError, match="1"):
        session.receive(encode("1", None, "room:a", "text", b"1"), 1, 0)
    session.receive(encode("1", None, "room:a", "text", b"2"), 1, 0)
    assert session.stats["messages"] == 2


def test_a_decoder_may_take_itself_away() -> None:
    seen: list[Any] = []

    class Decoder:
        def __init__(self, message: Message) -> None:
            self.message = message

        def __call__(self, data: bytes) -> bytes:
            self.message.decoder = None
            del self.message
            gc.collect()
            return data.upper()

    def handler(message: Message) -> None:
        message.decoder = Decoder(message)
        seen.append(message.payload)

    session = joined_session(handler)
    session.receive(encode("1", None, "room:a", "text", b'"a"'), 1, 0)
    assert seen == [b'"A"']


def test_a_head_that_came_before_is_of_its_own_topic_only() -> None:
    # The head is remembered for the process; which topic of a session's it is, for each session.
    calls: dict[str, list[str]] = {"a": [], "b": []}
    sessions = {
        name: joined_session(lambda message, to=to: to.append(message.topic)) for name, to in calls.items()
    }
    sessions["b"].forget("room:a")
    frame = encode(None, None, "room:a", "text", b"[1, 2, 3]")
    other = encode(None, None, "room:b", "text", b"[1, 2, 3]")
    for _ in range(4):
        for session in sessions.values():
            session.receive(frame, 1, 0)
    assert calls == {"a": ["room:a"] * 4, "b": []}
    assert sessions["b"].stats["unknown_topic"] == 4
    join = str(sessions["b"].join("room:b"))
    sessions["b"].receive(encode_reply(join, join, "room:b", "ok", b"{}"), 1, 0)
    for _ in range(4):
        sessions["b"].receive(other, 1, 0)
    for _ in range(4):
        for session in sessions.values():
            session.receive(other, 1, 0)
    assert calls == {"a": ["room:a"] * 4, "b": ["room:b"] * 8}
    assert sessions["a"].stats["unknown_topic"] == 4


def test_a_message_says_what_its_frame_says_whatever_came_before() -> None:
    def fields(message: Message) -> tuple[Any, ...]:
        return (
            message.join_ref,
            message.ref,
            message.topic,
            message.event,
            # Whoever keeps the bytes of a payload gets new ones the next time.
            message.raw.hex(),
            message.is_reply,
            message.is_binary,
            message.join_ref_number,
            None if message.is_binary else message.payload,
        )

    frames = [
        (encode("1", None, "room:a", "text", b'{"number":1}'), 1),
        (encode("1", None, "room:a", "text", b'{"number":22}'), 1),
        (encode("1", None, "room:a", "other", b'{"number":3}'), 1),
        (encode(1, None, "room:a", "text", b'{"number":4}'), 1),
        (encode(None, None, "room:a", "text", b'{"number":5}'), 1),
        (encode("1", "a ref", "room:a", "text", b'{"number":6}'), 1),
        (encode("1", "7", "room:a", "text", b'{"number":7}'), 1),
        (encode("1", None, "room:a", "phx_reply", b'{"status":"ok"}'), 1),
        (encode_binary_broadcast("room:a", "text", b"\x00\x01"), 2),
        (encode("1", None, "room:a", "text", b"[]" + b" " * 2000), 1),
    ]
    seen: list[tuple[Any, ...]] = []
    session = joined_session(
        lambda message: seen.append(fields(message)), lambda message, *_: seen.append(fields(message))
    )
    decoded = [fields(decode(*frame)) for frame in frames]
    choices, expected = random.Random(1), []
    for _ in range(2000):
        index = choices.randrange(len(frames))
        # What comes again and again takes other ways than what comes once.
        for _ in range(choices.choice((1, 1, 2, 5, 9))):
            session.receive(*frames[index], 0)
            expected.append(decoded[index])
    assert seen == expected
