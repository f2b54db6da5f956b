"""Connections over TLS."""

import socket
import ssl
from pathlib import Path

import pytest
import trustme

from fastphx.transports.tls import client_context
from tests.transports.attempts import echo_once, exchange, refused
from tests.transports.certificates import server_context
from tests.transports.raw_server import TEXT, Peer, RawServer
from tests.transports.recording_owner import RecordingOwner


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


async def test_a_context_of_files_trusts_them_and_shows_the_certificate(
    authority: trustme.CA, tmp_path: Path
) -> None:
    ca, cert, key = (str(tmp_path / name) for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    ours = authority.issue_cert("client.test")
    ours.cert_chain_pems[0].write_to_path(cert)
    ours.private_key_pem.write_to_path(key)
    asking = server_context(authority, "127.0.0.1")
    authority.configure_trust(asking)
    asking.verify_mode = ssl.CERT_REQUIRED
    async with RawServer(echo_once, ssl=asking) as server:
        await exchange(server.url, ssl=client_context(ca=ca, cert=cert, key=key))
        await exchange(server.url, ssl=client_context(cert=cert, key=key, verify=False))
    async with RawServer(echo_once, ssl=server_context(authority, "127.0.0.1")) as server:
        await exchange(server.url, ssl=client_context(ca=ca))
    assert client_context() is None
    with pytest.raises(ValueError, match="a key was given without its certificate"):
        client_context(key=key)
    with pytest.raises(ValueError, match="the certificates cannot be read"):
        client_context(ca=str(tmp_path / "missing.pem"))
