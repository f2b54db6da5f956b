"""Runs of messages with one head, whose payloads are JSON, nearly JSON, or JSON only together with the next.

`ci/fuzz` runs the same under AddressSanitizer, with frames that end where their memory ends.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import orjson

from fastphx.errors import DecodeError
from fastphx.protocol.codec import Message

TORN = (b"1,2", b"[1", b"2]", b'{"a":[1', b"2]}", b'"abc', b'def"', b"[", b"]", b"{", b"}", b",", b"],[")
ODD = (b"\xff", b'"\xc3"', b"NaN", b"01", b'"\\ud800"', b"[1,]", b'{"a":1,"a":2}', b"1e400", b"\x00", b" 7 ")
NUMBERS = (b"0", b"-1", b"18446744073709551615", b"9223372036854775808", b"1234567890123456789", b"1.5")
STRINGS = ("", "ann", "é", "日本", "😀", 'a "quote"', "x" * 300, "],[")


def value(random: Random, depth: int = 0) -> Any:
    match random.randrange(7 if depth < 3 else 5):
        case 0:
            return random.choice((None, True, False))
        case 1 | 2:
            return random.randrange(-(2**63), 2**64)
        case 3 | 4:
            return random.choice(STRINGS)
        case 5:
            return [value(random, depth + 1) for _ in range(random.randrange(4))]
        case _:
            return {random.choice(STRINGS): value(random, depth + 1) for _ in range(random.randrange(4))}


def payload(random: Random, damage: float) -> bytes:
    if random.random() < damage:
        return random.choice(random.choice((TORN, ODD, NUMBERS)))
    return json.dumps(value(random), ensure_ascii=random.random() < 0.5).encode()


def payloads(random: Random, count: int) -> list[bytes]:
    damage = random.choice((0.0, 0.0, 0.02, 0.5, 1.0))
    return [payload(random, damage) for _ in range(count)]


def decoded(raw: bytes) -> Any:
    """What reading a payload of *raw* gives; the exception's type where it raises."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return DecodeError


class Reader:
    """A callback that reads payloads, not always, and some of them later; and checks each."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.change()
        self.kept: list[Message] = []
        self.given: dict[int, Any] = {}
        self.messages = 0

    def change(self) -> None:
        """Read, and keep for later, another share of the messages from now on."""
        self.share = self.random.choice((1.0, 1.0, 0.9, 0.5, 0.0))
        self.later = self.random.choice((0.0, 0.0, 0.05))

    def __call__(self, message: Message) -> None:
        self.messages += 1
        if self.random.random() < self.later:
            self.kept.append(message)
        elif self.random.random() < self.share:
            self.read(message)
        if self.kept and self.random.random() < 0.02:
            self.read(self.kept.pop())

    def read(self, message: Message) -> None:
        try:
            payload = message.payload
        except DecodeError:
            payload = DecodeError
        # 1, 1.0 and True are equal, too.
        assert repr(payload) == repr(decoded(message.raw)), (message, payload)
        if isinstance(payload, list | dict):
            # Somebody else's object would show it.
            assert id(payload) not in self.given, message
            self.given[id(payload)] = payload
            payload.clear()
