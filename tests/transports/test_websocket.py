"""The compiled link against a server that sends right, wrong and no frames."""

import asyncio
import contextlib
import random
import socket
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from fastphx.errors import (
    ConnectionClosed,
    DisconnectedError,
    DisconnectReason,
    HeartbeatTimeout,
    OverloadedError,
    TransportDown,
)
from fastphx.protocol.sink import CallbackSink, FrameWriter
from fastphx.timing.wheel import wheel_for
from fastphx.transports import WebSocketLink
from tests.transports.freed import freed, without_collector
from tests.transports.raw_server import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Peer,
    RawServer,
    close_frame,
    frame,
)
from tests.transports.recording_owner import TIMEOUT_S, RecordingOwner

ASCII = bytes(byte & 0x7F for byte in range(256))
"""A table that makes any bytes text."""


def closed(reason: DisconnectReason) -> tuple[int, str]:
    assert isinstance(reason, ConnectionClosed), reason
    return reason.code, reason.reason


def sending(data: bytes, *, close_code: int = 1000) -> Callable[[Peer], Any]:
    """A server that sends *data* after the handshake and expects the client to close with that code."""

    async def handle(peer: Peer) -> None:
        await peer.accept()
        peer.send(data)
        assert (await peer.close_frame())[0] == close_code

    return handle


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 300_000])
async def test_messages_of_any_size_go_both_ways(size: int) -> None:
    async def echo(peer: Peer) -> None:
        await peer.accept()
        for _ in range(2):
            opcode, data = await peer.frame()
            peer.send(frame(opcode, data))
        assert await peer.close_frame() == (1000, "bye")

    async with RawServer(echo) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        for opcode in (TEXT, BINARY):
            data = random.Random(size).randbytes(size)
            if opcode == TEXT:
                data = data.translate(ASCII)
            link.writer.write(data, opcode)
            assert await owner.message() == (opcode, data)
        link.close(1000, "bye")
        assert isinstance(await owner.reason(), ConnectionClosed)
    assert owner.events == ["connected", "disconnected"]


async def test_messages_that_come_with_the_handshake_are_delivered_with_one_clock_reading() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept(then=frame(TEXT, b"a") + frame(PING) + frame(TEXT, b"b") + frame(PING))
        assert await peer.frame() == (PONG, b"")
        assert await peer.frame() == (PONG, b"")
        peer.send(frame(TEXT, b"c"))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        assert [await owner.message() for _ in range(3)] == [(TEXT, b"a"), (TEXT, b"b"), (TEXT, b"c")]
        first, second, third = owner.clock_readings
        assert first == second < third, "a read that ends with a ping must not hand its reading on"
        link.close()


async def test_fragments_are_put_together_and_control_frames_pass_between_them() -> None:
    data = (
        frame(TEXT, b"one ", fin=False)
        + frame(PING, b"still there?")
        + frame(CONTINUATION, b"", fin=False)
        + frame(CONTINUATION, b"message", fin=True)
        + frame(BINARY, b"", fin=False)
        + frame(CONTINUATION, b"")
        + frame(TEXT, b"whole")
    )

    async def serve(peer: Peer) -> None:
        await peer.accept()
        for byte in data:
            peer.send(bytes([byte]))
            await peer.writer.drain()
        assert await peer.frame() == (PONG, b"still there?")
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        assert await owner.message() == (TEXT, b"one message")
        assert await owner.message() == (BINARY, b"")
        assert await owner.message() == (TEXT, b"whole")
        link.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"x", rsv=4), 1002),
        (frame(TEXT, b"x", rsv=2), 1002),
        (frame(TEXT, b"x", rsv=1), 1002),
        (frame(PING, b"x", rsv=4), 1002),
        (frame(CONTINUATION, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"y") + frame(CONTINUATION, b"z"), 1002),
        (frame(TEXT, b"x", masked=True), 1002),
        (frame(3, b"x"), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(PING, bytes(126)), 1002),
        (b"\x82\x7e\x00\x7d", 1002),
        (b"\x82\x7f" + (65_535).to_bytes(8, "big"), 1002),
        (b"\x82\x7f" + (1 << 63).to_bytes(8, "big"), 1002),
        (close_frame(999), 1002),
        (frame(CLOSE, b"x"), 1002),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (frame(BINARY, bytes(1001)), 1009),
        (frame(BINARY, bytes(600), fin=False) + frame(CONTINUATION, bytes(401)), 1009),
    ],
)
async def test_a_wrong_frame_closes_the_connection(data: bytes, code: int) -> None:
    async with RawServer(sending(frame(TEXT, b"before") + data, close_code=code)) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, max_message_size=1000)
        reason = await owner.reason()
        assert closed(reason)[0] == code
        assert closed(reason)[1], "the reason says what was wrong"
        assert not link.is_open
        assert await owner.message() == (TEXT, b"before")
        assert owner.events == ["connected", "disconnected"]
        with pytest.raises(DisconnectedError):
            link.writer.write(b"late", TEXT)


async def test_a_header_may_come_byte_by_byte() -> None:
    sent = [b"a" * 5, b"b" * 300, b"c" * 70_000]

    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for data in sent:
            whole = frame(BINARY, data)
            for at in range(10):
                peer.send(whole[at : at + 1])
                # The client reads each by itself.
                await asyncio.sleep(0.001)
            peer.send(whole[10:])
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        for data in sent:
            assert await owner.message() == (BINARY, data)
        link.close()


async def test_messages_up_to_the_limit_are_taken() -> None:
    data = frame(BINARY, bytes(1000)) + frame(TEXT, bytes(999), fin=False) + frame(CONTINUATION, bytes(1))
    async with RawServer(sending(data)) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, max_message_size=1000)
        assert await owner.message() == (BINARY, bytes(1000))
        assert await owner.message() == (TEXT, bytes(1000))
        link.close()


async def test_no_bytes_of_a_server_can_do_worse_than_disconnect() -> None:
    generator = random.Random(1)

    async def serve(peer: Peer) -> None:
        junk = b"".join(
            frame(
                generator.choice((TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE, 5)),
                generator.randbytes(generator.choice((0, 1, 2, 60, 126, 400))),
                fin=generator.random() < 0.7,
                rsv=generator.choice((0, 0, 0, 0, 0, 1, 4)),
            )
            for _ in range(generator.randrange(6))
        )
        await peer.accept()
        peer.send(junk + generator.randbytes(generator.randrange(40)))

    async with RawServer(serve) as server:
        for _ in range(150):
            owner = RecordingOwner()
            await owner.connect(server.url, max_message_size=500)
            assert isinstance(await owner.reason(), ConnectionClosed)


@pytest.mark.parametrize(
    ("data", "expected", "echoed"),
    [
        (close_frame(1000), (1000, ""), 1000),
        (close_frame(1001, "going away"), (1001, "going away"), 1001),
        (close_frame(1012, "drained, ü"), (1012, "drained, ü"), 1012),
        (close_frame(4000, "own"), (4000, "own"), 4000),
        (frame(CLOSE), (1005, ""), 1000),
    ],
)
async def test_the_servers_close_is_answered_and_told(
    data: bytes, expected: tuple[int, str], echoed: int
) -> None:
    async with RawServer(sending(data, close_code=echoed)) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        assert closed(await owner.reason()) == expected
        with pytest.raises(DisconnectedError, match="nothing was sent"):
            link.writer.write(b"late", TEXT)
        link.close()


@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_a_lost_connection_is_code_1006(end: str) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.frame()
        if end == "reset":
            peer.reset()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        link.writer.write(b"x", TEXT)
        assert closed(await owner.reason())[0] == 1006
        assert owner.events == ["connected", "disconnected"]


async def test_closing_sends_the_code_once_and_refuses_to_send_at_once() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        assert await peer.close_frame() == (3001, "enough")
        peer.send(frame(TEXT, b"not delivered any more") + close_frame(3001, "enough"))

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        for code in (999, 1001, 1006, 2999, 5000):
            with pytest.raises(ValueError, match="code"):
                link.close(code)
        with pytest.raises(ValueError, match="123"):
            link.close(1000, "ü" * 62)
        link.close(3001, "enough")
        link.close()
        assert not link.is_open
        with pytest.raises(DisconnectedError):
            link.writer.write(b"late", TEXT)
        assert closed(await owner.reason()) == (3001, "enough")
        assert owner.messages.empty()
        link.close()
        link.abort()
        link.pause_reading()
        link.resume_reading()


async def test_a_server_that_does_not_answer_the_close_is_cut() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.end()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        link.pause_reading()
        link.close(1000, "mine")
        assert not link.reading_paused
        assert closed(await owner.reason()) == (1000, "mine")


async def test_abort_cuts_at_once_and_gives_the_reason_on() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.end()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        with pytest.raises(TypeError):
            link.abort(ValueError("no reason"))  # type: ignore[arg-type]
        why = HeartbeatTimeout()
        link.abort(why)
        link.abort()
        assert await owner.reason() is why
        assert not link.is_open


async def test_past_the_write_limit_a_send_is_refused_and_room_is_announced() -> None:
    reading = asyncio.Event()
    received: list[bytes] = []

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await reading.wait()
        while True:
            opcode, data = await peer.frame()
            if opcode == CLOSE:
                return
            received.append(data)

    limit = 200_000
    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, max_write_buffer=limit)
        accepted = 0

        def flood() -> None:
            nonlocal accepted
            while accepted < 10_000:
                link.writer.write(accepted.to_bytes(4, "big") + bytes(20_000), BINARY)
                accepted += 1

        with pytest.raises(OverloadedError, match="max_write_buffer"):
            flood()
        assert 0 < link.writer.unsent_bytes <= limit + 16
        # Still refused on later turns, and in between bytes are neither lost nor doubled.
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            link.writer.write(bytes(limit + 1), BINARY)
        reading.set()
        async with asyncio.timeout(TIMEOUT_S):
            while link.writer.unsent_bytes:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        link.writer.write(b"last", BINARY)
        link.close()
        await owner.reason()
    assert [int.from_bytes(data[:4], "big") for data in received[:-1]] == list(range(accepted))
    assert received[-1] == b"last"


async def test_one_message_larger_than_the_write_limit_is_taken() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        opcode, data = await peer.frame()
        assert (opcode, len(data)) == (BINARY, 3_000_000)
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, max_write_buffer=1000)
        link.writer.write(bytes(3_000_000), BINARY)
        link.close()
        await owner.reason()


async def test_pings_of_a_server_that_does_not_read_are_bounded() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        for _ in range(400):
            peer.send(frame(PING, bytes(125)) * 500)
            await peer.writer.drain()
        peer.send(frame(TEXT, b"done"))
        assert (await peer.close_frame())[0] == 1000

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(
            server.url,
            max_write_buffer=50_000,
            socket_opts=[(1, 7, 4096)],  # SOL_SOCKET, SO_SNDBUF
        )
        assert await owner.message() == (TEXT, b"done")
        assert link.writer.unsent_bytes <= 50_000 + 16
        link.close()


async def test_pausing_holds_messages_back_and_resuming_brings_them_all() -> None:
    count = 2000
    sent = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.frame()
        for number in range(count):
            peer.send(frame(BINARY, number.to_bytes(4, "big") + bytes(5000)))
        sent.set()
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        link.pause_reading()
        link.pause_reading()
        assert link.reading_paused
        link.writer.write(b"go", TEXT)
        await asyncio.wait_for(sent.wait(), TIMEOUT_S)
        for _ in range(20):
            await asyncio.sleep(0)
        assert owner.messages.empty()
        link.resume_reading()
        numbers = []
        while len(numbers) < count:
            data = (await owner.message())[1]
            numbers.append(int.from_bytes(data[:4], "big"))
            if len(numbers) % 500 == 0:
                link.pause_reading()
                await asyncio.sleep(0)
                link.resume_reading()
        assert numbers == list(range(count))
        link.close()


async def test_a_pause_has_a_cap() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        assert (await peer.close_frame())[0] == 1011

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, max_pause=0.05)
        link.pause_reading()
        reason = await owner.reason()
        assert isinstance(reason, TransportDown)
        assert isinstance(reason.exc, OverloadedError)
        assert owner.errors == [reason.exc]
        assert owner.events == ["connected", "error", "disconnected"]


async def test_keepalive_pings_and_lives_while_pongs_come() -> None:
    pings: list[bytes] = []

    async def serve(peer: Peer) -> None:
        await peer.accept()
        while len(pings) < 4:
            opcode, data = await peer.frame()
            assert opcode == PING
            pings.append(data)
            peer.send(frame(PONG, data))
        peer.send(frame(PONG, b"unasked") + frame(TEXT, b"enough"))
        # From here on only pongs to an older ping, which count for nothing.
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                opcode, data = await peer.frame()
                pings.append(data)
                peer.send(frame(PONG, pings[0]))

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        await owner.connect(server.url, keepalive=0.1)
        assert await owner.message() == (TEXT, b"enough")
        code, text = closed(await owner.reason())
        assert code == 1006
        assert "keepalive" in text
        assert len(set(pings)) == len(pings)


async def test_a_pong_that_waits_while_the_loop_stalls_counts() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        opcode, data = await peer.frame()
        assert opcode == PING
        # Longer than a keepalive interval, while the ping is unanswered.
        time.sleep(0.2)  # noqa: ASYNC251 - the stall itself
        peer.send(frame(PONG, data))
        assert (await peer.frame())[0] == PING
        peer.send(frame(TEXT, b"alive"))
        await peer.end()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, keepalive=0.1)
        assert await owner.message() == (TEXT, b"alive")
        link.abort()
        await owner.reason()


async def test_an_exception_of_the_sink_reaches_the_owner_and_ends_the_connection() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(frame(TEXT, b"bad") + frame(TEXT, b"after"))
        code, reason = await peer.close_frame()
        assert code == 1011
        assert "secret" not in reason

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        broken = ValueError("secret detail")

        def fail(_data: bytes) -> None:
            raise broken

        owner.on_message = fail
        await owner.connect(server.url)
        reason = await owner.reason()
        assert isinstance(reason, TransportDown)
        assert reason.exc is broken
        assert owner.errors == [broken]


async def test_exceptions_of_the_owner_do_not_vanish() -> None:
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: contexts.append(context))

    class BrokenOwner(RecordingOwner):
        def notify_connected(self, writer: FrameWriter | None) -> None:
            raise ValueError("connected")

        def notify_error(self, exc: BaseException) -> None:
            super().notify_error(exc)
            raise ValueError("error")

        def notify_disconnected(self, reason: DisconnectReason) -> None:
            super().notify_disconnected(reason)
            raise ValueError("disconnected")

    async with RawServer(sending(b"", close_code=1011)) as server:
        owner = BrokenOwner()
        await owner.connect(server.url)
        reason = await owner.reason()
        assert isinstance(reason, TransportDown)
        assert str(reason.exc) == "connected"
        assert [str(context["exception"]) for context in contexts] == ["error", "disconnected"]


async def test_what_fails_before_there_is_a_connection_is_told_to_who_waits_for_it() -> None:
    loop = asyncio.get_running_loop()
    failures: list[Exception] = []

    class BrokenHandshake(asyncio.Protocol):
        def answered(self, _head: bytes) -> bool:
            raise ZeroDivisionError

        def failed(self, error: Exception) -> None:
            failures.append(error)

    owner = RecordingOwner()
    link = WebSocketLink(CallbackSink(lambda _data, _opcode, _now_ns: None), owner)
    reader = link.new_reader(BrokenHandshake(), loop)
    answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    reader.get_buffer(-1)[: len(answer)] = answer
    reader.buffer_updated(len(answer))
    assert [type(error) for error in failures] == [ZeroDivisionError]
    assert owner.errors == []


async def test_a_control_frame_is_no_message_that_is_too_long() -> None:
    data = frame(PING, b"x" * 125) + close_frame(4000, "y" * 123)
    async with RawServer(sending(data, close_code=4000)) as server:
        owner = RecordingOwner()
        await owner.connect(server.url, max_message_size=10)
        assert closed(await owner.reason()) == (4000, "y" * 123)


async def test_nothing_is_left_of_a_closed_link() -> None:
    async with RawServer(sending(frame(TEXT, b"x", fin=False))) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, keepalive=3600, max_pause=3600)
        assert not hasattr(link, "__dict__")
        assert not hasattr(link.writer, "__dict__")
        wheel = wheel_for(asyncio.get_running_loop())
        link.pause_reading()
        assert len(wheel) == 2
        link.resume_reading()
        link.close()
        await owner.reason()
        assert len(wheel) == 0
        gone = weakref.ref(link)
        with without_collector():
            del link, owner
            await freed(gone)


async def test_another_thread_is_refused_and_breaks_nothing() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        opcode, data = await peer.frame()
        peer.send(frame(opcode, data))
        assert (await peer.close_frame())[0] == 1000

    def misuse(link: WebSocketLink) -> None:
        for call in (lambda: link.writer.write(b"wrong", TEXT), link.close, link.abort, link.pause_reading):
            with pytest.raises(RuntimeError, match="wrong thread"):
                call()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        await asyncio.to_thread(misuse, link)
        assert link.is_open
        link.writer.write(b"right", TEXT)
        assert await owner.message() == (TEXT, b"right")
        link.close()
        await owner.reason()


def test_what_cannot_be_meant_is_refused() -> None:
    sink = CallbackSink(print)
    with pytest.raises(TypeError):
        WebSocketLink(None, None)  # type: ignore[arg-type]
    for wrong in ({"max_message_size": 0}, {"max_write_buffer": -1}, {"max_pause_s": 0}, {"keepalive_s": -1}):
        with pytest.raises(ValueError, match="must be"):
            WebSocketLink(sink, None, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be"):
        WebSocketLink(sink, None, read_interval_s=2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_message_size"):
        WebSocketLink(sink, None, max_message_size=1 << 31).new_reader(None, None)  # type: ignore[arg-type]
    WebSocketLink(sink, None).close()  # type: ignore[arg-type]
    link = WebSocketLink(sink, None)  # type: ignore[arg-type]
    with pytest.raises(DisconnectedError):
        link.writer.write(b"x", 1)
    with pytest.raises(ValueError, match="opcode"):
        link.writer.write(b"x", 9)
    assert not link.is_open
    assert link.get_extra_info("peername") is None
    assert link.writer.unsent_bytes == 0
    link.pause_reading()
    link.resume_reading()
    link.abort()
    link.close()
