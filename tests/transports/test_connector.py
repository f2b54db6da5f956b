"""One connection attempt against servers that answer rightly, wrongly, slowly and not at all."""

import asyncio
import errno
import gc
import logging
import re
import resource
import socket
import ssl
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from fastphx.errors import ConnectError, ConnectionClosed
from fastphx.protocol.sink import CallbackSink, FrameWriter
from fastphx.transports import ConnectOptions, WebSocketLink, WebSocketWriter, connect
from fastphx.transports.websocket import reader
from tests.free_port import free_port
from tests.transports.proxies import HttpProxy, Proxy, Socks4Proxy, Socks5Proxy
from tests.transports.raw_server import CLOSE, TEXT, Peer, RawServer, frame, handshake_answer
from tests.transports.recording_owner import TIMEOUT_S, RecordingOwner


async def echo_once(peer: Peer) -> None:
    await peer.accept()
    opcode, data = await peer.frame()
    peer.send(frame(opcode, data))
    await peer.close_frame()


async def exchange(url: str, **options: Any) -> None:
    owner = RecordingOwner()
    link = await owner.connect(url, **options)
    link.writer.write(b"hello", TEXT)
    assert await owner.message() == (TEXT, b"hello")
    link.close()
    await owner.reason()


async def refused(url: str, **options: Any) -> ConnectError:
    """The error of an attempt that must fail, of which the owner must hear nothing."""
    owner = RecordingOwner()
    with pytest.raises(ConnectError) as caught:
        await owner.connect(f"{url}?token=secret", **options)
    assert owner.events == []
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


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


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ("Sec-WebSocket-Protocol: other\r\n", "sub-protocol 'other'"),
        ("Sec-WebSocket-Extensions: permessage-deflate\r\n", "extension 'permessage-deflate'"),
        ("Content-Length: 5\r\n", "not a WebSocket handshake"),
    ],
)
async def test_a_choice_that_was_not_offered_fails(header: str, match: str) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept(headers=header)
        await peer.end()

    async with RawServer(serve) as server:
        error = await refused(server.url, subprotocols=["phoenix"])
        assert match in str(error)
        assert error.status == 101


@pytest.mark.parametrize(
    ("answer", "status", "match", "body"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, "HTTP 403 Forbidden", b""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", 404, "nope", b"nope"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<html>" + b"x" * 999, 200, "<html>", None),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 503, "503", b""),
        (
            b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/other?token=secret\r\n\r\n",
            302,
            "redirect to ws://127.0.0.1:1/other, which is not followed",
            b"",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>" + b"x" * 300_000, 200, "<html>", None),
        (b"HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, "HTTP 403 Forbidden", b""),
        (b"HTTP/1.1 403\r\nContent-Length: 0\r\n\r\n", 403, "HTTP 403 Forbidden", b""),
        (b"HTTP/1.1 520 \r\nContent-Length: 4\r\n\r\ndown", 520, "HTTP 520: 'down'", b"down"),
        (
            b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nnot \r\n5\r\nfound\r\n0\r\n",
            404,
            "'not found'",
            b"not found",
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", None, "the answer is not HTTP: 'SSH-2.0", b""),
        (b"\xff\xfe\r\n\r\n", None, "the answer is not HTTP", b""),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", 101, "upgrade", b""),
        (b"HTTP/1.1 101 Switching Protocols\r\n\tfolded\r\n\r\n", 101, "not a WebSocket handshake", b""),
        (b"x" * 20_000, None, "not a WebSocket handshake", b""),
        (b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-A: b\r\n" * 30_000, None, "max_size", b""),
    ],
)
async def test_an_answer_that_refuses(
    answer: bytes, status: int | None, match: str, body: bytes | None
) -> None:
    async def serve(peer: Peer) -> None:
        await peer.request()
        peer.send(answer)
        await peer.end()

    async with RawServer(serve) as server:
        error = await refused(server.url)
        assert match in str(error)
        assert error.status == status
        if body is not None:
            assert error.body == body
        else:
            assert len(error.body) == 512
        assert len(str(error)) < 400


@pytest.mark.parametrize("announced", [b"Content-Length: 14\r\n", b""])
async def test_a_body_that_comes_after_the_head_is_quoted(
    announced: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BODY_WAIT_S", TIMEOUT_S)

    async def serve(peer: Peer) -> None:
        await peer.request()
        for part in (b"HTTP/1.1 403 Forbidden\r\n", announced + b"\r\n", b"no such ", b"socket"):
            peer.send(part)
            # The client must have read it alone.
            await asyncio.sleep(0.02)
        if not announced:
            peer.writer.write_eof()
        await peer.end()

    async with RawServer(serve) as server:
        error = await refused(server.url)
        assert error.status == 403
        assert error.body == b"no such socket"
        assert "'no such socket'" in str(error)


async def test_a_refusal_whose_body_never_comes_is_told_by_its_status() -> None:
    async def serve(peer: Peer) -> None:
        await peer.request()
        peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\n")
        await peer.end()

    async with RawServer(serve) as server:
        assert (await refused(server.url)).status == 503


async def test_what_a_server_sends_back_of_a_secret_is_not_quoted() -> None:
    async def serve(peer: Peer) -> None:
        request = await peer.request()
        if b"Sec-WebSocket-Protocol" in request:
            (offered,) = re.findall(rb"Sec-WebSocket-Protocol: (.*)\r", request)
            peer.send(handshake_answer(request, f"Sec-WebSocket-Protocol: {offered.decode()}\r\n"))
        else:
            peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(request) + request)
        await peer.end()

    async with RawServer(serve) as server:
        options = {"extra_headers": {"Authorization": "Bearer secret-header"}}
        error = await refused(f"{server.url}/{'x' * 20}", **options)
        assert b"token=[hidden]" in error.body
        assert b"Authorization: [hidden]" in error.body
        assert b"secret" not in error.body
        error = await refused(server.url, auth_token="secret-token", **options)
        assert "c2VjcmV0LXRva2Vu" not in str(error)
        assert "base64url.bearer.phx.[hidden]" in str(error)


async def test_a_redirect_that_holds_a_secret_is_shown_without_it() -> None:
    async def serve(peer: Peer) -> None:
        await peer.request()
        peer.send(b"HTTP/1.1 302 Found\r\nLocation: /login/secret/a\x1b[31m?secret\r\n\r\n")
        await peer.end()

    async with RawServer(serve) as server:
        error = await refused(server.url)
        assert "/login/[hidden]/a" in str(error)
        assert "secret" not in str(error) + repr(error.__cause__)
        assert error.__suppress_context__
        assert str(error).isprintable()


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


async def test_an_answer_that_is_none_takes_no_secret_into_a_traceback() -> None:
    async def serve(peer: Peer) -> None:
        answer = handshake_answer(await peer.request())
        peer.send(re.sub(rb"Sec-WebSocket-Accept: [^\r]*", b"Sec-WebSocket-Accept: secret", answer))
        await peer.end()

    async with RawServer(serve) as server:
        error = await refused(server.url)
        assert "secret" not in str(error) + repr(error.__cause__)
        assert error.__suppress_context__


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
    assert [record.getMessage() for record in heard if record.name == "fastphx.picows"] == []


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


async def test_a_wrong_accept_key_fails() -> None:
    async def serve(peer: Peer) -> None:
        request = await peer.request()
        peer.send(handshake_answer(request).replace(b"Accept: ", b"Accept: x"))
        await peer.end()

    async with RawServer(serve) as server:
        assert "sec-websocket-accept" in str(await refused(server.url))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Switching Protocols\r\nUpgr"])
@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_a_connection_that_closes_before_the_answer_fails(answer: bytes, end: str) -> None:
    async def serve(peer: Peer) -> None:
        await peer.request()
        peer.send(answer)
        if end == "reset":
            peer.reset()

    async with RawServer(serve) as server:
        assert "closed the connection before it answered" in str(await refused(server.url))


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


async def test_nobody_listening_is_one_sentence() -> None:
    error = await refused(f"ws://127.0.0.1:{free_port()}/socket")
    assert str(error).endswith("the connection was refused")
    assert isinstance(error.__cause__, ConnectionRefusedError)
    assert error.status is None


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_an_unknown_host_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    # Uvloop's name lookup cannot be replaced, and a real one would leave this machine.

    async def getaddrinfo(*_args: Any, **_options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    for options in ({}, {"socket_opts": [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]}):
        error = await refused("ws://phoenix.test/socket", **options)
        assert "the host name cannot be resolved" in str(error)


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_several_addresses_that_refuse_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()

    async def getaddrinfo(*_args: Any, **_options: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (f"127.0.0.{last}", port))
            for last in (1, 2)
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    error = await refused(f"ws://phoenix.test:{port}/socket")
    assert str(error).endswith("the connection was refused")
    assert isinstance(error.__cause__, ConnectionRefusedError)


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_having_no_local_port_left_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    # Uvloop's methods cannot be replaced, and using up all ports would hurt others.

    async def sock_connect(*_args: Any) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(loop, "sock_connect", sock_connect)
    assert "no local port is left" in str(await refused("ws://127.0.0.1:1/"))


async def test_having_no_file_left_is_explained() -> None:
    # The loop's own descriptors must be open before the limit falls.
    async with RawServer(echo_once) as server:
        await exchange(server.url)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as lowest_free:
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free.fileno(), hard))
            try:
                error = await refused(server.url)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert "too many open files: raise the limit" in str(error)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_tls_verifies_unless_told_otherwise(authority: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with RawServer(echo_once, ssl=server_context(authority, "127.0.0.1")) as server:
        assert "certificate was not accepted" in str(await refused(server.url))
        await exchange(server.url, ssl=trusting)
        await exchange(server.url, ssl_verify=False)
        await exchange(server.url, ssl=trusting, socket_opts=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)])
    async with RawServer(echo_once, ssl=server_context(authority, "other.test")) as server:
        assert "certificate was not accepted" in str(await refused(server.url, ssl=trusting))


async def test_tls_to_a_server_without_tls_fails() -> None:
    async def serve(peer: Peer) -> None:
        await peer.reader.read(100)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.end()

    async with RawServer(serve) as server:
        assert "TLS failed" in str(await refused(server.url.replace("ws://", "wss://")))


async def test_a_server_that_leaves_while_tls_starts() -> None:
    async def serve(peer: Peer) -> None:
        await peer.reader.read(65536)

    async with RawServer(serve) as server:
        assert "closed while TLS started" in str(await refused(server.url.replace("ws://", "wss://")))


async def test_a_tls_link_knows_that_it_is_secure(authority: trustme.CA) -> None:
    async with RawServer(echo_once, ssl=server_context(authority, "127.0.0.1")) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, ssl_verify=False)
        assert link.is_secure
        link.writer.write(b"x" * 200_000, TEXT)
        assert await owner.message() == (TEXT, b"x" * 200_000)
        assert link.read_buffer_bytes == 0
        link.close()
        await owner.reason()


@pytest.mark.parametrize("make", [HttpProxy, Socks5Proxy])
@pytest.mark.parametrize("tls", [False, True])
async def test_through_a_proxy(make: Callable[..., Proxy], tls: bool, authority: trustme.CA) -> None:
    context = server_context(authority, "127.0.0.1") if tls else None
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    options: dict[str, Any] = {"ssl": trusting} if tls else {}
    scheme = "http" if make is HttpProxy else "socks5"
    async with RawServer(echo_once, ssl=context) as server:
        async with make() as proxy:
            url = f"{scheme}://127.0.0.1:{proxy.port}"
            await exchange(server.url, proxy=url, **options)
            await exchange(server.url, proxy=url, local_addr=("127.0.0.2", 0), **options)
            assert proxy.destinations == [("127.0.0.1", server.port)] * 2
        async with make("me", "pass word") as proxy:
            await exchange(server.url, proxy=f"{scheme}://me:pass%20word@127.0.0.1:{proxy.port}", **options)
            for credentials in ("", "me:secret@"):
                error = await refused(
                    server.url, proxy=f"{scheme}://{credentials}127.0.0.1:{proxy.port}", **options
                )
                assert "through the proxy" in str(error)


async def test_through_a_socks4_proxy() -> None:
    async with RawServer(echo_once) as server:
        async with Socks4Proxy() as proxy:
            await exchange(server.url, proxy=f"socks4://127.0.0.1:{proxy.port}")
            assert proxy.destinations == [("127.0.0.1", server.port)]
        async with Socks4Proxy("me") as proxy:
            await exchange(server.url, proxy=f"socks4://me@127.0.0.1:{proxy.port}")
            error = await refused(server.url, proxy=f"socks4://secret@127.0.0.1:{proxy.port}")
            assert "through the proxy" in str(error)


async def test_a_socks_proxy_has_a_port_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    async def connect_to(parsed: Any, **_options: Any) -> socket.socket:
        asked.append((parsed.host, parsed.port))
        raise ConnectionRefusedError

    monkeypatch.setattr("fastphx.transports.connector._connected_socket", connect_to)
    for proxy in (
        "socks5://proxy.test",
        "socks4://me:@proxy.test:",
        "socks5://[::1]",
        "socks5://proxy.test:9",
    ):
        await refused("ws://127.0.0.1:1/", proxy=proxy, local_addr=("127.0.0.1", 0))
    assert asked == [("proxy.test", 1080), ("proxy.test", 1080), ("::1", 1080), ("proxy.test", 9)]


@pytest.mark.parametrize("scheme", ["http", "socks4", "socks5"])
async def test_a_proxy_that_is_not_there_or_does_not_answer(scheme: str) -> None:
    error = await refused("ws://127.0.0.1:1/", proxy=f"{scheme}://me:secret@127.0.0.1:{free_port()}")
    assert "through the proxy" in str(error)
    ended = asyncio.Event()

    async def silent(peer: Peer) -> None:
        await peer.end()
        ended.set()

    async def rude(peer: Peer) -> None:
        await peer.reader.read(100)
        peer.send(b"what?\r\n\r\n")

    async with RawServer(silent) as server:
        error = await refused(
            "ws://127.0.0.1:1/", proxy=f"{scheme}://127.0.0.1:{server.port}", connect_timeout=0.1
        )
        assert "within 0.1 s" in str(error)
        await asyncio.wait_for(ended.wait(), TIMEOUT_S)
    async with RawServer(rude) as server:
        await refused("ws://127.0.0.1:1/", proxy=f"{scheme}://127.0.0.1:{server.port}")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "ws_proxy", "Http_Proxy"])
async def test_the_proxy_of_the_environment_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(echo_once) as server, HttpProxy("me", "pass word") as proxy:
        monkeypatch.setenv(name, f"http://me:pass%20word@127.0.0.1:{proxy.port}")
        await exchange(server.url)
        assert proxy.destinations == [("127.0.0.1", server.port)]
        await exchange(server.url, proxy=None)
        for listed in ("127.0.0.1", f"other.test, 127.0.0.1:{server.port}", "*"):
            monkeypatch.setenv("NO_PROXY", listed)
            await exchange(server.url)
        assert len(proxy.destinations) == 1
        monkeypatch.setenv("no_proxy", "127.0.0.1:1,localhost")
        await exchange(server.url)
        assert len(proxy.destinations) == 2
        async with HttpProxy() as other:
            await exchange(server.url, proxy=f"http://127.0.0.1:{other.port}")
            assert len(other.destinations) == 1
        assert len(proxy.destinations) == 2


async def test_a_socks_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(echo_once) as server, Socks5Proxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{proxy.port}")
        await exchange(server.url)
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("SOCKS_PROXY", f"127.0.0.1:{proxy.port}")
        await exchange(server.url)
        assert proxy.destinations == [("127.0.0.1", server.port)] * 2


async def test_tls_goes_through_the_proxy_for_https(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with (
        RawServer(echo_once, ssl=server_context(authority, "127.0.0.1")) as server,
        HttpProxy() as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        await exchange(server.url, ssl=trusting)
        assert proxy.destinations == [("127.0.0.1", server.port)]


@pytest.mark.parametrize("proxy", ["http://me:secret@127.0.0.1:1", "socks5://me:secret@127.0.0.1:1"])
async def test_the_password_of_the_environments_proxy_is_not_shown(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    error = await refused("ws://127.0.0.1:1/")
    assert "through the proxy" in str(error)
    assert "secret" not in repr(error) + repr(error.__cause__) + repr(ConnectOptions())
    monkeypatch.setenv("HTTP_PROXY", "ftp://me:secret@host")
    with pytest.raises(ValueError, match="the environment's HTTP_PROXY is a URL") as caught:
        await RecordingOwner().connect("ws://127.0.0.1:1/")
    assert "secret" not in str(caught.value)


async def test_an_ipv6_address_that_no_proxy_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    for listed in ("::1", "[::1]"):
        monkeypatch.setenv("NO_PROXY", listed)
        assert "the proxy" not in str(await refused(f"ws://[::1]:{free_port()}/"))


@pytest.mark.parametrize("tls", [False, True])
async def test_over_a_unix_domain_socket(
    tls: bool, tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bytes] = []

    async def serve(peer: Peer) -> None:
        requests.append(await peer.accept())
        opcode, data = await peer.frame()
        peer.send(frame(opcode, data))
        await peer.close_frame()

    # It names a proxy for other hosts.
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    options: dict[str, Any] = {"ssl": trusting} if tls else {}
    path = tmp_path / "phoenix"
    context = server_context(authority, "phoenix.test") if tls else None
    async with RawServer(serve, path=str(path), ssl=context) as server:
        await exchange(server.url, socket_path=str(path), **options)
        buffer = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)]
        await exchange(server.url, socket_path=path, socket_opts=buffer, **options)
        if tls:
            error = await refused(server.url, socket_path=path)
            assert "certificate was not accepted" in str(error)
    assert len(requests) == 2
    assert all(b"\r\nHost: phoenix.test\r\n" in request for request in requests)


async def test_a_unix_domain_socket_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    error = await refused("ws://localhost/", socket_path=missing)
    assert str(error).endswith(f"at the socket {str(missing)!r}: No such file or directory")
    deaf = tmp_path / "deaf"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(deaf))
        assert "was refused" in str(await refused("ws://localhost/", socket_path=deaf))
        sock.listen()
        error = await refused("ws://localhost/", socket_path=deaf, connect_timeout=0.05)
        assert "within 0.05 s" in str(error)
    assert "path too long" in str(await refused("ws://localhost/", socket_path="x" * 200))


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
        assert sock.getsockopt(socket.IPPROTO_IP, 24) == 1, "IP_BIND_ADDRESS_NO_PORT"
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
