"""What a link holds of what it reads: nothing between reads, and no more than has come."""

import asyncio
from collections.abc import Callable

from tests.transports.raw_server import BINARY, TEXT, Peer, RawServer, frame
from tests.transports.recording_owner import TIMEOUT_S, RecordingOwner


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 - nothing tells when memory is given back
            await asyncio.sleep(0.01)


async def test_a_burst_leaves_no_read_buffer_behind() -> None:
    go = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.frame()
        peer.send(frame(BINARY, bytes(65536)) * 10 + frame(TEXT, b"x"))
        await go.wait()
        peer.send(frame(BINARY, bytes(100_000)) + frame(TEXT, b"again"))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        assert link.read_buffer_bytes == 0
        link.writer.write(b"go", TEXT)
        for _ in range(10):
            assert await owner.message() == (BINARY, bytes(65536))
        assert await owner.message() == (TEXT, b"x")
        assert link.read_buffer_bytes == 0
        go.set()
        assert await owner.message() == (BINARY, bytes(100_000))
        assert await owner.message() == (TEXT, b"again")
        link.close()


async def test_a_half_received_message_keeps_its_buffer() -> None:
    whole = frame(BINARY, bytes(range(250)) * 400)
    go = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.frame()
        peer.send(frame(TEXT, bytes(5000)) + whole[:60_000])
        await go.wait()
        peer.send(whole[60_000:])
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        link.writer.write(b"go", TEXT)
        await owner.message()
        await until(lambda: link.read_buffer_bytes == 60_000)
        go.set()
        assert await owner.message() == (BINARY, bytes(range(250)) * 400)
        link.close()


async def test_memory_follows_what_has_come_and_not_the_length_that_is_announced() -> None:
    whole = frame(BINARY, bytes(range(250)) * 12_000)
    go = asyncio.Event()

    async def serve(peer: Peer) -> None:
        await peer.accept(then=whole[:1000])
        await go.wait()
        peer.send(whole[1000:])
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        await until(lambda: link.read_buffer_bytes > 0)
        assert link.read_buffer_bytes <= 1 << 20
        go.set()
        assert await owner.message() == (BINARY, bytes(range(250)) * 12_000)
        assert link.read_buffer_bytes == 0
        link.close()
