"""Connections through proxies, given or of the environment."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trustme

from fastphx.transports import ConnectOptions
from tests.free_port import free_port
from tests.transports.attempts import echo_once, exchange, refused
from tests.transports.certificates import server_context
from tests.transports.proxies import HttpProxy, Proxy, Socks4Proxy, Socks5Proxy
from tests.transports.raw_server import Peer, RawServer
from tests.transports.recording_owner import TIMEOUT_S, RecordingOwner


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

    async def connect_to(host: str, port: int, **_options: Any) -> socket.socket:
        asked.append((host, port))
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


@pytest.mark.parametrize("scheme", ["socks5h", "SOCKS5h"])
async def test_a_socks_proxy_of_the_environment_is_used(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(echo_once) as server, Socks5Proxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
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


async def test_tls_through_a_proxy_may_fail(authority: trustme.CA) -> None:
    async def leave(peer: Peer) -> None:
        await peer.reader.read(65536)

    async with HttpProxy() as proxy:
        through = f"http://127.0.0.1:{proxy.port}"
        async with RawServer(echo_once, ssl=server_context(authority, "127.0.0.1")) as server:
            assert "certificate was not accepted" in str(await refused(server.url, proxy=through))
        async with RawServer(leave) as server:
            error = await refused(server.url.replace("ws://", "wss://"), proxy=through)
            assert "the connection was closed while TLS started" in str(error)


async def test_a_proxy_for_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTP_PROXY", "http://127.0.0.1:1")
    async with RawServer(echo_once) as server:
        await exchange(server.url)


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


@pytest.mark.parametrize(
    "proxy",
    [
        *("http://me:1#secret@host", "http://me:1/secret@host", "http://me:1?secret@host"),
        *(
            "http://me:secret@host/#a",
            " http://me:secret@host",
            "ht\ntp://me:secret@host",
            "http://me:secret@ho\0st",
        ),
    ],
)
async def test_a_proxy_with_more_than_a_host_is_refused_before_its_password_is_quoted(proxy: str) -> None:
    with pytest.raises(ValueError, match="ends behind its host and port") as caught:
        await RecordingOwner().connect("ws://127.0.0.1:1/", proxy=proxy)
    assert "secret" not in str(caught.value)


async def test_an_ipv6_address_that_no_proxy_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    for listed in ("::1", "[::1]"):
        monkeypatch.setenv("NO_PROXY", listed)
        assert "the proxy" not in str(await refused(f"ws://[::1]:{free_port()}/"))
