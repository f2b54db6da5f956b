"""Frames as they leave: their headers, their masks, and where the masks' keys come from."""

import asyncio
import itertools
import socket

import pytest

from fastphx.testing import demo_server
from fastphx.transports.websocket.writer import FrameTransport
from tests.testing.raw_socket import RawSocket
from tests.transports.raw_server import BINARY, CLOSE, TEXT, Peer, RawServer
from tests.transports.recording_owner import TIMEOUT_S, RecordingOwner

SIZES = (*range(20), 63, 64, 65, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 300_001)


async def test_frames_of_every_size_arrive_as_they_were_sent() -> None:
    messages = [bytes((size + at) % 251 for at in range(size)) for size in SIZES]

    async def serve(peer: Peer) -> None:
        await peer.accept()
        for message in messages:
            assert await peer.frame() == (BINARY, message)
        assert (await peer.frame())[0] == CLOSE

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        for message in messages:
            link.writer.write(message, BINARY)
        link.close()
        await owner.reason()


async def test_a_client_may_send_frames_of_every_size() -> None:
    async with demo_server() as server, RawSocket(f"{server.websocket_url}?vsn=2.0.0") as client:
        await client.join()
        for size in SIZES:
            frame = f'["1","2","room:a","echo",{{"a":"{"z" * size}"}}]'
            client.send(frame)
            kind, text = await client.recv()
            assert kind == "text"
            assert text.count("z") == size


async def test_no_key_repeats_or_follows_from_the_one_before() -> None:
    count = 3000

    async def serve(peer: Peer) -> None:
        await peer.accept()
        keys = []
        for _ in range(count):
            head = await asyncio.wait_for(peer.reader.readexactly(7), TIMEOUT_S)
            assert head[:2] == bytes((0x80 | TEXT, 0x80 | 1))
            assert head[6] ^ head[2] == ord("x")
            keys.append(int.from_bytes(head[2:6]))
        # Of 2**32 keys, two of these are the same in one run of a thousand.
        assert len(set(keys)) >= count - 2
        steps = {(after - before) & 0xFFFFFFFF for before, after in itertools.pairwise(keys)}
        assert len(steps) >= count - 4
        assert 0.45 < sum(key.bit_count() for key in keys) / (32 * count) < 0.55
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        for _ in range(count):
            link.writer.write(b"x", TEXT)
        link.close()
        await owner.reason()


async def test_no_small_frame_waits_for_an_acknowledgement() -> None:
    """asyncio leaves Nagle's algorithm on for a socket that was made without the number of TCP."""
    seen: list[int] = []

    class Transport:
        def get_extra_info(self, name: str) -> object:
            return sock if name == "socket" else None

    with socket.socket() as sock:
        FrameTransport(Transport(), asyncio.get_running_loop(), masks=True)  # type: ignore[arg-type]
        seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    assert seen == [1]


def test_it_needs_a_transport() -> None:
    with pytest.raises(TypeError, match="transport"):
        FrameTransport(None, None, masks=True)  # type: ignore[arg-type]
