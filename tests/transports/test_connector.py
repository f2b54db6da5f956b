"""One connection attempt: what it sends, its deadline, its end by cancelling, and where it connects to."""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fastphx import transports
from fastphx.errors import ConnectError, ConnectionClosed, DisconnectReason
from fastphx.operating_system import IS_LINUX
from fastphx.protocol.sink import CallbackSink, FrameWriter
from fastphx.transports import WebSocketLink, WebSocketWriter, connect
from fastphx.transports.named import TRANSPORT_NAMES, transport_named
from fastphx.transports.options import ConnectOptions
from fastphx.transports.retry_after import retry_after_s
from fastphx.transports.websocket.http_head import MAX_HEADERS, read_headers
from tests.transports.attempts import echo_once, exchange, refused
from tests.transports.cookie_jar import RecordingJar
from tests.transports.freed import freed, without_collector
from tests.transports.raw_server import CLOSE, TEXT, Peer, RawServer, frame, handshake_answer
from tests.transports.recording_owner import TIMEOUT_S, RecordingOwner


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Timeout]:
    """The deadlines of the attempts, for a test to reschedule."""
    made: list[asyncio.Timeout] = []

    def timeout(delay_s: float) -> asyncio.Timeout:
        made.append(asyncio.timeout(delay_s))
        return made[-1]

    # Only the connector's: asyncio.wait_for uses asyncio's own too.
    monkeypatch.setattr("fastphx.transports.connector.asyncio", _WithTimeout(timeout))
    return made


class _WithTimeout:
    def __init__(self, timeout: Callable[[float], asyncio.Timeout]) -> None:
        self.timeout = timeout

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


async def test_the_handshake_carries_headers_subprotocols_and_the_query() -> None:
    requests: list[str] = []

    async def serve(peer: Peer) -> None:
        requests.append((await peer.accept(headers="Sec-WebSocket-Protocol: phoenix\r\n")).decode())
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(
            f"{server.url}?a=1&b=2",
            extra_headers=[("Cookie", "a=1"), ("X-Twice", "1"), ("X-Twice", "2"), ("Host", "other.test")],
            auth_token="token?",
        )
        link.close()
        await owner.reason()
    (request,) = requests
    lines = request.split("\r\n")
    assert lines[0] == "GET /socket/websocket?a=1&b=2 HTTP/1.1"
    for line in (
        "Cookie: a=1",
        "X-Twice: 1",
        "X-Twice: 2",
        "Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.dG9rZW4/",
        "Sec-WebSocket-Version: 13",
    ):
        assert line in lines
    assert [line for line in lines if line.lower().startswith("host:")] == ["Host: other.test"]


@pytest.mark.parametrize(
    "value", ["keep-alive, Upgrade", "upgrade,Keep-Alive", "close ,\tUPGRADE , x", " Upgrade "]
)
async def test_the_connection_header_may_name_more_than_the_upgrade(value: str) -> None:
    async def serve(peer: Peer) -> None:
        answer = handshake_answer(await peer.request())
        peer.send(answer.replace(b"Connection: Upgrade", f"Connection:{value}".encode()))
        peer.send(frame(TEXT, b"[]"))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        assert await owner.message() == (TEXT, b"[]")
        link.close()
        await owner.reason()


async def test_a_close_reason_that_holds_a_secret_is_shown_without_it() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(frame(CLOSE, b"\x03\xf0token=s3cr3t-token\nERROR forged"))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        await owner.connect(f"{server.url}?token=s3cr3t-token")
        reason = await owner.reason()
        assert isinstance(reason, ConnectionClosed)
        assert (reason.code, reason.reason) == (1008, "token=[hidden]\nERROR forged")
        assert str(reason) == "the connection was closed with code 1008: token=[hidden]\\nERROR forged"


async def test_no_log_has_a_token(caplog: pytest.LogCaptureFixture) -> None:
    async with RawServer(echo_once) as server:
        with caplog.at_level(1):
            await exchange(f"{server.url}?token=secret", auth_token="secret-token")
    assert "secret" not in caplog.text
    assert "c2VjcmV0LXRva2Vu" not in caplog.text


async def test_a_connection_is_not_logged_where_info_is_not_wanted() -> None:
    heard: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = heard.append  # type: ignore[method-assign]
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    try:
        async with RawServer(echo_once) as server:
            await exchange(server.url)
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
    assert [record.getMessage() for record in heard if record.name.startswith("fastphx")] == []


async def test_an_answer_in_the_turn_in_which_the_time_is_up_is_taken(
    deadlines: list[asyncio.Timeout],
) -> None:
    class LateOwner(RecordingOwner):
        def notify_connected(self, writer: FrameWriter | None) -> None:
            super().notify_connected(writer)
            # The deadline's timer fires before the attempt is woken up.
            deadlines[0].reschedule(0)

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = LateOwner()
        link = await connect(server.url, CallbackSink(print), owner)
        assert owner.events == ["connected"]
        link.close()
        await owner.reason()


async def test_a_host_name_of_other_letters_is_sent_as_dns_has_it() -> None:
    requests: list[bytes] = []

    async def proxy(peer: Peer) -> None:
        requests.append(await peer.request())
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        requests.append(await peer.request())

    async with RawServer(proxy) as server:
        await refused("ws://bücher.test:4000/", proxy=f"http://127.0.0.1:{server.port}")
    assert b"CONNECT xn--bcher-kva.test:4000 " in requests[0]
    assert b"\r\nHost: xn--bcher-kva.test:4000\r\n" in requests[1]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Switching Protocols\r\n"])
async def test_one_deadline_covers_a_server_that_never_finishes_its_answer(
    answer: bytes, tls: bool, deadlines: list[asyncio.Timeout]
) -> None:
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def serve(peer: Peer) -> None:
        if tls:
            await peer.reader.readexactly(1)
        else:
            await peer.request()
            peer.send(answer)
        arrived.set()
        await peer.end()
        ended.set()

    async with RawServer(serve) as server:
        url = server.url.replace("ws://", "wss://") if tls else server.url
        attempt = asyncio.ensure_future(refused(url))
        await asyncio.wait_for(arrived.wait(), TIMEOUT_S)
        deadlines[0].reschedule(0)
        error = await attempt
        assert "within 10 s" in str(error)
        assert ("did not answer the handshake" in str(error)) is not tls
        await asyncio.wait_for(ended.wait(), TIMEOUT_S)


async def test_the_deadline_is_connect_timeout() -> None:
    async with RawServer(Peer.end) as server:
        assert "within 0.1 s" in str(await refused(server.url, connect_timeout=0.1))


async def test_a_cancelled_attempt_leaves_no_connection_behind() -> None:
    arrived, cancelled, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve(peer: Peer) -> None:
        request = await peer.request()
        arrived.set()
        await cancelled.wait()
        peer.send(handshake_answer(request) + frame(TEXT, b"too late"))
        await peer.end()
        ended.set()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        attempt = asyncio.ensure_future(connect(server.url, CallbackSink(print), owner))
        await asyncio.wait_for(arrived.wait(), TIMEOUT_S)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        cancelled.set()
        await asyncio.wait_for(ended.wait(), TIMEOUT_S)
        assert owner.events == []


async def test_an_attempt_that_is_cancelled_when_it_has_succeeded_is_cut_and_told() -> None:
    class CancellingOwner(RecordingOwner):
        def notify_connected(self, writer: FrameWriter | None) -> None:
            super().notify_connected(writer)
            assert isinstance(writer, WebSocketWriter)
            assert isinstance(writer.link, WebSocketLink)
            self.link = writer.link
            attempt.cancel()

    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.end()

    async with RawServer(serve) as server:
        owner = CancellingOwner()
        attempt = asyncio.ensure_future(connect(server.url, CallbackSink(print), owner))
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert not owner.link.is_open
        assert isinstance(await owner.reason(), ConnectionClosed)
        assert owner.events == ["connected", "disconnected"]


async def test_socket_options_and_the_local_address_are_used() -> None:
    peers: list[tuple[str, int]] = []

    async def serve(peer: Peer) -> None:
        peers.append(peer.writer.get_extra_info("peername"))
        await peer.accept()
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(
            server.url,
            local_addr=("127.0.0.2", 0),
            socket_opts=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
        )
        sock = link.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_IP, 24) == IS_LINUX, "IP_BIND_ADDRESS_NO_PORT"
        assert link.get_extra_info("sockname")[0] == "127.0.0.2"
        link.close()
        await owner.reason()
    assert peers[0][0] == "127.0.0.2"
    error = await refused("ws://127.0.0.1:1/", local_addr=("192.0.2.1", 0))
    assert "not an address of this machine" in str(error)
    error = await refused("ws://[::1]:1/", local_addr=("127.0.0.1", 0))
    assert "the host has no address of the kind of 127.0.0.1" in str(error)


async def test_a_wrong_url_is_a_value_error_before_anything_is_sent() -> None:
    owner = RecordingOwner()
    for url in ("http://127.0.0.1/", "ws://", "ws://user:pw@127.0.0.1/"):
        with pytest.raises(ValueError, match="ws://"):
            await connect(url, CallbackSink(print), owner)


async def test_many_sockets_make_no_logger_each() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.close_frame()

    def loggers() -> int:
        gc.collect()
        return sum(isinstance(each, logging.Logger) for each in gc.get_objects())

    async with RawServer(serve) as server:
        owners = [RecordingOwner() for _ in range(10)]
        links = [await owners[0].connect(server.url)]
        before = loggers()
        links += [await owner.connect(server.url) for owner in owners[1:]]
        assert loggers() == before
        for link in links:
            link.close()
        for owner in owners:
            assert isinstance(await owner.reason(), ConnectionClosed)


async def test_wrong_frames_are_one_typed_reason_and_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: contexts.append(context))

    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(frame(5, b"no such opcode"))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        assert isinstance(await owner.reason(), ConnectionClosed)
        gone = weakref.ref(link)
        del owner, link
        async with asyncio.timeout(TIMEOUT_S):
            while gone() is not None:
                await asyncio.sleep(0.01)
                gc.collect()
    assert contexts == []
    assert capfd.readouterr().err == ""


class _Silent:
    """An owner that keeps nothing."""

    def notify_connected(self, writer: FrameWriter | None) -> None: ...

    def notify_disconnected(self, reason: DisconnectReason) -> None: ...

    def notify_error(self, exc: BaseException) -> None: ...


async def answer_503(peer: Peer) -> None:
    await peer.request()
    peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nlate")


async def answer_no_http(peer: Peer) -> None:
    peer.send(b"hello\r\n\r\n")
    await peer.end()


async def answer_without_a_key(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
    await peer.end()


async def close_at_once(peer: Peer) -> None:
    await peer.request()


async def say_nothing(peer: Peer) -> None:
    await peer.end()


async def left_of_an_attempt(url: str, **options: Any) -> Callable[[], object]:
    """Make one that must fail. Returns a weak reference to its owner, which its parts hold."""
    owner = _Silent()
    with pytest.raises(ConnectError):
        await connect(url, CallbackSink(print), owner, ConnectOptions(**options))
    return weakref.ref(owner)


@pytest.mark.parametrize(
    "serve", [answer_503, answer_no_http, answer_without_a_key, close_at_once, say_nothing]
)
async def test_an_attempt_that_the_server_fails_is_freed_at_once(
    serve: Callable[[Peer], Awaitable[None]],
) -> None:
    async with RawServer(serve) as server:
        with without_collector():
            await freed(await left_of_an_attempt(server.url, connect_timeout=0.2))


@pytest.mark.parametrize(
    "options",
    [{}, {"local_addr": ("127.0.0.1", 0)}, {"socket_path": "/nowhere/socket"}],
    ids=["refused", "refused to an address", "no such socket"],
)
async def test_an_attempt_without_a_connection_is_freed_at_once(options: dict[str, Any]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{bound.getsockname()[1]}/socket"
        with without_collector():
            await freed(await left_of_an_attempt(url, **options))


async def test_an_ipv6_literal_is_connected_to() -> None:
    async with RawServer(echo_once, host="::1") as server:
        await exchange(server.url)
        await exchange(server.url, socket_opts=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)])
        await exchange(server.url, local_addr=("::1", 0))


async def test_a_host_name_is_looked_up_and_each_address_tried() -> None:
    async with RawServer(echo_once) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        await exchange(url)
        await exchange(url, socket_opts=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)])
        await exchange(url, local_addr=("127.0.0.3", 0))


async def test_a_socket_of_ones_own_that_does_not_connect_is_closed_in_time() -> None:
    with contextlib.ExitStack() as kept:
        deaf = kept.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        # Who comes now finds its queue full.
        for _ in range(8):
            waiting = kept.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        before = len(os.listdir("/proc/self/fd"))
        url = f"ws://127.0.0.1:{deaf.getsockname()[1]}/"
        error = await refused(url, local_addr=("127.0.0.1", 0), connect_timeout=0.1)
        assert str(error).endswith("no connection within 0.1 s")
        # Its timer's descriptor may have been opened.
        assert len(os.listdir("/proc/self/fd")) <= before + 1


async def test_the_cookies_of_a_jar_go_with_the_handshake_and_come_into_it() -> None:
    async def serve(peer: Peer) -> None:
        requests.append(await peer.accept(headers="Set-Cookie: seen=1\r\nSet-Cookie: seen=2\r\n"))
        await peer.close_frame()

    requests: list[bytes] = []
    jar = RecordingJar()
    async with RawServer(serve) as server:
        link = await RecordingOwner().connect(server.url, cookies=jar)
        link.close()
    assert b"\r\ncookie: user=ann\r\n" in requests[0].replace(b"Cookie", b"cookie")
    assert jar.stored == ["seen=1", "seen=2"]


def test_a_head_has_a_number_of_headers_and_may_ask_to_be_left_alone() -> None:
    assert len(read_headers([b"a: b"] * MAX_HEADERS)) == MAX_HEADERS
    with pytest.raises(ValueError, match="more than 128 headers"):
        read_headers([b"a: b"] * (MAX_HEADERS + 1))
    assert (retry_after_s(" 2 "), retry_after_s("soon")) == (2.0, None)


def test_the_transports_have_the_names_they_say() -> None:
    assert all(getattr(transports, name) for name in transports.__all__)
    named = [transport_named(name).__name__ for name in TRANSPORT_NAMES]
    assert named == ["WebSocketTransport", "LongPollTransport"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        transports.nothing  # noqa: B018
