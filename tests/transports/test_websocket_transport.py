"""The WebSocket as a Transport, with a compiled sink and with plain messages."""

import asyncio
import contextlib
from typing import Any

import pytest

from fastphx.errors import ConnectError, ConnectionClosed, DisconnectedError, DisconnectReason, TransportDown
from fastphx.protocol.sink import CallbackSink, FrameSink, FrameWriter
from fastphx.transports import BINARY, TEXT, Transport, TransportOwner, WebSocketTransport, WebSocketWriter
from tests.transports.raw_server import CLOSE, Peer, RawServer, frame
from tests.transports.recording_owner import TIMEOUT_S


class Owner:
    def __init__(self, sink: FrameSink | None = None) -> None:
        self.sink = sink
        self.events: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def notify_connected(self, writer: FrameWriter | None) -> None:
        self.events.put_nowait(("connected", writer))

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self.events.put_nowait(("disconnected", reason))

    def notify_message(self, opcode: int, data: bytes) -> None:
        if data == b"fail":
            raise ValueError("broken")
        self.events.put_nowait(("message", opcode, data))

    def notify_error(self, exc: BaseException) -> None:
        self.events.put_nowait(("error", exc))

    async def event(self) -> tuple[Any, ...]:
        return await asyncio.wait_for(self.events.get(), TIMEOUT_S)


async def echo(peer: Peer) -> None:
    await peer.accept()
    opcode = TEXT
    with contextlib.suppress(asyncio.IncompleteReadError):
        while opcode != CLOSE:
            opcode, data = await peer.frame()
            peer.send(frame(opcode, data))


async def test_a_transport_tells_its_owner_everything_in_order() -> None:
    async with RawServer(echo) as server:
        owner = Owner()
        transport = await WebSocketTransport.start(server.url, owner, {"keepalive": 30})
        assert isinstance(transport, Transport)
        assert isinstance(owner, TransportOwner)
        kind, writer = await owner.event()
        assert kind == "connected"
        assert isinstance(writer, WebSocketWriter)
        transport.push(b"text", TEXT)
        transport.push(b"\0\1", BINARY)
        assert await owner.event() == ("message", TEXT, b"text")
        assert await owner.event() == ("message", BINARY, b"\0\1")
        transport.pause_reading()
        transport.push(b"later", TEXT)
        transport.resume_reading()
        assert await owner.event() == ("message", TEXT, b"later")
        transport.close(3000, "enough")
        with pytest.raises(DisconnectedError):
            transport.push(b"text", TEXT)
        kind, reason = await owner.event()
        assert kind == "disconnected"
        assert isinstance(reason, ConnectionClosed)
        assert (reason.code, reason.reason) == (3000, "enough")
        transport.close()


async def test_a_compiled_sink_takes_the_messages() -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()
    async with RawServer(echo) as server:
        owner = Owner(CallbackSink(lambda data, _opcode, _now_ns: received.put_nowait(data)))
        transport = await WebSocketTransport.start(server.url, owner, {})
        transport.push(b"text", TEXT)
        assert await asyncio.wait_for(received.get(), TIMEOUT_S) == b"text"
        transport.abort(TransportDown(None))
        assert (await owner.event())[0] == "connected"
        kind, reason = await owner.event()
        assert kind == "disconnected"
        assert isinstance(reason, TransportDown)


async def test_an_owner_that_fails_is_told_so() -> None:
    async with RawServer(echo) as server:
        owner = Owner()
        transport = await WebSocketTransport.start(server.url, owner, {})
        await owner.event()
        transport.push(b"fail", TEXT)
        kind, error = await owner.event()
        assert (kind, str(error)) == ("error", "broken")
        kind, reason = await owner.event()
        assert kind == "disconnected"
        assert reason.exc is error


async def test_wrong_options_and_failed_attempts_raise_and_tell_the_owner_nothing() -> None:
    owner = Owner()
    with pytest.raises(ValueError, match="unknown transport option 'keepalives'"):
        await WebSocketTransport.start("ws://127.0.0.1:1/", owner, {"keepalives": 30})
    with pytest.raises(ConnectError):
        await WebSocketTransport.start("ws://127.0.0.1:1/", owner, {})
    assert owner.events.empty()
