"""Connecting, not connecting, failing to, and losing the connection."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from fastphx import (
    Connect,
    ConnectError,
    ConnectionClosed,
    DisconnectedError,
    HeartbeatTimeout,
    NoConnect,
    Ok,
    StartError,
    start_link,
    whereis,
)
from fastphx.serializers import GzipJson, JsonV1
from fastphx.testing import Channel, Handshake, Server, demo_server
from fastphx.transports import WebSocketTransport
from tests.free_port import free_port
from tests.gen_socket_client.recorder import AsyncRecorder, Recorder
from tests.gen_socket_client.starter import Starter
from tests.unix_relay import unix_relay

kinds = pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])


@kinds
async def test_connects_on_init(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.connected(server, kind())
    assert client.socket.connected
    assert await client.join("room:a") == 1
    assert client.socket.stats["connects"] == 1


async def test_does_not_connect_on_init_and_connects_from_a_message(server: Server, start: Starter) -> None:
    client = Recorder(handle_info=lambda message, _transport: message)
    socket = await start(client, NoConnect(server.websocket_url, {"user": "ann"}))
    socket.send_info(Ok())
    assert isinstance(await client.next("handle_info"), Ok)
    assert not socket.connected
    assert server.stats["connections"] == 0
    socket.send_info(Connect())
    await client.next("handle_info")
    await client.next("handle_connected")
    assert [connection.params["user"] for connection in server.connections] == ["ann"]


async def test_connects_to_another_url_with_other_parameters(server: Server, start: Starter) -> None:
    client = Recorder(handle_info=lambda message, _transport: message)
    socket = await start(client, Connect(f"ws://127.0.0.1:{free_port()}/socket/websocket", {"user": "ann"}))
    await client.next("handle_disconnected")
    socket.send_info(Connect(server.websocket_url, [("user", "bea"), ("tag", "1"), ("tag", "2")]))
    await client.next("handle_info")
    await client.next("handle_connected")
    assert dict(server.connections[0].params)["user"] == "bea"
    server.cut()
    await client.next("handle_disconnected")
    socket.send_info(Connect(params={"user": "cas"}))
    await client.next("handle_info")
    await client.next("handle_connected")
    assert server.connections[0].params["user"] == "cas"
    server.cut()
    await client.next("handle_disconnected")
    socket.send_info(Connect())
    await client.next("handle_info")
    await client.next("handle_connected")
    assert server.connections[0].params["user"] == "cas"


async def test_parameters_are_pairs_in_order_whose_keys_may_repeat(start: Starter) -> None:
    seen: list[tuple[tuple[str, str], ...]] = []

    def connect(handshake: Handshake) -> bool:
        seen.append(handshake.pairs)
        return True

    async with Server({"room:*": Channel}, connect=connect) as server:
        client = Recorder()
        await start(client, Connect(server.websocket_url, [("b", "1"), ("a", "2 3"), ("b", "4")]))
        await client.next("handle_connected")
        await client.socket.stop()
    assert seen == [(("b", "1"), ("a", "2 3"), ("b", "4"), ("vsn", "2.0.0"))]


async def test_parameters_may_be_nested(start: Starter) -> None:
    seen: list[tuple[tuple[str, str], ...]] = []

    def connect(handshake: Handshake) -> bool:
        seen.append(handshake.pairs)
        return True

    async with Server({"room:*": Channel}, connect=connect) as server:
        client = Recorder()
        await start(client, Connect(server.websocket_url, {"a": {"b": [1, 2]}}))
        await client.next("handle_connected")
        await client.socket.stop()
    assert seen == [(("a[b][]", "1"), ("a[b][]", "2"), ("vsn", "2.0.0"))]


async def test_over_a_unix_domain_socket(server: Server, start: Starter, tmp_path: Path) -> None:
    path = tmp_path / "phoenix"
    async with unix_relay(str(path), server.websocket_url):
        client = Recorder()
        connect = Connect("ws://phoenix.test/socket/websocket", {"user": "ann"})
        await start(client, connect, transport_opts={"socket_path": path})
        await client.next("handle_connected")
        await client.join("room:a")
        assert server.connections[0].params["user"] == "ann"
        await client.socket.stop()


async def test_a_vsn_that_is_given_wins(server: Server, start: Starter) -> None:
    client = Recorder()
    await start(client, Connect(server.websocket_url, {"vsn": "2.9.0"}))
    assert (await client.next("handle_disconnected")).status == 403


async def test_a_vsn_that_the_serializer_does_not_speak_is_refused(server: Server) -> None:
    for serializer, vsn in ((None, "1.0.0"), (JsonV1(), "2.0.0"), (GzipJson(), "1.0.0")):
        connect = Connect(server.websocket_url, {"vsn": vsn})
        with pytest.raises(ValueError, match=f"the vsn '{vsn}', and the serializer speaks"):
            await start_link(Recorder, WebSocketTransport, connect, serializer=serializer)


@kinds
async def test_refused_tcp_connection(start: Starter, kind: type[Recorder]) -> None:
    client = kind()
    socket = await start(client, f"ws://127.0.0.1:{free_port()}/socket/websocket")
    reason = await client.next("handle_disconnected")
    assert isinstance(reason, ConnectError)
    assert isinstance(reason.__cause__, ConnectionRefusedError)
    assert (reason.status, socket.connected, socket.running) == (None, False, True)
    assert socket.stats["disconnects"] == 1


@kinds
async def test_http_403(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = kind()
    await start(client, Connect(server.websocket_url, {"token": "bad"}))
    reason = await client.next("handle_disconnected")
    assert isinstance(reason, ConnectError)
    assert reason.status == 403


@kinds
async def test_acting_while_disconnected(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    server.cut()
    assert isinstance(await client.next("handle_disconnected"), ConnectionClosed)
    assert await client.refusal(lambda transport: transport.join("room:a")) is DisconnectedError
    assert await client.refusal(lambda transport: transport.leave("room:a")) is DisconnectedError
    assert await client.refusal(lambda transport: transport.push("room:a", "echo")) is DisconnectedError
    assert await client.do(lambda transport: transport.joined("room:a")) is False


async def test_a_disconnect_gives_its_code_and_reason_and_no_closed_channels(
    server: Server, start: Starter
) -> None:
    client = await start.joined(server)
    await client.join("room:b")
    server.disconnect()
    reason = await client.next("handle_disconnected")
    assert isinstance(reason, ConnectionClosed)
    assert reason.code == 1001
    assert client.events.empty()
    assert client.socket.running


async def test_reconnects_as_its_callback_says(server: Server, start: Starter) -> None:
    client = Recorder(handle_disconnected=Connect(after=0.01))
    await start.joined(server, client=client)
    for _ in range(3):
        server.cut()
        await client.next("handle_disconnected")
        await client.next("handle_connected")
        assert await client.do(lambda transport: transport.joined("room:a")) is False
        await client.join("room:a")
    assert client.socket.stats["connects"] == 4


async def test_tries_again_after_a_failed_attempt(server: Server, start: Starter) -> None:
    server.faults.refuse_connects = 503
    client = Recorder(handle_disconnected=Connect(after=0.001))
    await start(client, server.websocket_url)
    for _ in range(3):
        assert (await client.next("handle_disconnected")).status == 503
    server.faults.refuse_connects = None
    while (await client.events.get())[0] != "handle_connected":
        pass


async def test_connect_after_waits_and_a_newer_connect_wins(server: Server, start: Starter) -> None:
    client = Recorder(handle_info=lambda message, _transport: message)
    socket = await start(client, Connect(server.websocket_url, after=3600.0))
    socket.send_info(None)
    await client.next("handle_info")
    assert server.stats["connections"] == 0
    socket.send_info(Connect())
    await client.next("handle_info")
    await client.next("handle_connected")
    assert client.socket.connected


async def test_an_attempt_that_was_put_off_is_not_made_after_a_newer_one(
    server: Server, start: Starter
) -> None:
    client = Recorder(handle_info=lambda message, _transport: message)
    socket = await start(client, Connect(server.websocket_url, after=0.6))
    socket.send_info(Connect())
    # Timers fire in the order of their times: when this comes, the one above would have.
    socket.send_after(0.7, None)
    assert {(await client.events.get())[0] for _ in range(3)} == {"handle_info", "handle_connected"}
    await client.do(lambda _transport: None)
    assert socket.running
    assert server.stats["connections"] == 1


async def test_a_server_that_closes_at_once_is_a_disconnect_after_which_one_may_connect(
    start: Starter,
) -> None:
    async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b":")[1].strip()
            for line in request.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        # The answer and a close frame (code 1012) in one write: both are read at once.
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + b"\x88\x02\x03\xf4"
        )
        await reader.read(100)
        writer.close()

    listener = await asyncio.start_server(close_at_once, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    client = Recorder(handle_disconnected=Connect(after=0.001))
    await start(client, f"ws://127.0.0.1:{port}/socket/websocket")
    for _ in range(3):
        await client.next("handle_connected")
        assert (await client.next("handle_disconnected")).code == 1012
    assert client.socket.running
    await client.socket.stop()
    listener.close()
    await listener.wait_closed()


async def test_a_heartbeat_without_an_answer_is_a_disconnect(server: Server, start: Starter) -> None:
    server.faults.drop_heartbeats = True
    client = Recorder()
    await start(client, server.websocket_url, transport_opts={"heartbeat_interval": 0.05})
    await client.next("handle_connected")
    assert isinstance(await client.next("handle_disconnected"), HeartbeatTimeout)


async def test_heartbeats_keep_an_idle_connection(server: Server, start: Starter) -> None:
    client = Recorder()
    await start(client, server.websocket_url, transport_opts={"heartbeat_interval": 0.02})
    await client.next("handle_connected")
    await server.wait_until(lambda stats: stats["heartbeats"] >= 3)
    assert client.socket.stats["heartbeats_answered"] >= 2
    assert client.events.empty()


@pytest.mark.parametrize(
    ("url", "opts", "match"),
    [
        ("ws://127.0.0.1:1/socket/websocket?token=x", {}, "query"),
        ("http://127.0.0.1:1/socket", {}, "ws://"),
        ("ws://127.0.0.1:1/", {"heartbeat": 1}, "heartbeat_interval"),
        ("ws://127.0.0.1:1/", {"connect_timeout": -1}, "connect_timeout"),
    ],
)
async def test_a_url_or_option_that_cannot_be_meant(url: str, opts: dict[str, int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        await start_link(Recorder, WebSocketTransport, url, transport_opts=opts, name="bad")
    assert whereis("bad") is None


async def test_a_parameter_that_cannot_be_one() -> None:
    with pytest.raises(ValueError, match="parameter 'a'"):
        await start_link(Recorder, WebSocketTransport, NoConnect("ws://127.0.0.1:1/", {"a": object()}))


@pytest.mark.parametrize("params", [5, "ab", ["ab1"], [1], [("a", "b", "c")]])
async def test_parameters_that_are_no_pairs(params: Any) -> None:
    with pytest.raises(ValueError, match=r"params is a (int|str|list): give"):
        await start_link(Recorder, WebSocketTransport, Connect("ws://127.0.0.1:1/", params))


async def test_a_delay_that_cannot_be_one() -> None:
    with pytest.raises(StartError, match="after=-1"):
        await start_link(Recorder, WebSocketTransport, Connect("ws://127.0.0.1:1/", after=-1))


async def test_the_options_reach_the_transport(start: Starter) -> None:
    def connect(handshake: Handshake) -> bool:
        seen.append((handshake.headers.get("X-Tenant"), handshake.auth_token))
        return True

    seen: list[tuple[str | None, str | None]] = []
    async with Server({"room:*": Channel}, connect=connect) as server:
        opts = {"extra_headers": [("X-Tenant", "a")], "auth_token": "secret", "keepalive": 0.01}
        client = await start.connected(server, transport_opts=opts)
        assert seen == [("a", "secret")]
        await client.join("room:a")
        server.stall(3600.0)
        # The ping of keepalive is not answered.
        reason = await client.next("handle_disconnected")
        assert "keepalive" in reason.reason


async def test_wss_is_verified_unless_told_otherwise(start: Starter) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with demo_server(ssl=context) as server:
        assert server.websocket_url.startswith("wss://")
        client = Recorder()
        await start(client, server.websocket_url)
        reason = await client.next("handle_disconnected")
        assert isinstance(reason.__cause__, ssl.SSLCertVerificationError)
        options: list[dict[str, Any]] = [{"ssl_verify": False}, {"ssl": trusting}]
        for transport_opts in options:
            client = await start.joined(server, transport_opts=transport_opts)
            assert (await client.push_sync("room:a", "echo", 1))["response"] == 1
            await client.socket.stop()
