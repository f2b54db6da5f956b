"""permessage-deflate over real connections: with an independent peer, with our own server, and with a peer
that breaks the rules."""

import asyncio
import os
import zlib
from typing import Any

import pytest
from websockets.asyncio.client import connect as websockets_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

from fastphx.errors import ConnectError, ConnectionClosed
from fastphx.testing import demo_server
from fastphx.transports import ConnectOptions
from fastphx.transports.websocket.deflate import DeflateOptions
from tests.transports.raw_server import Peer, RawServer
from tests.transports.recording_owner import RecordingOwner

TEXT, BINARY = 1, 2
TIMEOUT_S = 30.0
LONG = b'["1","2","room:a","echo",' + b'"abcdefghij"' * 2000 + b"]"


def all_takeovers() -> list[dict[str, Any]]:
    return [
        {"client_no_context_takeover": client, "server_no_context_takeover": server}
        for client in (False, True)
        for server in (False, True)
    ]


def deflated(message: bytes, bits: int = 15) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -bits)
    return (stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def frame(first_byte: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first_byte, size)) + payload
    if size < 65536:
        return bytes((first_byte, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first_byte, 127)) + size.to_bytes(8, "big") + payload


@pytest.mark.parametrize("takeover", all_takeovers(), ids=str)
async def test_our_client_and_a_server_of_websockets(takeover: dict[str, Any]) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    factory = ServerPerMessageDeflateFactory(server_max_window_bits=12, client_max_window_bits=12)
    async with serve(echo, "127.0.0.1", 0, extensions=[factory], compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        owner = RecordingOwner()
        link = await owner.connect(f"ws://127.0.0.1:{port}/", compress=DeflateOptions(**takeover))
        noise = os.urandom(70_000)
        for data, opcode in [(b"short", TEXT), (LONG, TEXT), (LONG, BINARY), (noise, BINARY), (LONG, TEXT)]:
            link.writer.write(data, opcode)
            assert await owner.message() == (opcode, data)
        link.close()
        reason = await owner.reason()
        assert isinstance(reason, ConnectionClosed)
        assert reason.code == 1000


@pytest.mark.parametrize("takeover", all_takeovers(), ids=str)
async def test_a_client_of_websockets_and_our_server(takeover: dict[str, Any]) -> None:
    factory = ClientPerMessageDeflateFactory(
        server_max_window_bits=11, client_max_window_bits=True, **takeover
    )
    async with demo_server(compress=DeflateOptions(client_max_window_bits=11)) as server:
        url = f"{server.websocket_url}?vsn=2.0.0"
        async with websockets_connect(url, extensions=[factory], compression=None) as client:
            assert client.protocol.extensions
            await client.send('["1","1","room:a","phx_join",{}]')
            await asyncio.wait_for(client.recv(), TIMEOUT_S)
            for number in range(3):
                body = "x" * 5000 + str(number)
                # The fragments of one message are compressed as one.
                await client.send([f'["1","{number}","room:a","echo",{{"body":"', body, '"}]'])
                reply = await asyncio.wait_for(client.recv(), TIMEOUT_S)
                assert f'"response":{{"body":"{body}"}}' in str(reply)
        assert server.stats["bytes_sent"] < 2000


async def test_our_client_and_our_server_and_what_it_saves() -> None:
    async with demo_server(compress=True) as server:
        owner, plain = RecordingOwner(), RecordingOwner()
        url = f"{server.websocket_url}?vsn=2.0.0"
        link = await owner.connect(url, compress=True)
        uncompressed = await plain.connect(url)
        for each, joined in ((link, owner), (uncompressed, plain)):
            each.writer.write(b'["1","1","room:a","phx_join",{}]', TEXT)
            await joined.message()
        before = server.stats["bytes_sent"]
        link.writer.write(b'["1","2","room:a","echo",{"body":"' + b"a" * 10_000 + b'"}]', TEXT)
        _, reply = await owner.message()
        assert len(reply) > 10_000
        assert server.stats["bytes_sent"] - before < 200
        link.writer.write(b'["1","3","room:a","new_msg",{"body":"' + b"a" * 10_000 + b'"}]', TEXT)
        (_, ours), (_, theirs) = await owner.message(), await plain.message()
        assert ours == theirs


async def test_what_another_thread_may_not_send_does_not_move_the_stream_on() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        owner = RecordingOwner()
        link = await owner.connect(
            f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/", compress=True
        )
        for _ in range(3):
            with pytest.raises(RuntimeError, match="wrong thread"):
                await asyncio.to_thread(link.writer.write, os.urandom(100) + LONG, BINARY)
            link.writer.write(LONG, BINARY)
            assert await owner.message() == (BINARY, LONG)
        link.close()
        await owner.reason()


async def test_a_server_that_declines_gets_plain_messages() -> None:
    async with demo_server() as server:
        owner = RecordingOwner()
        link = await owner.connect(f"{server.websocket_url}?vsn=2.0.0", compress=True)
        link.writer.write(b'[null,"1","phoenix","heartbeat",{}' + b" " * 100 + b"]", TEXT)
        assert (await owner.message())[1] == b'[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]'


async def shaken_hands(peer: Peer, extension: str = "permessage-deflate") -> None:
    await peer.accept(headers=f"Sec-WebSocket-Extensions: {extension}\r\n")


async def test_a_message_in_compressed_fragments() -> None:
    data = deflated(LONG)

    async def send(peer: Peer) -> None:
        await shaken_hands(peer)
        first, second, last = frame(0x41, data[:7]), frame(0, data[7:20]), frame(0x80, data[20:])
        peer.send(first + frame(0x89, b"ping") + second + last)
        peer.send(frame(0x81, b"plain"))
        await peer.end()

    async with RawServer(send) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, compress=True)
        assert await owner.message() == (TEXT, LONG)
        assert await owner.message() == (TEXT, b"plain")
        link.abort()
        await owner.reason()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(0xC1, b"\xff\xff\xff\xff"), 1007),
        (frame(0xC1, deflated(bytes(3_000_000))), 1009),
        (frame(0x41, deflated(bytes(3_000_000))[:100]) + frame(0x80, deflated(bytes(3_000_000))[100:]), 1009),
        (frame(0xA1, b""), 1002),
        (frame(0xC9, b""), 1002),
        (frame(0x41, b"\x00") + frame(0xC0, b"\x00"), 1002),
    ],
)
async def test_what_closes_a_compressed_connection(frames: bytes, code: int) -> None:
    async def send(peer: Peer) -> None:
        await shaken_hands(peer)
        peer.send(frames)
        assert (await peer.close_frame())[0] == code

    async with RawServer(send) as server:
        owner = RecordingOwner()
        await owner.connect(server.url, compress=True, max_message_size=1_000_000)
        reason = await owner.reason()
        assert isinstance(reason, ConnectionClosed)
        assert reason.code == code
        assert owner.messages.empty()


async def test_an_answer_that_the_offer_does_not_allow_fails_the_attempt() -> None:
    async def answer(peer: Peer) -> None:
        await shaken_hands(peer, "permessage-deflate; server_max_window_bits=15")

    async with RawServer(answer) as server:
        with pytest.raises(ConnectError, match="server_max_window_bits=10 was asked for"):
            await RecordingOwner().connect(server.url, compress=DeflateOptions(server_max_window_bits=10))


async def test_a_bomb_is_refused_by_the_server() -> None:
    async with demo_server(compress=True) as server:
        factory = ClientPerMessageDeflateFactory(client_max_window_bits=True)
        url = f"{server.websocket_url}?vsn=2.0.0"
        async with websockets_connect(url, extensions=[factory], compression=None, max_size=None) as client:
            await client.send(" " * (9 << 20))
            await asyncio.wait_for(client.wait_closed(), TIMEOUT_S)
            assert client.close_code == 1009
        assert server.stats["bad_frames"] == 1


def test_compress_is_checked() -> None:
    with pytest.raises(ValueError, match="compress"):
        ConnectOptions(compress="gzip")  # type: ignore[arg-type]
