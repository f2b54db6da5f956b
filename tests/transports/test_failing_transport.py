"""A link over a transport that writes nothing: there is no memory, or the link is closed already."""

from __future__ import annotations

import asyncio
import socket

import pytest

from fastphx.protocol.sink import CallbackSink
from fastphx.transports.websocket.link import WebSocketLink
from tests.transports.raw_server import TEXT, frame
from tests.transports.recording_owner import RecordingOwner


class Exhausted(asyncio.Transport):
    """Has a socket whose peer reads nothing, and no memory for what the socket does not take."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self.is_aborted = False

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: object) -> None:
        raise MemoryError

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted


class Willing(asyncio.Protocol):
    """A handshake that takes every answer."""

    def connection_made(self, transport: object) -> None: ...

    def answered(self, _head: bytes) -> bool:
        return True

    def opened(self) -> None: ...


def answer_with(link: WebSocketLink, transport: asyncio.Transport, then: bytes = b"") -> None:
    """Connect *link* over *transport*, with *then* in the read of the server's answer."""
    reader = link.new_reader(Willing(), asyncio.get_running_loop())
    reader.connection_made(transport)
    read = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + then
    reader.get_buffer(-1)[: len(read)] = read
    reader.buffer_updated(len(read))


async def test_what_comes_with_the_answer_to_a_closed_link_is_not_delivered() -> None:
    received: list[bytes] = []
    owner = RecordingOwner()
    for close in (WebSocketLink.close, WebSocketLink.abort):
        own, peer = socket.socketpair()
        with own, peer:
            link = WebSocketLink(CallbackSink(lambda data, _opcode, _now_ns: received.append(data)), owner)
            close(link)
            transport = Exhausted(own)
            answer_with(link, transport, frame(TEXT, b"late"))
            assert transport.is_aborted
    assert received == []
    assert owner.events == []


async def test_no_frame_follows_half_of_one() -> None:
    own, peer = socket.socketpair()
    with own, peer:
        own.setblocking(False)
        link = WebSocketLink(CallbackSink(print), RecordingOwner(), max_write_buffer=1 << 30)
        transport = Exhausted(own)
        answer_with(link, transport)
        assert link.is_open
        with pytest.raises(MemoryError):
            link.writer.write(bytes(10_000_000), TEXT)
        assert peer.recv(10, socket.MSG_DONTWAIT)
        assert transport.is_aborted
