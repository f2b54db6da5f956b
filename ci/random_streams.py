"""Streams of WebSocket frames, whole and damaged, in chunks of any size; and what RFC 6455 says of them."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

Frame = tuple[int, int, int, bytes]
MAX_FRAME_SIZE = 600_000
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
SIZES = (0, 1, 2, 125, 126, 127, 300, 65535, 65536, 70000, 262_140, 262_144, 300_000, MAX_FRAME_SIZE)


class Handshake:
    """Takes the answer's head, as picows does."""

    def __init__(self) -> None:
        self.head = bytearray()
        self._view = bytearray(64)

    def get_buffer(self, _size_hint: int) -> memoryview:
        return memoryview(self._view)

    def buffer_updated(self, count: int) -> None:
        self.head += self._view[:count]

    def connection_lost(self, _error: object) -> None:
        pass


def stream(random: Random) -> bytes:
    parts = []
    for _ in range(random.randrange(1, 12)):
        size = random.choice(SIZES) if random.random() < 0.1 else random.randrange(200)
        opcode = random.choice((0, 1, 1, 2, 2, 8, 9, 10))
        if opcode >= 8:
            size = min(size, 125)
        head = bytes([random.choice((0x80, 0x80, 0x80, 0, 0xC0)) * (opcode < 8) or 0x80])
        head = bytes([head[0] | opcode])
        if size < 126:
            head += bytes([size])
        elif size < 65536:
            head += b"\x7e" + size.to_bytes(2)
        else:
            head += b"\x7f" + size.to_bytes(8)
        parts.append(head + random.randbytes(size))
    data = bytearray(b"".join(parts))
    if random.random() < 0.5:
        at = random.randrange(min(len(data), 400))
        match random.randrange(3):
            case 0:
                data[at] = random.randrange(256)
            case 1:
                data[at:at] = random.choice((b"\x82\x7f", b"\x7f" * 9, b"\x81\x7e\x00\x7d", b"\xff" * 10))
            case 2:
                del data[at:]
    return bytes(data)


def expected(data: bytes) -> tuple[list[Frame], int | None]:
    """The frames of *data* (RFC 6455 section 5.2) and the close code of what ends it, if anything does."""
    frames = []
    at = 0
    while len(data) - at >= 2:
        first, second = data[at], data[at + 1]
        opcode, size, head = first & 15, second & 127, 2
        if second & 128 or 2 < opcode < 8 or opcode > 10 or (opcode >= 8 and (not first & 128 or size > 125)):
            return frames, 1002
        if size >= 126:
            width = 2 if size == 126 else 8
            head += width
            if len(data) - at < head:
                break
            size = int.from_bytes(data[at + 2 : at + head])
            if size >> 63 or size < (126 if width == 2 else 65536):
                return frames, 1002
        if size > MAX_FRAME_SIZE:
            return frames, 1009
        if len(data) - at < head + size:
            break
        frames.append((first >> 7, (first >> 4) & 7, opcode, data[at + head : at + head + size]))
        at += head + size
    return frames, None


def run(count: int, seed: int, reader: Any, loop: object) -> Counter[str]:
    """Cut *count* streams with *reader*, and compare."""
    random = Random(seed)
    seen: Counter[str] = Counter()
    for number in range(count):
        data = stream(random)
        handshake = Handshake()
        cut = reader(handshake, loop, MAX_FRAME_SIZE)
        sent = ANSWER + data
        longest = random.choice((1, 7, 100, 5000, 300_000))
        if longest < 100:
            sent = sent[:5000]
        at = 0
        while at < len(sent) and cut.outcome[1] is None:
            at += cut.read(sent[at : at + random.randrange(1, longest + 1)])
        wanted = expected(sent[len(ANSWER) :])
        what = f"seed {seed}, stream {number}, {len(data)} bytes from {data[:64]!r}"
        assert bytes(handshake.head) == ANSWER, what
        assert cut.outcome == wanted, what
        seen["streams"] += 1
        seen["frames cut"] += len(wanted[0])
        seen[f"ended by {wanted[1]}"] += 1
    return seen
