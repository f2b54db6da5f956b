"""Frames that no peer would send: recorded ones with random damage, random bytes; and what comes of them.

`ci/fuzz` runs the same under AddressSanitizer, with frames that end where their memory ends.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from fastphx.errors import AlreadyJoinedError, DecodeError, NotJoinedError, OverloadedError
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.joins import Join
from fastphx.protocol.message import Message, decode
from tests.protocol.collecting_writer import CollectingWriter

TEXT, BINARY = 1, 2
DATA = Path(__file__).parent.parent / "data" / "websocket.json"
TOPICS = ("room:a", "room:b", "room:é")
FRAGMENTS = (
    *'[]{}",:\\ \t\n0-1.eE',
    *("null", "true", "NaN", "phoenix", "heartbeat", "phx_reply", "phx_close", "phx_error", "room:a"),
    *('"status":"ok"', '{"status":"error","response":{}}', ',"status":"ok"}', '"\\u0000"', '"\\ud800"'),
    *('"\\ud83d\\ude00"', '"1"', '"18446744073709551615"', "9223372036854775808"),
    *("é", "\ufeff", "\u2028", "😀", "[" * 2000, '"' + "x" * 300),
)
BROKEN = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\x00" * 5, b"\xff" * 5)
PIECES = (*map(str.encode, FRAGMENTS), *BROKEN)

Decode = Callable[[bytes, int, bool], Message]
Receive = Callable[[CallbackSession, bytes, int], None]


def recorded() -> list[tuple[int, bytes]]:
    """Every frame of the recordings, either side's."""
    frames = [frame for scenario in json.loads(DATA.read_text())["scenarios"] for frame in scenario["frames"]]
    return [(TEXT, frame["text"].encode()) for frame in frames if "text" in frame] + [
        (BINARY, bytes.fromhex(frame["hex"])) for frame in frames if "hex" in frame
    ]


def damaged(random: Random, frame: bytes) -> bytes:
    data = bytearray(frame)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        at = random.randrange(len(data) + 1)
        match random.randrange(6):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + random.randrange(1, 9)]
            case 2:
                data[at:at] = random.choice(PIECES)
            case 3:
                data[at : at + random.randrange(1, 9)] = random.choice(PIECES)
            case 4:
                data[at : at + 1] = bytes([random.randrange(256)])
            case 5:
                data[at:at] = data[random.randrange(len(data) + 1) :][: random.randrange(64)]
    return bytes(data)


def frames(seed: int) -> Iterator[tuple[int, bytes]]:
    """Endless (opcode, frame), the same for the same *seed*."""
    random = Random(seed)
    seeds = recorded()
    while True:
        opcode, frame = random.choice(seeds)
        match random.randrange(20):
            case 0:
                yield opcode, random.randbytes(random.randrange(40))
            case 1:
                yield opcode, b"".join(random.choices(PIECES, k=random.randrange(12)))
            case 2:
                yield opcode, frame
            case 3:
                yield random.choice((0, 1, 2, 3, 8)), damaged(random, frame)
            case _:
                yield opcode, damaged(random, frame)


def read_whole(message: Message) -> None:
    """Everything of *message*; a payload that is broken raises DecodeError, each time, and nothing else."""
    repr(message)
    assert isinstance(message.topic, str)
    assert isinstance(message.event, str)
    assert isinstance(message.raw, bytes)
    for ref in (message.join_ref, message.ref):
        assert ref is None or isinstance(ref, str | int)
    for name in ("payload", "status", "response"):
        with suppress(DecodeError):
            getattr(message, name)


class Reader:
    """A session's handler that reads all it is given."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def hook(*values: object) -> None:
            self.calls[name] += 1
            for value in values:
                if isinstance(value, Message):
                    read_whole(value)
                elif isinstance(value, Join):
                    repr(value)
            if name == "on_bad_frame":
                assert isinstance(values[0], DecodeError)

        return hook


def opened(random: Random) -> tuple[CallbackSession, Reader]:
    reader = Reader()
    session = CallbackSession(reader, max_in_flight=8, max_topics=8)
    session.opened(CollectingWriter(), 0, random.random())
    # The recordings' first join: what they close or answer is this session's too.
    session.join("room:a", {})
    return session, reader


def act(session: CallbackSession, random: Random, now_ns: int) -> None:
    """Something that a user may do at any time."""
    topic = random.choice(TOPICS)
    try:
        match random.randrange(5):
            case 0:
                session.join(topic, {}, deadline_ns=now_ns + 50)
            case 1:
                session.leave(topic)
            case 2:
                session.push(topic, "echo", {})
            case 3:
                session.push_awaited(topic, "echo", {}, object(), now_ns=now_ns, deadline_ns=now_ns + 50)
            case 4:
                session.tick(now_ns)
    except (AlreadyJoinedError, NotJoinedError, OverloadedError):
        pass


def plain_decode(frame: bytes, opcode: int, from_client: bool) -> Message:
    return decode(frame, opcode, from_client=from_client)  # type: ignore[arg-type]


def run(
    count: int, seed: int, decode: Decode = plain_decode, receive: Receive = CallbackSession.receive
) -> Counter[str]:
    """Feed *count* frames to both sides' decoder and to sessions. Returns how often what came of them."""
    random = Random(seed)
    seen: Counter[str] = Counter()
    session, reader = opened(random)
    for number, (opcode, frame) in zip(range(count), frames(seed), strict=False):
        if number % 40 == 0:
            session.disconnected()
            seen += reader.calls
            session, reader = opened(random)
        try:
            for from_client in (False, True):
                try:
                    read_whole(decode(frame, opcode, from_client))
                    seen["decoded"] += 1
                except DecodeError:
                    seen["refused"] += 1
            receive(session, frame, opcode)
            act(session, random, number)
        except BaseException as error:
            error.add_note(f"seed {seed}, frame {number}, opcode {opcode}: {frame!r}")
            raise
    return seen + reader.calls
