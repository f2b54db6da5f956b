"""Connection attempts that fail: each is one sentence, with the status where there was one."""

import asyncio
import errno
import re
import resource
import socket
from typing import Any

import pytest

from fastphx.transports.websocket import reader
from tests.free_port import free_port
from tests.transports.attempts import echo_once, exchange, refused
from tests.transports.raw_server import Peer, RawServer, handshake_answer
from tests.transports.recording_owner import TIMEOUT_S


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
        (b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nnot of it", 403, "HTTP 403 Forbidden: 'no'", b"no"),
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


async def test_an_answer_that_is_none_takes_no_secret_into_a_traceback() -> None:
    async def serve(peer: Peer) -> None:
        answer = handshake_answer(await peer.request())
        peer.send(re.sub(rb"Sec-WebSocket-Accept: [^\r]*", b"Sec-WebSocket-Accept: secret", answer))
        await peer.end()

    async with RawServer(serve) as server:
        error = await refused(server.url)
        assert "secret" not in str(error) + repr(error.__cause__)
        assert error.__suppress_context__


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
    error = await refused("ws://127.0.0.1:1/", local_addr=("127.0.0.2", 0))
    assert str(error).endswith("no port is left on 127.0.0.2")
    assert error.is_local


async def test_a_local_port_that_another_socket_has_is_explained() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await refused(f"ws://127.0.0.1:{free_port()}/", local_addr=taken.getsockname())
    assert str(error).endswith("Address already in use")
    assert error.is_local


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
