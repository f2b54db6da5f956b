"""With a read interval, what trickles in is read together; nothing is lost, and nobody is cut for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastphx.errors import ConnectionClosed, OverloadedError, TransportDown
from fastphx.transports import ConnectOptions
from tests.transports.raw_server import PING, PONG, TEXT, Peer, RawServer, close_frame, frame
from tests.transports.recording_owner import RecordingOwner

MS = 1_000_000


def until_told(go: asyncio.Event, *parts: bytes) -> Any:
    """A server that sends the first part at once, the others when *go* is set, and waits for the end."""

    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(parts[0])
        if parts[1:]:
            await go.wait()
        for part in parts[1:]:
            peer.send(part)
            await peer.writer.drain()
            await asyncio.sleep(0)
        await peer.end()

    return serve


async def test_a_read_waits_for_the_interval_and_then_takes_all() -> None:
    go = asyncio.Event()
    numbers = [b"%d" % number for number in range(100)]
    async with RawServer(until_told(go, *(frame(TEXT, number) for number in numbers))) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, read_interval=0.3)
        received = [(await owner.message())[1]]
        go.set()
        received += [(await owner.message())[1] for _ in numbers[1:]]
        assert received == numbers
        first, *others = sorted(set(owner.clock_readings))
        assert others[0] - first >= 300 * MS
        link.abort()
        await owner.reason()


async def test_a_pause_of_the_owner_outlasts_the_interval() -> None:
    go = asyncio.Event()
    async with RawServer(until_told(go, frame(TEXT, b"a"), frame(TEXT, b"b"))) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, read_interval=0.02)
        await owner.message()
        link.pause_reading()
        go.set()
        await asyncio.sleep(0.1)
        assert owner.messages.empty()
        # Paused and resumed within one interval, it reads on when that is over.
        link.resume_reading()
        assert await owner.message() == (TEXT, b"b")
        link.pause_reading()
        link.resume_reading()
        link.abort()
        await owner.reason()


async def test_a_pause_may_not_be_too_long_with_an_interval() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(frame(TEXT, b"a"))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, read_interval=0.02, max_pause=0.1)
        await owner.message()
        link.pause_reading()
        reason = await owner.reason()
        assert isinstance(reason, TransportDown)
        assert isinstance(reason.exc, OverloadedError)


async def test_who_closes_does_not_wait_for_the_interval() -> None:
    answered: list[int] = []

    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(frame(TEXT, b"a"))
        answered.append((await peer.close_frame())[0])
        peer.send(close_frame(1000))

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, read_interval=1)
        await owner.message()
        # The read that brought the message is over, and the interval has begun.
        await asyncio.sleep(0)
        link.close(3000, "bye")
        assert not link.reading_paused
        reason = await owner.reason()
        assert answered == [3000]
        # 1006 would say that the answer was not read.
        assert isinstance(reason, ConnectionClosed)
        assert reason.code != 1006


async def test_the_servers_close_is_seen() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(frame(TEXT, b"a"))
        await asyncio.sleep(0.01)
        peer.send(close_frame(1001, "going"))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        await owner.connect(server.url, read_interval=0.05)
        await owner.message()
        reason = await owner.reason()
        assert isinstance(reason, ConnectionClosed)
        assert reason.code == 1001


async def test_a_message_larger_than_the_read_buffer_does_not_wait() -> None:
    large = bytes(range(128)) * 8192 * 4
    async with RawServer(until_told(asyncio.Event(), frame(TEXT, large))) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, read_interval=1)
        assert (await owner.message())[1] == large
        link.abort()
        await owner.reason()


async def test_pongs_that_wait_are_not_missed() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        for number in range(5):
            # Each read begins an interval, in which the pong has to wait.
            peer.send(frame(TEXT, b"%d" % number))
            opcode, data = await peer.frame()
            assert opcode == PING
            peer.send(frame(PONG, data))
        peer.send(frame(TEXT, b"alive"))
        await peer.end()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, read_interval=0.05, keepalive=0.2)
        while (await owner.message())[1] != b"alive":
            pass
        link.abort()
        await owner.reason()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"read_interval": -0.1}, "read_interval"),
        ({"read_interval": 1.5}, "read_interval"),
        ({"read_interval": 0.5, "heartbeat_interval": 1.9}, "a quarter of heartbeat_interval"),
        ({"read_interval": 0.5, "keepalive": 1.9}, "a quarter of keepalive"),
    ],
)
def test_an_interval_that_an_answer_cannot_wait_for_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ConnectOptions.from_mapping(options)


def test_without_heartbeats_an_interval_is_only_bounded_by_itself() -> None:
    assert ConnectOptions(read_interval=1, heartbeat_interval=0).read_interval == 1
