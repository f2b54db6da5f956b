"""A server says why it closes, and resets the connection while the client is still sending."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from fastphx.errors import ConnectionClosed, DisconnectedError
from fastphx.transports import WebSocketLink
from tests.transports.raw_server import TEXT, close_frame, frame, handshake_answer
from tests.transports.recording_owner import TIMEOUT_S, RecordingOwner


def end_with_fin(connection: socket.socket) -> None:
    """Close in order; what comes after it is answered with a reset."""
    connection.close()


def end_with_reset(connection: socket.socket) -> None:
    """As a server does that closes with bytes unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class ClosingServer:
    """Answers one handshake and, when told to, sends *last* and ends the connection, while the client's loop
    stands still."""

    def __init__(self, last: bytes, end: Callable[[socket.socket], None]) -> None:
        self._last = last
        self._end = end
        self._go = threading.Event()
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/socket/websocket"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._listener:
            self._listener.settimeout(TIMEOUT_S)
            connection, _ = self._listener.accept()
        connection.settimeout(TIMEOUT_S)
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(65536)
        connection.sendall(handshake_answer(request))
        self._go.wait(TIMEOUT_S)
        connection.sendall(self._last)
        self._end(connection)
        self._ended.set()

    def close_while_nobody_reads(self) -> None:
        self._go.set()
        assert self._ended.wait(TIMEOUT_S)

    def stop(self) -> None:
        self._go.set()
        self._thread.join(TIMEOUT_S)


@contextlib.contextmanager
def closing_server(last: bytes, end: Callable[[socket.socket], None]) -> Iterator[ClosingServer]:
    server = ClosingServer(last, end)
    try:
        yield server
    finally:
        server.stop()


def send_until_it_fails(link: WebSocketLink) -> None:
    for _ in range(20):
        with contextlib.suppress(DisconnectedError):
            link.writer.write(b"a" * 1000, TEXT)


async def closed_while_sending(server: ClosingServer) -> tuple[RecordingOwner, ConnectionClosed]:
    owner = RecordingOwner()
    link = await owner.connect(server.url)
    server.close_while_nobody_reads()
    send_until_it_fails(link)
    reason = await owner.reason()
    assert isinstance(reason, ConnectionClosed)
    return owner, reason


@pytest.mark.parametrize("end", [end_with_fin, end_with_reset])
async def test_a_close_frame_is_read_where_sending_fails_before(end: Callable[[socket.socket], None]) -> None:
    with closing_server(close_frame(1009, "too big"), end) as server:
        owner, reason = await closed_while_sending(server)
    assert (reason.code, reason.reason) == (1009, "too big")
    assert owner.events == ["connected", "disconnected"]


async def test_messages_before_it_are_delivered() -> None:
    messages = [b"%d" % number * 2000 for number in range(8)]
    last = b"".join(frame(TEXT, message) for message in messages) + close_frame(1012)
    with closing_server(last, end_with_fin) as server:
        owner, reason = await closed_while_sending(server)
    assert reason.code == 1012
    assert [owner.messages.get_nowait() for _ in messages] == [(TEXT, message) for message in messages]


async def test_without_a_close_frame_it_is_1006() -> None:
    with closing_server(b"", end_with_reset) as server:
        _, reason = await closed_while_sending(server)
    assert reason.code == 1006


async def test_the_socket_is_the_loops_to_close() -> None:
    with closing_server(close_frame(1009), end_with_fin) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        descriptor = link.get_extra_info("socket").fileno()
        server.close_while_nobody_reads()
        send_until_it_fails(link)
        await owner.reason()
    async with asyncio.timeout(TIMEOUT_S):
        while is_open(descriptor):  # noqa: ASYNC110 - nothing tells when the loop has closed it
            await asyncio.sleep(0)


def is_open(descriptor: int) -> bool:
    try:
        socket.socket(fileno=descriptor).detach()
    except OSError:
        return False
    return True
