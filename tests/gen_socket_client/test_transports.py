"""A transport of one's own, and transports that end or crash."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import orjson
import picows
import pytest

from fastphx import (
    Connect,
    ConnectError,
    ConnectionClosed,
    DisconnectedError,
    HeartbeatTimeout,
    OverloadedError,
    TransportDown,
    start_link,
)
from fastphx.testing import Server, demo_server
from fastphx.transports import Transport, TransportOwner, WebSocketTransport
from fastphx.transports.longpoll import LongPollTransport
from tests.gen_socket_client.recorder import AsyncRecorder, Recorder
from tests.gen_socket_client.starter import Starter

TOPIC = "room:a"
TIMEOUT_S = 30.0
kinds = pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])


class OwnTransport(picows.WSListener):
    """A transport in plain Python, over picows' Python interface."""

    running: ClassVar[list[OwnTransport]] = []
    fail_start: ClassVar[Exception | None] = None

    def __init__(self, owner: TransportOwner, opts: Mapping[str, Any]) -> None:
        self.owner = owner
        self.opts = opts
        self.transport: picows.WSTransport | None = None
        self.down: Exception | None = None
        self.silent = False

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
        if cls.fail_start is not None:
            raise cls.fail_start
        try:
            _, listener = await asyncio.wait_for(picows.ws_connect(lambda: cls(owner, opts), url), TIMEOUT_S)
        except Exception as error:
            raise ConnectError(f"cannot connect: {error}") from error
        assert isinstance(listener, cls)
        cls.running.append(listener)
        return listener

    def push(self, data: bytes, opcode: int) -> None:
        if self.transport is None:
            raise DisconnectedError("the connection is gone")
        self.transport.send(picows.WSMsgType(opcode), data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.transport is not None and not self.silent:
            self.transport.disconnect()

    def crash(self, error: Exception | None) -> None:
        """End, normally or with *error*."""
        self.down = TransportDown(error)
        if self.transport is not None:
            self.transport.disconnect()

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self.owner.notify_connected(None)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type in (picows.WSMsgType.TEXT, picows.WSMsgType.BINARY):
            self.owner.notify_message(frame.msg_type.value, frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.transport = None
        self.owner.notify_disconnected(self.down or ConnectionClosed(1006))  # type: ignore[arg-type]


class PausableTransport(OwnTransport):
    paused = False

    def pause_reading(self) -> None:
        assert self.transport is not None
        self.paused = True
        self.transport.underlying_transport.pause_reading()

    def resume_reading(self) -> None:
        self.paused = False
        if self.transport is not None:
            self.transport.underlying_transport.resume_reading()


@pytest.fixture(autouse=True)
def _no_transports() -> None:
    OwnTransport.running.clear()


def test_both_fulfil_the_protocol() -> None:
    for transport in (OwnTransport, WebSocketTransport):
        assert issubclass(transport, Transport)


@kinds
async def test_a_transport_of_ones_own(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = kind(handle_disconnected=Connect())
    opts = {"anything": 1}
    await start.joined(server, client=client, transport=OwnTransport, transport_opts=opts)
    assert OwnTransport.running[0].opts == {"anything": 1}
    assert await client.push_sync(TOPIC, "echo", {"x": 1}) == {"status": "ok", "response": {"x": 1}}
    assert await client.push_sync(TOPIC, "echo", b"\x00") == {"status": "ok", "response": b"\x00"}
    server.broadcast(TOPIC, "all", [1])
    assert await client.next("handle_message") == (TOPIC, "all", [1])
    server.disconnect()
    assert isinstance(await client.next("handle_disconnected"), ConnectionClosed)
    await client.next("handle_connected")
    await client.join(TOPIC)
    await client.socket.stop()
    await server.wait_until(lambda stats: stats["connections_open"] == 0)


@kinds
async def test_a_transport_that_ends_normally_is_a_disconnect(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = kind(handle_disconnected=Connect())
    await start.joined(server, client=client, transport=OwnTransport)
    OwnTransport.running[-1].crash(None)
    reason = await client.next("handle_disconnected")
    assert isinstance(reason, TransportDown)
    assert reason.exc is None
    # It can be used again.
    await client.next("handle_connected")
    assert await client.join(TOPIC) == 1


@kinds
async def test_a_transport_that_crashes_crashes_the_socket(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = await start.joined(server, client=kind(), transport=OwnTransport)
    crash = asyncio.create_task(client.socket.wait_closed())
    OwnTransport.running[-1].crash(ZeroDivisionError("a bug"))
    with pytest.raises(TransportDown, match="a bug") as caught:
        await asyncio.wait_for(crash, TIMEOUT_S)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert isinstance(await client.next("terminate"), TransportDown)
    assert client.events.empty()


@kinds
async def test_with_trap_exit_a_crash_is_a_disconnect_and_one_may_reconnect(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = kind(handle_disconnected=Connect())
    await start.joined(server, client=client, transport=OwnTransport, trap_exit=True)
    OwnTransport.running[-1].crash(ZeroDivisionError("a bug"))
    reason = await client.next("handle_disconnected")
    assert isinstance(reason.exc, ZeroDivisionError)
    await client.next("handle_connected")
    await client.join(TOPIC)
    assert (await client.push_sync(TOPIC, "echo", 1))["response"] == 1


@pytest.mark.parametrize("trap_exit", [False, True])
async def test_a_transport_that_crashes_while_starting(
    server: Server, start: Starter, trap_exit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OwnTransport, "fail_start", ZeroDivisionError("a bug"))
    client = Recorder()
    await start(client, server.websocket_url, transport=OwnTransport, trap_exit=trap_exit)
    if trap_exit:
        assert isinstance((await client.next("handle_disconnected")).exc, ZeroDivisionError)
        assert client.socket.running
    else:
        with pytest.raises(TransportDown, match="a bug"):
            await asyncio.wait_for(client.socket.wait_closed(), TIMEOUT_S)


class ShortLived(OwnTransport):
    """Its connection is lost before ``start`` returns."""

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
        transport = await super().start(url, owner, opts)
        ws_transport = transport.transport
        assert ws_transport is not None
        transport.close()
        await asyncio.wait_for(ws_transport.wait_disconnected(), TIMEOUT_S)
        return transport


@kinds
async def test_a_connection_that_is_lost_before_it_was_made(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = kind(handle_disconnected=Connect())
    await start(client, server.websocket_url, transport=ShortLived)
    for _ in range(3):
        assert isinstance(await client.next("handle_disconnected"), ConnectionClosed)
    assert client.socket.running
    assert not client.socket.connected


async def test_a_mailbox_that_filled_while_connecting_pauses_the_connection(
    server: Server, start: Starter
) -> None:
    class Gated(AsyncRecorder):
        async def handle_info(self, message: Any, transport: Any) -> Any:
            await gate.wait()

    gate = asyncio.Event()
    client = Gated()
    socket = await start(client, server.websocket_url, transport=PausableTransport, mailbox_limit=3)
    for n in range(3):
        socket.send_info(n)
    await server.wait_until(lambda _: socket.connected)
    transport = OwnTransport.running[-1]
    assert isinstance(transport, PausableTransport)
    assert transport.paused
    gate.set()
    await client.next("handle_connected")
    assert not transport.paused


async def test_a_transport_that_crashes_while_the_socket_ends(server: Server, start: Starter) -> None:
    class Gated(Recorder):
        async def terminate(self, reason: Any) -> None:
            self.record("terminate", reason)
            await gate.wait()

    gate = asyncio.Event()
    client = await start.connected(server, Gated(), transport=OwnTransport)
    stopped = client.socket.stop("enough")
    assert await client.next("terminate") == "enough"
    OwnTransport.running[-1].crash(ZeroDivisionError("a bug"))
    await server.wait_until(lambda stats: stats["connections_open"] == 0)
    gate.set()
    await asyncio.wait_for(stopped, TIMEOUT_S)
    assert await client.socket.wait_closed() == "enough"
    assert client.events.empty()


@kinds
async def test_long_polling(start: Starter, kind: type[Recorder]) -> None:
    async with demo_server(longpoll=True) as server:
        client = kind(handle_disconnected=Connect())
        opts = {"heartbeat_interval": 0.01}
        await start.joined(server, client=client, transport=LongPollTransport, transport_opts=opts)
        assert await client.push_sync(TOPIC, "echo", {"x": 1}) == {"status": "ok", "response": {"x": 1}}
        assert await client.push_sync(TOPIC, "echo", b"\x00") == {"status": "ok", "response": b"\x00"}
        server.broadcast(TOPIC, "all", [1])
        assert await client.next("handle_message") == (TOPIC, "all", [1])
        assert client.socket.stats["heartbeats_sent"] == 0
        server.cut()
        await client.next("handle_disconnected")
        await client.next("handle_connected")
        await client.join(TOPIC)
        await client.socket.stop()


async def test_an_option_of_long_polling_that_is_unknown() -> None:
    with pytest.raises(ValueError, match="longpoller_timeout"):
        await start_link(Recorder, LongPollTransport, "ws://127.0.0.1:1/", transport_opts={"window": 1})


async def test_a_refused_connection_of_ones_own_transport(server: Server, start: Starter) -> None:
    server.faults.refuse_connects = 503
    client = Recorder()
    await start(client, server.websocket_url, transport=OwnTransport)
    assert isinstance(await client.next("handle_disconnected"), ConnectError)


async def test_heartbeats_on_ones_own_transport(server: Server, start: Starter) -> None:
    client = await start.connected(
        server, Recorder(), transport=OwnTransport, transport_opts={"heartbeat_interval": 0.02}
    )
    await server.wait_until(lambda stats: stats["heartbeats"] >= 3)
    server.faults.drop_heartbeats = True
    assert isinstance(await client.next("handle_disconnected"), HeartbeatTimeout)


async def test_a_transport_that_cannot_pause_and_a_consumer_that_cannot_keep_up(
    server: Server, start: Starter
) -> None:
    class Hanging(AsyncRecorder):
        async def handle_message(self, *args: Any) -> None:
            await asyncio.Event().wait()

    client = await start.joined(server, client=Hanging(), transport=OwnTransport, mailbox_limit=10)
    crash = asyncio.create_task(client.socket.wait_closed())
    for n in range(20):
        server.broadcast(TOPIC, "n", n)
    with pytest.raises(OverloadedError, match="pause_reading"):
        await asyncio.wait_for(crash, TIMEOUT_S)


async def test_a_transport_that_can_pause(server: Server, start: Starter) -> None:
    class Gated(AsyncRecorder):
        async def handle_message(self, *args: Any) -> None:
            await gate.wait()
            self.record("handle_message", *args)

    gate = asyncio.Event()
    client = await start.joined(server, client=Gated(), transport=PausableTransport, mailbox_limit=10)
    for n in range(1000):
        server.broadcast(TOPIC, "n", n)
    # One of the ten has been taken out.
    await server.wait_until(lambda _: client.socket.stats["waiting"] >= 9)
    gate.set()
    for n in range(1000):
        assert await client.next("handle_message") == (TOPIC, "n", n)


async def test_a_transport_that_does_not_report_its_end(
    server: Server, start: Starter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fastphx.transports.connection.CLOSE_TIMEOUT_S", 0.02)
    client = await start.connected(server, transport=OwnTransport)
    transport = OwnTransport.running[-1]
    transport.silent = True
    await asyncio.wait_for(client.socket.stop("enough"), TIMEOUT_S)
    assert await client.socket.wait_closed() == "enough"
    assert "has not reported its end" in caplog.text
    transport.silent = False
    transport.close()
    await server.wait_until(lambda stats: stats["connections_open"] == 0)


async def test_a_transport_that_cannot_be_closed(
    server: Server, start: Starter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await start.connected(server, transport=OwnTransport)
    transport = OwnTransport.running[-1]

    def fail(*_args: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(transport, "close", fail)
    await asyncio.wait_for(client.socket.stop("enough"), TIMEOUT_S)
    assert "could not be closed: a bug" in caplog.text
    monkeypatch.undo()
    transport.close()
    await server.wait_until(lambda stats: stats["connections_open"] == 0)


async def test_an_error_that_a_transport_reports_is_logged(
    server: Server, start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    client = await start.joined(server, transport=OwnTransport)
    OwnTransport.running[-1].owner.notify_error(ZeroDivisionError("a bug"))
    assert "the transport reports an error: a bug" in caplog.text
    assert (await client.push_sync(TOPIC, "echo", 1))["response"] == 1


class Loopback:
    """A server and a transport in one, without a network: it answers while a message is being pushed."""

    heartbeat = False

    def __init__(self, owner: TransportOwner) -> None:
        self.owner = owner

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
        transport = cls(owner)
        owner.notify_connected(None)
        return transport

    def push(self, data: bytes, opcode: int) -> None:
        join_ref, ref, topic, event, payload = orjson.loads(data)
        if event == "flood":
            for n in range(payload):
                self.owner.notify_message(1, orjson.dumps([join_ref, None, topic, "n", n]))
            return
        answer = [join_ref, ref, topic, "phx_reply", {"status": "ok", "response": payload}]
        self.owner.notify_message(1, orjson.dumps(answer))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.owner.notify_disconnected(ConnectionClosed(code, reason))


@kinds
async def test_what_comes_during_a_callback_comes_after_it(start: Starter, kind: type[Recorder]) -> None:
    def act(*args: Any) -> None:
        nonlocal depth
        assert depth == 0
        depth += 1
        transport = args[-1]
        if len(args) == 1:
            transport.join(TOPIC)
        elif len(args) == 3:
            transport.push(TOPIC, "flood", 3)
        elif args[1] == "n":
            transport.push(TOPIC, "echo", args[2])
        depth -= 1

    depth = 0
    client = kind(handle_connected=act, handle_joined=act, handle_message=act, handle_reply=act)
    socket = await start(client, "ws://127.0.0.1/socket", transport=Loopback)
    assert await client.next("handle_connected") == ()
    await client.next("handle_joined")
    names = [(await asyncio.wait_for(client.events.get(), TIMEOUT_S))[0] for _ in range(6)]
    assert sorted(names) == ["handle_message"] * 3 + ["handle_reply"] * 3
    assert names[:3] == ["handle_message"] * 3
    # A message that comes when nothing runs is handled at once, and what it brought about right after it.
    socket.send_info(1)
    await client.next("handle_info")


async def test_more_during_one_callback_than_can_wait_is_a_crash(start: Starter) -> None:
    client = Recorder(
        handle_connected=lambda transport: transport.join(TOPIC) and None,
        handle_joined=lambda _topic, _payload, transport: transport.push(TOPIC, "flood", 11) and None,
    )
    socket = await start(client, "ws://127.0.0.1/socket", transport=Loopback, mailbox_limit=10)
    with pytest.raises(OverloadedError, match="during one callback"):
        await asyncio.wait_for(socket.wait_closed(), TIMEOUT_S)


async def test_what_a_message_brings_about_at_once_follows_it(start: Starter) -> None:
    client = Recorder(
        handle_connected=lambda transport: transport.join(TOPIC) and None,
        handle_message=lambda topic, _event, payload, transport: (
            transport.push(topic, "echo", payload) and None
        ),
    )
    transports: list[Loopback] = []

    class Kept(Loopback):
        @classmethod
        async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
            transport = await super().start(url, owner, opts)
            transports.append(transport)
            return transport

    await start(client, "ws://127.0.0.1/socket", transport=Kept)
    await client.next("handle_connected")
    await client.next("handle_joined")
    for n in range(3):
        transports[0].owner.notify_message(1, orjson.dumps([None, None, TOPIC, "n", n]))
        assert client.events.get_nowait() == ("handle_message", TOPIC, "n", n)
        assert client.events.get_nowait()[0] == "handle_reply"


class Interrupt(BaseException):
    """Something that no callback may keep to itself."""


async def test_what_is_no_exception_crashes_the_socket_and_goes_on(start: Starter) -> None:
    def interrupt(*_args: Any) -> None:
        raise Interrupt

    transports: list[Loopback] = []

    class Kept(Loopback):
        @classmethod
        async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
            transport = await super().start(url, owner, opts)
            transports.append(transport)
            return transport

    client = Recorder(handle_message=interrupt)
    await start(client, "ws://127.0.0.1/socket", transport=Kept)
    await client.next("handle_connected")
    with pytest.raises(Interrupt):
        transports[0].owner.notify_message(1, orjson.dumps([None, None, TOPIC, "n", 1]))
    with pytest.raises(Interrupt):
        await asyncio.wait_for(client.socket.wait_closed(), TIMEOUT_S)


class DiesOfAPush(Loopback):
    """Its first push crashes it, before the push has returned."""

    starts: ClassVar[int] = 0

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
        DiesOfAPush.starts += 1
        return await super().start(url, owner, opts)

    def push(self, data: bytes, opcode: int) -> None:
        self.owner.notify_disconnected(TransportDown(ZeroDivisionError("in the transport")))


async def test_what_a_callback_returns_after_its_socket_ended_is_ignored(start: Starter) -> None:
    DiesOfAPush.starts = 0
    client = Recorder(handle_connected=lambda transport: [transport.join(TOPIC), Connect()][1])
    await start(client, "ws://127.0.0.1:1/socket/websocket", transport=DiesOfAPush)
    with pytest.raises(TransportDown, match="in the transport"):
        await asyncio.wait_for(client.socket.wait_closed(), TIMEOUT_S)
    await asyncio.sleep(0)
    assert DiesOfAPush.starts == 1
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"fastphx connect"})
