"""A WebSocket to a peer in memory, for `tests/faults/memory.py`: where an allocation fails, it goes on as if
nothing had been, or it ends once, with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastphx.errors import DisconnectReason
from fastphx.protocol.sink import BINARY, TEXT, CallbackSink
from fastphx.transports.connector import connect
from fastphx.transports.options import ConnectOptions
from fastphx.transports.websocket.deflate import DeflateStream
from fastphx.transports.websocket.link import WebSocketLink
from tests.fuzz.memory_transport import MemoryLoop, MemoryTransport, cut
from tests.fuzz.targets.websocket import HEADERS, sent_frames
from tests.transports.raw_server import CONTINUATION, PING, close_frame, frame, handshake_answer

LOOP = MemoryLoop()
MAX_MESSAGE_SIZE = 1 << 20
LONG = b"x" * 300_000
"""A message that is longer than the buffer that all sockets share."""
DEFLATABLE = b"hello " * 15
HELLO = [frame(TEXT, b"hello")]
AFTER = b"after: " + DEFLATABLE
"""Compressed, it points at what was compressed before, if that was sent or not."""
RSV1 = 0x40


def turn() -> None:
    """Let the loop do what is due."""
    for _ in range(5):
        LOOP.run_until_complete(asyncio.sleep(0))


class Connection:
    """One with permessage-deflate; its own owner."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.errors: list[BaseException] = []
        self.reasons: list[DisconnectReason] = []
        self.told_the_loop: list[object] = []
        LOOP.set_exception_handler(lambda _, context: self.told_the_loop.append(context.get("exception")))
        self.sent: list[bytes] = []
        """By the peer, as messages."""
        self.written: list[bytes] = []
        """By this side."""
        LOOP.on_connection = self._answer
        options = ConnectOptions(
            proxy=None, compress=True, max_message_size=MAX_MESSAGE_SIZE, validate_utf8=True
        )
        sink = CallbackSink(lambda data, _opcode, _now_ns: self.received.append(data))
        self.link: WebSocketLink = LOOP.run_until_complete(connect("ws://peer.test/", sink, self, options))
        self.lost = self.peer.get_protocol().connection_lost

    def _answer(self, transport: MemoryTransport) -> None:
        self.peer = transport
        LOOP.call_soon(self._shake_hands)

    def _shake_hands(self) -> None:
        answer = handshake_answer(bytes(self.peer.written), HEADERS)
        self.peer.written.clear()
        self.peer.hand_over(answer)

    # -- its owner

    def notify_connected(self, writer: object) -> None:
        pass

    def notify_error(self, exc: BaseException) -> None:
        self.errors.append(exc)

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self.reasons.append(reason)

    # -- its peer

    def send(self, chunks: list[bytes], *messages: bytes) -> None:
        self.sent.extend(messages)
        self.peer.hand_over_all(chunks)

    # -- this side

    def write(self, message: bytes) -> None:
        self.written.append(message)
        try:
            self.link.writer.write(message, TEXT)
        except MemoryError:
            self.written.pop()
            raise

    def pause(self) -> None:
        self.link.pause_reading()
        try:
            self.send(HELLO, b"hello")
        finally:
            self.link.resume_reading()

    # -- what holds

    @property
    def has_failed(self) -> bool:
        return any(isinstance(error, MemoryError) for error in (*self.errors, *self.told_the_loop))

    def check(self) -> None:
        # Where it could not go on, it says so and stays paused.
        self.link.resume_reading()
        turn()
        if self.link.is_open:
            self.send([frame(TEXT, AFTER)], AFTER)
            self.write(AFTER)
            turn()
            assert self.received == self.sent
            assert not self.reasons
            assert self.written_to_peer() == self.written
        self.peer.close()
        turn()
        # Where even telling the owner has failed, the loop is told of that.
        assert len(self.reasons) + len(self.told_the_loop) == 1, (self.reasons, self.told_the_loop)
        assert self.received == self.sent[: len(self.received)]
        assert self.link.read_buffer_bytes == 0

    def written_to_peer(self) -> list[bytes]:
        """The messages that the peer has got."""
        inflate = new_stream().inflate
        return [
            inflate(data) if first & RSV1 else data
            for first, data in sent_frames(bytes(self.peer.written))
            if first & 15 == TEXT
        ]


def sends(frames: bytes, *messages: bytes, size: int = 0) -> Callable[[Connection], object]:
    """The peer sends it, cut into chunks of *size* bytes."""
    chunks = cut(frames, size)
    return lambda connection: connection.send(chunks, *messages)


def new_stream() -> DeflateStream:
    return DeflateStream(
        deflate_bits=15,
        deflate_takeover=True,
        inflate_bits=15,
        inflate_takeover=True,
        max_message_size=MAX_MESSAGE_SIZE,
    )


OPERATIONS: dict[str, Callable[[Connection], object]] = {
    "a frame is read": sends(frame(TEXT, b"hello"), b"hello"),
    "a frame comes in parts": sends(frame(TEXT, b"hello" * 20), b"hello" * 20, size=9),
    "a long frame comes in parts": sends(frame(BINARY, LONG), LONG, size=40_000),
    "fragments are read": sends(
        frame(TEXT, b"he", fin=False) + frame(CONTINUATION, b"l", fin=False) + frame(CONTINUATION, b"lo"),
        b"hello",
    ),
    "a deflated message is read": sends(frame(TEXT, new_stream().deflate(DEFLATABLE), rsv=4), DEFLATABLE),
    "messages are read after a pause": Connection.pause,
    "a ping is read": sends(frame(PING, b"x")),
    "a close frame is read": sends(close_frame(1000, "bye")),
    "a frame is read that no server may send": sends(frame(TEXT, b"x", masked=True)),
    "a message is written": lambda connection: connection.write(b"hello"),
    "a deflated message is written": lambda connection: connection.write(DEFLATABLE),
    "this side closes": lambda connection: connection.link.close(1000, "bye"),
    "this side gives up": lambda connection: connection.link.abort(),
    "the connection is lost": lambda connection: connection.lost(None),
}
