"""Connecting, states, reconnecting, giving up."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import picows
import pytest

from fastphx import (
    Client,
    ClientState,
    ClosedError,
    ConnectError,
    ConnectionClosed,
    HeartbeatTimeout,
    connect,
)
from fastphx.client.endpoint import transport_url
from fastphx.client.options import Options
from fastphx.testing import Channel, Handshake, Server, demo_server
from tests.client.backoff import at_once
from tests.client.waiting import until, within
from tests.transports.raw_server import Peer, RawServer
from tests.unix_relay import unix_relay

OpenClient = Callable[..., Awaitable[Client]]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://host/socket", "ws://host/socket/websocket"),
        ("ws://host/socket/", "ws://host/socket/websocket"),
        ("wss://host:1/a/b/websocket", "wss://host:1/a/b/websocket"),
        ("http://host/socket", "ws://host/socket/websocket"),
        ("https://host/socket/longpoll", "wss://host/socket/websocket"),
        ("ws://host", "ws://host/websocket"),
    ],
)
def test_the_endpoint_is_that_of_phoenix_js(url: str, expected: str) -> None:
    assert transport_url(url) == expected


@pytest.mark.parametrize("url", ["host/socket", "ftp://host", "ws://", "ws://host/socket?token=secret"])
def test_a_url_that_cannot_be_meant(url: str) -> None:
    with pytest.raises(ValueError, match=r"://|host|query") as caught:
        connect(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"shards": 0}, "shards"),
        ({"buffer": -1}, "buffer"),
        ({"transport": "carrier_pigeon"}, "transport"),
        ({"max_pauze": 1.0}, "max_pause"),
        ({"backoff_base": 0.0}, "base"),
        ({"hold": -1.0}, "hold"),
        ({"hold": None}, "hold"),
        ({"params": 5}, "params"),
        ({"params": "token=secret"}, "params is a str"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": None}, "timeout"),
        ({"open_timeout": "10"}, "open_timeout"),
        ({"give_up_after": float("nan")}, "give_up_after"),
        ({"heartbeat_interval": -1}, "heartbeat_interval"),
        ({"buffer": 1.5}, "buffer"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"max_in_flight": 1 << 70}, "max_in_flight"),
        ({"max_shards": 1 << 70}, "max_shards"),
        ({"headers": 5}, "headers is a int"),
        ({"headers": "token: secret"}, "headers is a str"),
        ({"auth_token": b"secret"}, "auth_token"),
        ({"reconnect": "no"}, "reconnect"),
        ({"serializer": 5}, "serializer"),
    ],
)
def test_an_option_that_cannot_be_meant(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        connect("ws://127.0.0.1:1/socket", **options)


async def test_params_may_be_nested_and_a_vsn_must_be_the_serializers() -> None:
    seen: list[Handshake] = []

    def connected(handshake: Handshake) -> dict[str, Any]:
        seen.append(handshake)
        return {}

    async with Server({"room:*": Channel}, connect=connected) as server:
        async with connect(server.url, params={"a": {"b": [1, 2]}}):
            pass
        with pytest.raises(ValueError, match=r"the vsn '1\.0\.0', and the serializer speaks 2\.0\.0"):
            await connect(server.url, params={"vsn": "1.0.0"})
    assert [handshake.pairs for handshake in seen] == [(("a[b][]", "1"), ("a[b][]", "2"), ("vsn", "2.0.0"))]


@pytest.mark.parametrize("transport", ["websocket", "longpoll"])
async def test_over_a_unix_domain_socket(transport: str, tmp_path: Path) -> None:
    path = tmp_path / "phoenix"
    async with (
        demo_server(longpoll=transport == "longpoll") as server,
        unix_relay(str(path), server.url) as connections,
    ):
        url = "ws://phoenix.test/socket"
        async with connect(url, socket_path=path, transport=transport, backoff=at_once) as client:
            room = await client.join("room:a")
            assert (await room.push("echo", {"n": 1})).response == {"n": 1}
            server.cut()
            await within(client.wait_state("reconnecting"))
            await within(client.wait_state("open"))
            assert (await room.push("echo", {"n": 2})).response == {"n": 2}
        assert connections
        with pytest.raises(ValueError, match="neither proxy nor local_addr"):
            connect(url, socket_path=path, proxy="http://127.0.0.1:1")
    with pytest.raises(ConnectError):
        await connect(url, socket_path=path, transport=transport, open_timeout=0.1, backoff=at_once)


async def test_params_headers_and_token_are_asked_for_at_each_attempt() -> None:
    seen: list[Handshake] = []

    def connected(handshake: Handshake) -> dict[str, Any]:
        seen.append(handshake)
        return {}

    asked: list[str] = []

    async def params() -> list[tuple[str, Any]]:
        asked.append("params")
        return [("n", len(asked)), ("flag", True)]

    def headers() -> dict[str, str]:
        return {"X-Number": str(len(asked))}

    async with (
        Server({"room:*": Channel}, connect=connected) as server,
        connect(
            server.url, params=params, headers=headers, auth_token=lambda: f"t{len(asked)}", backoff=at_once
        ) as client,
    ):
        server.cut()
        await within(client.wait_state("reconnecting"))
        await within(client.wait_state("open"))
    assert [handshake.params["n"] for handshake in seen] == ["1", "2"]
    assert seen[0].params["flag"] == "true"
    assert [handshake.auth_token for handshake in seen] == ["t1", "t2"]


async def test_states_can_be_read_awaited_and_followed(server: Server) -> None:
    client = connect(server.url, backoff=at_once)
    seen: list[ClientState] = []
    seen_async: list[ClientState] = []
    client.on_state(seen.append)

    @client.on_state
    async def follow(state: ClientState) -> None:
        seen_async.append(state)

    @client.on_state
    def broken(state: ClientState) -> None:
        raise RuntimeError("a state callback fails")

    changes = client.states()
    assert client.state == "closed"
    async with client:
        assert client.state is ClientState.OPEN
        server.cut()
        assert await within(client.wait_state("reconnecting")) == "reconnecting"
        await within(client.wait_state("open"))
        with pytest.raises(TimeoutError):
            await client.wait_state("closed", timeout=0.01)
    assert client.state == "closed"
    assert seen == ["connecting", "open", "reconnecting", "open", "closed"]
    assert [state async for state in changes] == seen
    await until(lambda: seen_async == seen)
    assert client.stats.handler_errors == len(seen)
    assert [state async for state in client.states()] == []


async def test_a_refused_handshake_closes_the_client(server: Server) -> None:
    client = connect(server.url, params={"token": "bad"})
    with pytest.raises(ConnectError) as caught:
        await within(client)
    assert caught.value.status == 403
    assert client.state == "closed"
    with pytest.raises(ConnectError):
        await within(client.wait_closed())
    with pytest.raises(ClosedError):
        await client.join("room:lobby")


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_refusals_that_are_final_before_the_first_connection(server: Server, status: int) -> None:
    server.faults.refuse_connects = status
    client = connect(server.url, params=dict, backoff=at_once)
    with pytest.raises(ConnectError) as caught:
        await within(client)
    assert caught.value.status == status
    assert client.stats.connect_errors == 1


@pytest.mark.parametrize(("status", "attempts"), [(401, 2), (403, 2), (410, 1)])
async def test_refusals_that_are_final_later_on(server: Server, status: int, attempts: int) -> None:
    for params in ({}, dict):
        server.faults.refuse_connects = None
        client = await connect(server.url, params=params, backoff=at_once)
        server.faults.refuse_connects = status
        server.cut()
        with pytest.raises(ConnectError) as caught:
            await within(client.wait_closed())
        assert caught.value.status == status
        assert client.stats.connect_errors == (attempts if callable(params) else 1)


async def test_refusals_that_are_retried_later_on(server: Server) -> None:
    tokens = iter(["good", "bad", "good", "bad", "good"])
    async with connect(server.url, params=lambda: {"token": next(tokens)}, backoff=at_once) as client:
        for lost in (1, 2):
            server.cut()
            await until(lambda lost=lost: client.stats.reconnects == lost)
        assert client.stats.connect_errors == 2
    async with connect(server.url, backoff=at_once) as client:
        server.faults.refuse_connects = 404
        server.cut()
        await until(lambda: client.stats.connect_errors >= 3)
        server.faults.refuse_connects = None
        await within(client.wait_state("open"))


async def test_a_rule_decides_of_refusals(server: Server) -> None:
    server.faults.refuse_connects = 410
    client = connect(server.url, reconnect=lambda reason: True, backoff=at_once)
    opening = asyncio.ensure_future(client)
    await until(lambda: client.stats.connect_errors >= 2)
    server.faults.refuse_connects = None
    await within(opening)
    server.faults.refuse_connects = 404
    client.options.reconnect = lambda reason: getattr(reason, "status", None) != 404
    server.cut()
    with pytest.raises(ConnectError, match="404"):
        await within(client.wait_closed())


@pytest.mark.parametrize(
    ("asked", "cap", "waited"), [("2", 30.0, 2.0), ("3600", 5.0, 5.0), ("soon", 5.0, 0.0)]
)
async def test_retry_after_is_honoured_up_to_the_cap(
    asked: str, cap: float, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []

    async def sleep(delay_s: float) -> None:
        delays.append(delay_s)
        await asyncio.sleep(0)

    async def busy(peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await peer.request()
        peer.send(
            f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n".encode()
        )

    class Sleepless:
        def __getattr__(self, name: str) -> Any:
            return sleep if name == "sleep" else getattr(asyncio, name)

    monkeypatch.setattr("fastphx.client.socket.asyncio", Sleepless())
    async with RawServer(busy) as raw:
        url = raw.url.removesuffix("/websocket")
        client = connect(url, backoff=lambda attempt: 0.0, backoff_cap=cap)
        opening = asyncio.ensure_future(client)
        await until(lambda: client.stats.connect_errors >= 3)
        await client.close()
        with pytest.raises(ClosedError):
            await opening
    assert set(delays) == {waited}


async def test_opening_that_takes_too_long_says_with_which_status(server: Server) -> None:
    server.faults.refuse_connects = 503
    with pytest.raises(ConnectError, match="not connected within") as caught:
        await connect(server.url, open_timeout=0.5, backoff=lambda attempt: 0.01)
    assert caught.value.status == 503


@pytest.mark.parametrize("option", ["headers", "extra_headers"])
async def test_pairs_that_can_be_read_once_are_sent_with_each_attempt(server: Server, option: str) -> None:
    requests: list[bytes] = []

    async def serve(peer: Peer) -> None:
        requests.append(await peer.accept())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await peer.close_frame()

    async with RawServer(serve) as raw:
        given: dict[str, Any] = {option: iter([("X-Token", "1")])}
        async with connect(raw.url.removesuffix("/websocket"), **given) as client:
            await within(client.reconnect())
    assert ["X-Token: 1" in request.decode() for request in requests] == [True, True]


async def test_headers_are_added_to_a_mapping_of_extra_headers(server: Server) -> None:
    requests: list[bytes] = []

    async def serve(peer: Peer) -> None:
        requests.append(await peer.accept())
        await peer.close_frame()

    async with RawServer(serve) as raw:
        url = raw.url.removesuffix("/websocket")
        async with connect(url, extra_headers={"X-One": "1"}, headers={"X-Two": "2"}):
            pass
    assert b"\r\nX-One: 1\r\nX-Two: 2\r\n" in requests[0]


async def test_a_refused_handshake_is_retried_where_that_is_asked_for(server: Server) -> None:
    tokens = iter(["bad", "bad", "good"])
    async with connect(
        server.url, params=lambda: {"token": next(tokens)}, reconnect=True, backoff=at_once
    ) as client:
        assert client.stats.connect_errors == 2


async def test_a_failing_parameter_is_retried(server: Server) -> None:
    calls = []

    def params() -> str | None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the token's source is down")
        return "no pairs" if len(calls) == 2 else None

    async with connect(server.url, params=params, backoff=at_once) as client:
        assert client.stats.connect_errors == client.stats.handler_errors == 2


@pytest.mark.parametrize(
    ("option", "unfit"),
    [
        ("params", {"token": None}),
        ("params", 5),
        ("params", {"vsn": "1.0.0"}),
        ("auth_token", ""),
        ("auth_token", 5),
        ("headers", {"x-token": "t\n"}),
        ("headers", "x-token"),
        ("headers", 5),
    ],
)
async def test_what_a_callable_gives_and_no_attempt_can_use_is_a_failed_attempt(
    server: Server, fast_client: OpenClient, option: str, unfit: Any
) -> None:
    given: Any = None
    options: dict[str, Any] = {option: lambda: given}
    client = await fast_client(**options)
    room = await client.join("room:lobby")
    given = unfit
    server.cut()
    await until(lambda: client.stats.connect_errors >= 2)
    assert client.state == "reconnecting"
    assert client.stats.handler_errors == client.stats.connect_errors
    given = None
    await until(lambda: room.gaps == 1)
    assert client.closed_because is None


@pytest.mark.parametrize("delay", [float("nan"), -1.0, "1", None, True, 10**400])
async def test_a_backoff_that_gives_no_seconds(server: Server, fast_client: OpenClient, delay: Any) -> None:
    client = await fast_client(
        backoff=lambda attempt: delay, rejoin_backoff=lambda attempt: delay, backoff_base=0.001
    )
    room = await client.join("room:lobby")
    server.cut()
    await until(lambda: room.gaps == 1)
    server.crash_channels()
    await until(lambda: room.gaps == 2)
    assert client.stats.handler_errors == 2


async def test_a_reconnect_rule_that_gives_no_bool(server: Server, fast_client: OpenClient) -> None:
    client = await fast_client(reconnect=lambda reason: None)
    room = await client.join("room:lobby")
    server.cut()
    await until(lambda: room.gaps == 1)
    assert client.stats.handler_errors == 1


async def test_two_tasks_share_an_iterator_over_states(server: Server, client: Client) -> None:
    changes = client.states()
    seen: list[str] = []

    async def follow() -> None:
        async for state in changes:
            seen.append(state)  # noqa: PERF401 - it is read meanwhile

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(within(follow()))
        await asyncio.sleep(0)
        server.cut()
        await until(lambda: len(seen) == 2)
        await client.close()
    assert seen == ["reconnecting", "open", "closed"]


async def test_a_server_that_comes_later(unused_tcp_port: int) -> None:
    client = connect(f"ws://127.0.0.1:{unused_tcp_port}/socket", backoff=lambda attempt: 0.01)
    opening = asyncio.ensure_future(client)
    await until(lambda: client.stats.connect_errors >= 2)
    async with demo_server(port=unused_tcp_port):
        await within(opening)
        assert client.state == "open"
        await client.close()


async def test_opening_has_a_limit(unused_tcp_port: int) -> None:
    client = connect(f"ws://127.0.0.1:{unused_tcp_port}/socket", open_timeout=0.5)
    with pytest.raises(ConnectError, match="refused"):
        await within(client)
    assert client.state == "closed"


async def test_giving_up(server: Server) -> None:
    # The first attempt is refused, and there is no time for a second one.
    client = await connect(server.url, give_up_after=1.0, backoff=lambda attempt: (0.0, 60.0)[attempt > 1])
    room = await client.join("room:lobby")
    server.faults.refuse_connects = 503
    server.cut()
    with pytest.raises(ConnectError, match="503"):
        await within(client.wait_closed())
    assert client.stats.connect_errors >= 1
    with pytest.raises(ClosedError):
        async for _ in room:
            pass
    with pytest.raises(ClosedError):
        await room.push("echo")
    await client.close()


async def test_giving_up_cuts_an_attempt_short() -> None:
    quiet = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await quiet.wait()
        writer.close()

    listener = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        url = f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}/socket"
        client = connect(url, give_up_after=0.1, connect_timeout=1000.0, open_timeout=None)
        with pytest.raises(ConnectError, match="give_up_after"):
            await within(client)
    finally:
        quiet.set()
        listener.close()


async def test_callables_that_raise_are_counted_and_the_default_holds(
    server: Server, fast_client: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Any) -> Any:
        raise LookupError("no rule")

    client = await fast_client(
        reconnect=broken, backoff=broken, rejoin_backoff=lambda attempt: float("nan"), backoff_base=0.001
    )
    room = await client.join("room:lobby")
    server.cut()
    await until(lambda: room.gaps == 1)
    server.crash_channels()
    await until(lambda: room.gaps == 2)
    assert client.stats.reconnects == 1
    assert client.stats.handler_errors == 3
    assert "no rule" in caplog.text
    server.disconnect(code=1000)
    with pytest.raises(ConnectionClosed):
        await within(client.wait_closed())


async def test_an_async_callback_hears_out_that_the_client_is_closed(server: Server) -> None:
    client = connect(server.url)
    heard: list[ClientState] = []

    @client.on_state
    async def slow(state: ClientState) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        heard.append(state)

    async with client:
        pass
    assert heard[-1] == "closed"


async def test_a_normal_close_is_final_unless_asked(server: Server, fast_client: OpenClient) -> None:
    client = await fast_client()
    server.disconnect(code=1000)
    with pytest.raises(ConnectionClosed) as caught:
        await within(client.wait_closed())
    assert caught.value.code == 1000
    again = await fast_client(reconnect=lambda reason: True)
    server.disconnect(code=1000)
    await until(lambda: again.stats.reconnects == 1)


async def test_no_reconnect_where_that_is_asked_for(server: Server, fast_client: OpenClient) -> None:
    client = await fast_client(reconnect=False)
    server.disconnect(code=1012)
    with pytest.raises(ConnectionClosed):
        await within(client.wait_closed())


async def test_closing_twice_and_opening_twice(server: Server) -> None:
    client = await connect(server.url)
    with pytest.raises(RuntimeError):
        await client.open()
    await client.close()
    await client.close()
    await within(client.wait_closed())
    with pytest.raises(RuntimeError):
        await client.open()


async def test_closing_while_connecting(unused_tcp_port: int) -> None:
    before = asyncio.all_tasks()
    client = connect(f"ws://127.0.0.1:{unused_tcp_port}/socket", backoff=lambda attempt: 60.0)
    opening = asyncio.ensure_future(client)
    await until(lambda: client.stats.connect_errors)
    await client.close()
    with pytest.raises(ClosedError):
        await opening
    assert asyncio.all_tasks() == before


async def test_a_cancelled_open_leaves_nothing(unused_tcp_port: int) -> None:
    before = asyncio.all_tasks()
    client = connect(f"ws://127.0.0.1:{unused_tcp_port}/socket", backoff=lambda attempt: 60.0)
    opening = asyncio.ensure_future(client)
    await until(lambda: client.stats.connect_errors)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert asyncio.all_tasks() == before
    assert client.state == "closed"


async def test_backoff_grows_until_a_connection_has_held(server: Server, fast_client: OpenClient) -> None:
    asked: list[int] = []

    def backoff(attempt: int) -> float:
        asked.append(attempt)
        return 0.0

    client = await fast_client(backoff=backoff, hold=1000.0)
    for reconnects in (1, 2, 3):
        server.cut()
        await until(lambda reconnects=reconnects: client.stats.reconnects == reconnects)
    assert asked == [1, 2, 3]
    held = await fast_client(backoff=backoff, hold=0.0)
    asked.clear()
    for reconnects in (1, 2):
        server.cut(2)
        await until(lambda reconnects=reconnects: held.stats.reconnects == reconnects)
    assert asked.count(1) == 2


async def test_ten_thousand_clients_do_not_return_in_step() -> None:
    # Each client of a restarted server waits before its first attempt as long as its options say.
    options = Options(url="ws://127.0.0.1:1/socket", random=Random(7))
    delays = [options.reconnect_delay(1) for _ in range(10_000)]
    buckets = [0] * 10
    for delay in delays:
        buckets[int(delay / options.backoff_base * 10)] += 1
    assert min(buckets) > 850
    assert max(buckets) < 1150


async def test_the_first_attempts_after_a_restart_are_spread(
    server: Server, fast_client: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "fastphx.client")
    clients = [await fast_client(backoff=None, random=None) for _ in range(40)]
    caplog.clear()
    server.cut()
    await until(lambda: all(client.stats.reconnects == 1 for client in clients))
    delays = [record.delay_s for record in caplog.records if hasattr(record, "delay_s")]
    assert len(delays) == 40
    assert len(set(delays)) == 40
    assert max(delays) - min(delays) > 0.04


async def test_an_unanswered_heartbeat_reconnects_while_messages_come(fast_client: OpenClient) -> None:
    async with demo_server() as server:
        client = await fast_client(url=server.url, heartbeat_interval=0.2)
        room = await client.join("room:lobby")
        messages: list[Any] = []
        room.on("news", messages.append)
        await until(lambda: client.stats.heartbeats_answered >= 1)
        assert client.stats.last_heartbeat_rtt is not None
        reason: list[Any] = []
        client.on_state(lambda state: reason.append((state, client.sockets[0].reason)))
        server.faults.drop_heartbeats = True

        async def chatter() -> None:
            while not client.stats.reconnects:
                server.broadcast("room:lobby", "news", {})
                await asyncio.sleep(0.005)

        # The bound is what is promised: the beat that is lost, and the time in which it may be answered.
        async with asyncio.timeout(0.2 + 0.2 + 5.0):
            await chatter()
        assert messages
        assert reason[0][0] == "reconnecting"
        assert isinstance(reason[0][1], HeartbeatTimeout)
        assert client.stats.heartbeat_timeouts >= 1
        server.faults.drop_heartbeats = False
        await within(room.push("echo", timeout=5))


class StaleAnswers(picows.WSListener):  # type: ignore[misc]
    """Answers each heartbeat with the ref of the one before."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        _, ref, topic, _, _ = json.loads(frame.get_payload_as_bytes())
        answer = [None, str(int(ref) - 1), topic, "phx_reply", {"status": "ok", "response": {}}]
        transport.send(picows.WSMsgType.TEXT, json.dumps(answer).encode())


async def test_a_stale_heartbeat_answer_does_not_count() -> None:
    server = await picows.ws_create_server(lambda request: StaleAnswers(), "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        async with connect(
            f"ws://127.0.0.1:{port}/socket", heartbeat_interval=0.1, backoff=at_once
        ) as client:
            await until(lambda: client.stats.heartbeat_timeouts and client.stats.reconnects)
            assert client.stats.stale_heartbeats >= 1
            assert client.stats.heartbeats_answered == 0
    finally:
        server.close()


async def test_nothing_secret_is_logged(
    server: Server, fast_client: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = await fast_client(params={"token": "s3cret"}, auth_token="s3cret", headers={"X-T": "s3cret"})
    room = await client.join("room:lobby", {"password": "s3cret"})
    await room.push("echo", {"password": "s3cret"})
    server.cut()
    await until(lambda: client.stats.gaps)
    await client.close()
    assert "s3cret" not in caplog.text
    connected = [record for record in caplog.records if record.message == "connected"]
    assert connected[0].endpoint == f"127.0.0.1:{server.port}"  # type: ignore[attr-defined]


async def test_an_abandoned_client_can_be_collected(server: Server) -> None:
    client = await connect(server.url)
    await client.join("room:lobby")
    await client.close()
    reference = weakref.ref(client)
    del client
    gc.collect()
    assert reference() is None
