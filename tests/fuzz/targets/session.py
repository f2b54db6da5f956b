"""The session: any frames between any calls of its user. Whatever is awaited is answered once, each frame is
counted once, and what earlier frames left in the caches changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastphx.errors import (
    AlreadyJoinedError,
    DecodeError,
    DisconnectedError,
    EncodingError,
    NotJoinedError,
    OverloadedError,
)
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.joins import Join, JoinState
from fastphx.protocol.message import Message
from fastphx.protocol.sink import BINARY, TEXT
from fastphx.serializers import GzipJson, JsonV1, Serializer
from tests.fuzz.exact_memory import receive
from tests.fuzz.pieces import JSON, NOT_UTF8, PHOENIX
from tests.fuzz.recorded_frames import recorded_frames
from tests.fuzz.steps import BETWEEN, joined, number, steps_of
from tests.protocol.collecting_writer import CollectingWriter

PIECES = (
    *(*JSON, *NOT_UTF8, *PHOENIX, BETWEEN),
    *(
        BETWEEN + kind
        for kind in (b"t[", b"b\x00", b"j\x00", b"l\x00", b"p\x00", b"a\x00", b"x", b"k", b"d", b"f")
    ),
    b't["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]',
)
MAX_BYTES = 2048
TOPICS = ("room:a", "room:b", "room:é", "phoenix", "r" * 300)
JOIN_ENDS_LEAVE, V1, GZIP = 1, 2, 4
OUTCOMES = (
    *("messages", "replies", "stale", "unknown_topic", "decode_errors"),
    *("heartbeats_answered", "stale_heartbeats"),
)


def seeds() -> Iterable[bytes]:
    answer = b't["%d","%d","room:a","phx_reply",{"response":{},"status":"%s"}]'
    yield joined(0, [b"j\x00", answer % (1, 1, b"ok"), b"a\x00", answer % (1, 2, b"ok"), b"l\x00"])
    yield joined(JOIN_ENDS_LEAVE, [b"j\x00", answer % (1, 1, b"ok"), b"l\x00", b"j\x00"])
    yield joined(0, [b"j\x00", b"k\xff", answer % (1, 1, b"error"), b"d", b"j\x00"])
    yield joined(
        V1, [b"j\x00", b't{"topic":"room:a","event":"phx_reply","payload":{"status":"ok"},"ref":"1"}']
    )
    frames = [(b"b" if opcode == BINARY else b"t") + frame for opcode, frame in recorded_frames()]
    for at in range(0, len(frames), 6):
        yield joined(0, [b"j\x00", *frames[at : at + 6]])[:MAX_BYTES]


def check(data: bytes) -> None:
    if not data:
        return
    # The first time, the caches may know none of these frames; the second time, they may know all.
    assert Run(data[0]).play(data[1:]) == Run(data[0]).play(data[1:])


def serializer_of(options: int) -> Serializer | None:
    if options & V1:
        return JsonV1()
    return GzipJson(max_inflated_bytes=100_000) if options & GZIP else None


class Run:
    """One session, its user, and its handler."""

    def __init__(self, options: int) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.kept: list[tuple[Message, tuple[Any, ...]]] = []
        self.waiting: dict[int, object] = {}
        self.ended = 0
        self.frames = self.bytes = 0
        self.now_ns = 1
        self.session = CallbackSession(
            self,  # type: ignore[arg-type]
            serializer=serializer_of(options),
            max_in_flight=8,
            max_topics=4,
            join_ends_leave=bool(options & JOIN_ENDS_LEAVE),
        )
        self.session.opened(CollectingWriter(), self.now_ns, 0.5)

    # -- the handler

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def hook(*values: Any) -> None:
            self.events.append((name, *map(self._seen, values)))
            if name in ("on_expired", "on_failed"):
                assert self.waiting.pop(values[0]) is values[1]
            elif name == "on_reply" and values[1] is not None:
                (ref,) = (ref for ref, waiter in self.waiting.items() if waiter is values[1])
                assert str(values[0].ref_number) == str(ref)
                assert values[2] >= 0
                del self.waiting[ref]
            elif name in ("on_closed", "on_errored"):
                self.ended += 1

        # The session asks once for each; a method is the same for ever.
        self.__dict__[name] = hook
        return hook

    def _seen(self, value: Any) -> Any:
        if isinstance(value, Message):
            seen = read_whole(value)
            if len(self.kept) < 20:
                self.kept.append((value, seen))
            return seen
        if isinstance(value, Join):
            assert repr(value).isprintable()
            return value.topic, value.state
        if isinstance(value, DecodeError):
            assert str(value).isprintable()
            return str(value)
        return value if isinstance(value, str | int) else None

    # -- the run

    def play(self, data: bytes) -> list[tuple[Any, ...]]:
        for kind, rest in steps_of(data):
            if kind in "tb" and kind:
                self._receive(rest, TEXT if kind == "t" else BINARY)
            else:
                self._act(kind, rest)
            for topic in self.session.topics():
                assert self.session.state(topic) in JoinState
        self.session.disconnected()
        assert not self.waiting
        assert len(self.session.refs) == 0
        stats = self.session.stats
        assert (stats["frames_in"], stats["bytes_in"]) == (self.frames, self.bytes)
        for message, seen in self.kept:
            assert read_whole(message) == seen
        return self.events

    def _receive(self, frame: bytes, opcode: int) -> None:
        before, ended = self.session.stats, self.ended
        self.frames += 1
        self.bytes += len(frame)
        receive(self.session, frame, opcode, self.now_ns)
        stats = self.session.stats
        counted = sum(stats[name] - before[name] for name in OUTCOMES)
        if stats["replies"] == before["replies"]:
            counted += stats["unexpected_replies"] - before["unexpected_replies"]
        assert counted <= 1
        assert self.ended - ended <= 1
        assert counted + self.ended - ended >= 1, frame

    def _act(self, kind: str, rest: bytes) -> None:
        session, topic = self.session, TOPICS[number(rest, len(TOPICS))]
        deadline_ns = self.now_ns + 1_000_000 if len(rest) > 1 else None
        try:
            match kind:
                case "j":
                    session.join(topic, {}, deadline_ns=deadline_ns)
                case "l":
                    session.leave(topic, deadline_ns=deadline_ns)
                case "c":
                    session.leave(topic, cancel_join=True, deadline_ns=deadline_ns)
                case "o":
                    session.join_entry(topic).owner = self if len(rest) > 1 else None
                case "p":
                    session.push(topic, "echo", rest[1:] or {})
                case "a":
                    waiter = object()
                    ref = session.push_awaited(
                        topic, "echo", {}, waiter, now_ns=self.now_ns, deadline_ns=deadline_ns
                    )
                    self.waiting[ref] = waiter
                case "x":
                    ref = number(rest, 16)
                    assert session.abandon(ref) == (self.waiting.pop(ref, None) is not None)
                case "k":
                    self.now_ns += number(rest, 256) * 250_000_000
                    session.tick(self.now_ns)
                case "r":
                    session.set_reading(len(rest) > 1, self.now_ns)
                case "f":
                    session.forget(topic)
                case "d":
                    session.disconnected()
                    assert not self.waiting
                case "u":
                    session.opened(CollectingWriter(), self.now_ns, 0.5)
        except (
            AlreadyJoinedError,
            DisconnectedError,
            EncodingError,
            NotJoinedError,
            OverloadedError,
        ) as error:
            self.events.append((kind, str(error)))


def read_whole(message: Message) -> tuple[Any, ...]:
    """Everything of *message*. A payload that is broken raises DecodeError, each time, and nothing else."""
    assert repr(message).isprintable()
    values: list[Any] = [
        *(message.topic, message.event, message.join_ref, message.ref, message.raw),
        *(message.is_binary, message.is_reply, message.join_ref_number, message.ref_number),
        message.byte_count(),
    ]
    for name in ("payload", "status", "response"):
        try:
            values.append(repr(getattr(message, name)))
        except DecodeError as error:
            values.append(str(error))
    return tuple(values)
