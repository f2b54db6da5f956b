"""While reading is paused no message arrives, not even of the read that was under way."""

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest
import trustme

from fastphx.errors import ConnectionClosed, TransportDown
from fastphx.transports import WebSocketLink
from tests.transports.raw_server import (
    BINARY,
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
from tests.transports.test_close_before_reset import closing_server, end_with_fin, send_until_it_fails

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
MIB = 1024 * 1024

Handler = Callable[[Peer], Awaitable[Any]]


def deflated_frame(message: bytes) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return frame(BINARY, (stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv=4)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def sending_when_asked(data: bytes, *, headers: str = "") -> Handler:
    async def serve(peer: Peer) -> None:
        await peer.accept(headers=headers)
        await peer.frame()
        peer.send(data)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await peer.close_frame()

    return serve


def pausing(owner: RecordingOwner, link: WebSocketLink) -> list[bytes]:
    """Pause after each message; the messages, as they come."""
    seen: list[bytes] = []

    def take(data: bytes) -> None:
        seen.append(data)
        link.pause_reading()

    owner.on_message = take
    return seen


async def take_one_by_one(link: WebSocketLink, seen: list[bytes], messages: list[bytes]) -> None:
    """Resume after each message, before which no other comes."""
    for count in range(1, len(messages) + 1):
        await until(lambda count=count: len(seen) == count)
        await some_turns()
        assert len(seen) == count
        link.resume_reading()
    assert seen == messages


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 - what a link does not do is not told
            await asyncio.sleep(0)


@pytest.mark.parametrize("read_interval", [0.0, 0.001])
async def test_one_message_arrives_a_pause_and_all_in_order(read_interval: float) -> None:
    messages = numbered(200)
    fragments = frame(TEXT, b"frag", fin=False) + frame(PING, b"between") + frame(CONTINUATION, b"ments")
    data = b"".join(frame(TEXT, message) for message in messages) + fragments + frame(TEXT, b"last")
    async with RawServer(sending_when_asked(data)) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, read_interval=read_interval)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await take_one_by_one(link, seen, [*messages, b"fragments", b"last"])
        link.abort()
        await owner.reason()


@pytest.mark.parametrize("seed", range(4))
async def test_any_pauses_lose_and_reorder_nothing(seed: int) -> None:
    random = Random(seed)
    sizes = [random.choice((0, 5, 125, 300, 3000)) for _ in range(400)] + [300_000, 10, 400_000]
    random.shuffle(sizes)
    messages = [random.randbytes(size) for size in sizes]
    data = b"".join(any_frames(message, random) for message in messages)

    async def serve(peer: Peer) -> None:
        await peer.accept(headers=DEFLATE)
        await peer.frame()
        at = 0
        while at < len(data):
            size = random.choice((1, 50, 5000, 200_000))
            peer.send(data[at : at + size])
            at += size
            await asyncio.sleep(0)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await peer.frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, compress=True)
        seen: list[bytes] = []

        def take(message: bytes) -> None:
            assert not link.reading_paused
            seen.append(message)
            if random.random() < 0.3:
                link.pause_reading()
                if random.random() < 0.3:
                    link.resume_reading()

        owner.on_message = take
        link.writer.write(b"go", TEXT)
        async with asyncio.timeout(TIMEOUT_S):
            while len(seen) < len(messages):
                await asyncio.sleep(0)
                if random.random() < 0.5:
                    link.resume_reading()
        assert seen == messages
        link.abort()
        await owner.reason()


def any_frames(message: bytes, random: Random) -> bytes:
    """*message* in one frame or two, compressed or not, with a ping somewhere."""
    match random.randrange(4):
        case 0:
            return deflated_frame(message)
        case 1:
            cut = random.randrange(len(message) + 1)
            first = frame(BINARY, message[:cut], fin=False)
            return first + frame(PING, b"between") + frame(CONTINUATION, message[cut:])
    return frame(BINARY, message)


async def test_what_is_held_stays_compressed() -> None:
    message = bytes(MIB)
    data = deflated_frame(message) * 100
    assert len(data) < 128 * 1024
    async with RawServer(sending_when_asked(data, headers=DEFLATE)) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, compress=True)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await until(lambda: seen)
        await some_turns()
        assert seen == [message]
        assert 0 < link.read_buffer_bytes <= 256 * 1024
        owner.on_message = None
        link.resume_reading()
        await until(lambda: owner.messages.qsize() == 100)
        assert link.read_buffer_bytes == 0
        link.abort()
        await owner.reason()


async def test_messages_over_tls_are_held_too() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    messages = [bytes([number]) * 5000 for number in range(100)]
    data = b"".join(frame(BINARY, message) for message in messages)
    async with RawServer(sending_when_asked(data), ssl=context) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, ssl_verify=False)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await take_one_by_one(link, seen, messages)
        link.abort()
        await owner.reason()


async def test_a_pause_before_the_held_messages_turn_holds_them_on() -> None:
    async with RawServer(sending_when_asked(frame(TEXT, b"a") + frame(TEXT, b"b"))) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await until(lambda: seen)
        link.resume_reading()
        link.pause_reading()
        await some_turns()
        assert seen == [b"a"]
        link.resume_reading()
        link.resume_reading()
        await until(lambda: len(seen) == 2)
        link.abort()
        await owner.reason()


async def test_who_resumes_at_once_misses_nothing() -> None:
    messages = numbered(100)
    data = b"".join(frame(TEXT, message) for message in messages)
    async with RawServer(sending_when_asked(data)) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        seen: list[bytes] = []

        def take(message: bytes) -> None:
            link.pause_reading()
            seen.append(message)
            link.resume_reading()

        owner.on_message = take
        link.writer.write(b"go", TEXT)
        await until(lambda: len(seen) == 100)
        assert seen == messages
        link.abort()
        await owner.reason()


async def test_messages_larger_than_the_read_buffer_are_held_too() -> None:
    messages = [b"first", b"a" * MIB, b"b" * MIB, b"last"]
    data = b"".join(frame(TEXT, message) for message in messages)
    async with RawServer(sending_when_asked(data)) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await take_one_by_one(link, seen, messages)
        link.abort()
        await owner.reason()


async def test_a_held_ping_is_answered_and_a_held_close_told_once_it_is_resumed() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.frame()
        peer.send(frame(TEXT, b"a") + frame(PING, b"p") + frame(TEXT, b"b") + close_frame(1012, "later"))
        assert await peer.frame() == (TEXT, b"paused")
        assert await peer.frame() == (PONG, b"p")
        assert await peer.close_frame() == (1012, "")

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await until(lambda: seen)
        await some_turns()
        assert link.is_open
        link.writer.write(b"paused", TEXT)
        link.resume_reading()
        await until(lambda: len(seen) == 2)
        assert link.is_open
        link.resume_reading()
        reason = await owner.reason()
        assert isinstance(reason, ConnectionClosed)
        assert (reason.code, reason.reason, seen) == (1012, "later", [b"a", b"b"])


async def test_closing_drops_what_is_held() -> None:
    async with RawServer(sending_when_asked(frame(TEXT, b"a") * 10 + close_frame(1012))) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await until(lambda: seen)
        link.close(4000, "enough")
        reason = await owner.reason()
        assert isinstance(reason, ConnectionClosed)
        assert reason.code == 4000
        assert seen == [b"a"]


async def test_what_is_wrong_among_what_is_held_is_a_violation_once_it_is_its_turn() -> None:
    async with RawServer(sending_when_asked(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(3))) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await until(lambda: seen)
        await some_turns()
        assert link.is_open
        link.resume_reading()
        reason = await owner.reason()
        assert isinstance(reason, ConnectionClosed)
        assert reason.code == 1002
        assert seen == [b"a", b"b"]


async def test_a_sink_that_fails_on_what_was_held_ends_the_connection() -> None:
    async with RawServer(sending_when_asked(frame(TEXT, b"a") * 3)) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        seen = pausing(owner, link)
        link.writer.write(b"go", TEXT)
        await until(lambda: seen)

        def fail(_: bytes) -> None:
            raise ZeroDivisionError

        owner.on_message = fail
        link.resume_reading()
        reason = await owner.reason()
        assert isinstance(reason, TransportDown)
        assert isinstance(owner.errors[0], ZeroDivisionError)


@pytest.mark.parametrize("resumed", [False, True])
async def test_a_lost_connection_tells_the_close_frame_behind_what_is_held(resumed: bool) -> None:
    messages = numbered(3)
    last = b"".join(frame(TEXT, message) for message in messages) + close_frame(1009)
    with closing_server(last, end_with_fin) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        seen = pausing(owner, link)
        server.close_while_nobody_reads()
        await until(lambda: seen)
        if resumed:
            owner.on_message = seen.append
            link.resume_reading()
        send_until_it_fails(link)
        reason = await owner.reason()
        assert isinstance(reason, ConnectionClosed)
        assert reason.code == 1009
        assert seen == (messages if resumed else messages[:1])
