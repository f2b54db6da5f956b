"""Connections over Unix domain sockets."""

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.transports.attempts import exchange, refused
from tests.transports.certificates import server_context
from tests.transports.raw_server import Peer, RawServer, frame


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
