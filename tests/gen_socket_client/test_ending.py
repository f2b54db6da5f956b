"""Starting, stopping, crashing, and what is told to whom."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from fastphx import (
    BadReturnError,
    Connect,
    GenSocketClient,
    Ignore,
    NoConnect,
    NoReply,
    Ok,
    Reply,
    StartError,
    Stop,
    StoppedError,
    start_link,
    whereis,
)
from fastphx.testing import Server
from fastphx.transports import WebSocketTransport
from tests.gen_socket_client.recorder import AsyncRecorder, Recorder
from tests.gen_socket_client.starter import Starter

TOPIC = "room:a"
TIMEOUT_S = 30.0
kinds = pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])


async def ended(client: Recorder) -> Any:
    """The reason that the socket ended with; raises what crashed it."""
    return await asyncio.wait_for(client.socket.wait_closed(), TIMEOUT_S)


# -- starting


async def test_ignore_gives_none() -> None:
    assert await start_link(Recorder, WebSocketTransport, Ignore(), name="ignored") is None
    assert whereis("ignored") is None


async def test_stop_in_init_is_a_start_error() -> None:
    with pytest.raises(StartError, match="no licence") as caught:
        await start_link(Recorder, WebSocketTransport, Stop("no licence"), name="stopped")
    assert caught.value.reason == "no licence"
    assert whereis("stopped") is None


async def test_an_exception_in_init_is_a_start_error_from_it() -> None:
    with pytest.raises(StartError) as caught:
        await start_link(Recorder, WebSocketTransport, ZeroDivisionError("x"), name="raised")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert whereis("raised") is None


@pytest.mark.parametrize("response", [None, Ok(), 7, Connect()])
async def test_init_must_say_what_to_do(response: Any) -> None:
    with pytest.raises(StartError, match="init returned") as caught:
        await start_link(Recorder, WebSocketTransport, response)
    assert isinstance(caught.value.__cause__, BadReturnError)


async def test_init_must_be_overridden() -> None:
    with pytest.raises(StartError, match="no init"):
        await start_link(GenSocketClient)


class AsyncInit(Recorder):
    async def init(self, arg: Any) -> Any:
        self.socket.send_info("early")
        for _ in range(5):
            await asyncio.sleep(0 if arg is not None else 3600)
        assert self.events.empty()
        return arg


class AllAsyncInit(AsyncRecorder):
    init = AsyncInit.init


@pytest.mark.parametrize("init_kind", [AsyncInit, AllAsyncInit])
async def test_init_may_be_async_and_what_is_sent_meanwhile_waits(
    start: Starter, init_kind: type[Recorder]
) -> None:
    client = init_kind()
    await start(client, NoConnect("ws://127.0.0.1:1/socket/websocket"))
    assert await client.next("handle_info") == "early"


async def test_an_async_init_is_bounded_and_nothing_runs_after_it_failed() -> None:
    client = AsyncInit()
    with pytest.raises(StartError, match=r"init took more than 0\.01 s"):
        await start_link(client, WebSocketTransport, None, timeout=0.01)
    await asyncio.sleep(0)
    assert client.events.empty()
    assert not client.socket.running


async def test_a_name_is_known_while_its_socket_runs(server: Server, start: Starter) -> None:
    client = await start.connected(server, name="chat")
    assert whereis("chat") is client.socket
    with pytest.raises(StartError, match="'chat' is taken"):
        await start_link(Recorder, WebSocketTransport, Ignore(), name="chat")
    assert whereis("chat") is client.socket
    await client.socket.stop()
    assert whereis("chat") is None
    await start.connected(server, name="chat")


# -- stopping


@kinds
async def test_stop_runs_terminate_and_closes_the_connection(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = await start.joined(server, client=kind())
    client.socket.send_info("before")
    await client.socket.stop("enough")
    assert await client.next("handle_info") == "before"
    assert await client.next("terminate") == "enough"
    assert client.events.empty()
    assert await ended(client) == "enough"
    assert (client.socket.connected, client.socket.running) == (False, False)
    await server.wait_until(lambda stats: stats["connections_open"] == 0)
    await client.socket.stop("again")
    assert await ended(client) == "enough"


@kinds
@pytest.mark.parametrize("name", ["handle_connected", "handle_joined", "handle_message", "handle_reply"])
async def test_a_callback_may_stop_the_socket(
    server: Server, start: Starter, kind: type[Recorder], name: str
) -> None:
    client = kind(**{name: Stop("done")})
    await start(client, server.websocket_url)
    if name != "handle_connected":
        await client.next("handle_connected")
        await client.socket.call(lambda transport: transport.join(TOPIC))
    if name in ("handle_message", "handle_reply"):
        await client.next("handle_joined")
        event = "echo" if name == "handle_reply" else "push"
        await client.socket.call(lambda transport: transport.push(TOPIC, event))
    assert await ended(client) == "done"
    await client.next(name)
    assert await client.next("terminate") == "done"
    await server.wait_until(lambda stats: stats["connections_open"] == 0)


async def test_stopping_while_connecting(start: Starter) -> None:
    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()
        writer.close()

    reached = asyncio.Event()
    listener = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    client = Recorder()
    port = listener.sockets[0].getsockname()[1]
    socket = await start(client, f"ws://127.0.0.1:{port}/socket/websocket")
    await asyncio.wait_for(reached.wait(), TIMEOUT_S)
    await socket.stop()
    assert await client.next("terminate") == "normal"
    assert client.events.empty()
    listener.close()
    await listener.wait_closed()


async def test_the_socket_never_stops_on_its_own(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    await client.push(TOPIC, "crash")
    await client.next("handle_channel_closed")
    server.cut()
    await client.next("handle_disconnected")
    assert client.socket.running
    assert await client.do(lambda _transport: 1) == 1


async def test_what_is_sent_to_an_ended_socket_is_dropped(server: Server, start: Starter) -> None:
    client = await start.connected(server)
    await client.socket.stop()
    await client.next("terminate")
    client.socket.send_info("late")
    client.socket.send_after(0.0, "late")
    with pytest.raises(StoppedError):
        await client.socket.call(lambda _transport: 1)
    await asyncio.sleep(0)
    assert client.events.empty()


# -- crashing


def fail(*_args: Any) -> None:
    raise ZeroDivisionError("in a callback")


@kinds
@pytest.mark.parametrize(
    "name",
    [
        "handle_connected",
        "handle_disconnected",
        "handle_joined",
        "handle_join_error",
        "handle_channel_closed",
        "handle_message",
        "handle_reply",
        "handle_info",
        "handle_decode_error",
    ],
)
async def test_a_callback_that_raises_crashes_the_socket_once(
    server: Server, start: Starter, kind: type[Recorder], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = kind(**{name: fail})
    await start(client, server.websocket_url, name="crashing")
    crash = asyncio.create_task(ended(client))
    if name != "handle_connected":
        await client.next("handle_connected")
        topic = "room:denied" if name == "handle_join_error" else TOPIC
        await client.socket.call(lambda transport: transport.join(topic))
    if name not in ("handle_connected", "handle_joined", "handle_join_error"):
        await client.next("handle_joined")
        event = {"handle_channel_closed": "stop", "handle_reply": "echo"}.get(name, "push")
        if name == "handle_decode_error":
            server.faults.truncate_frames = 1
        if name == "handle_info":
            client.socket.send_info(1)
        elif name == "handle_disconnected":
            server.cut()
        else:
            await client.socket.call(lambda transport: transport.push(TOPIC, event))
    with pytest.raises(ZeroDivisionError, match="in a callback"):
        await crash
    await client.next(name)
    assert isinstance(await client.next("terminate"), ZeroDivisionError)
    assert client.events.empty()
    assert whereis("crashing") is None
    await server.wait_until(lambda stats: stats["connections_open"] == 0)
    assert "crashed" not in caplog.text


@kinds
async def test_a_crash_in_handle_call_fails_every_call(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = await start.connected(server, kind())
    crash = asyncio.create_task(ended(client))
    waiting = asyncio.create_task(client.socket.call(lambda _transport: NoReply()))
    with pytest.raises(StoppedError) as caught:
        await client.socket.call(fail)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(StoppedError):
        await waiting
    with pytest.raises(ZeroDivisionError):
        await crash


async def test_a_crash_that_nobody_awaits_is_logged_with_its_traceback(
    server: Server, start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    client = Recorder(handle_connected=fail)
    await start(client, server.websocket_url)
    await client.next("handle_connected")
    await client.next("terminate")
    await client.socket.stop()
    records = [record for record in caplog.records if "crashed" in record.message]
    assert len(records) == 1
    assert records[0].levelno == logging.ERROR
    assert records[0].exc_info is not None
    assert records[0].exc_info[0] is ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        await ended(client)


async def test_a_task_group_is_a_link(server: Server, start: Starter) -> None:
    client = await start.connected(server, Recorder(handle_info=fail))
    others: list[asyncio.Task[Any]] = []

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.socket.wait_closed())
            others.append(group.create_task(asyncio.Event().wait()))
            client.socket.send_info(1)

    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(work(), TIMEOUT_S)
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)
    assert others[0].cancelled()


@kinds
@pytest.mark.parametrize("response", [1, "stop", Reply(1), NoReply(), NoConnect("ws://h/"), Ignore(), ()])
async def test_a_bad_return_crashes_the_socket(
    server: Server, start: Starter, kind: type[Recorder], response: Any
) -> None:
    client = await start.connected(server, kind(handle_info=response))
    client.socket.send_info(1)
    with pytest.raises(BadReturnError, match="handle_info returned"):
        await ended(client)


@kinds
@pytest.mark.parametrize("response", [None, 1, Ok(), Connect()])
async def test_a_bad_return_of_handle_call(
    server: Server, start: Starter, kind: type[Recorder], response: Any
) -> None:
    class Wrong(kind):  # type: ignore[misc, valid-type]
        def handle_call(self, *_args: Any) -> Any:
            return response

    client = await start.connected(server, Wrong())
    crash = asyncio.create_task(ended(client))
    with pytest.raises(StoppedError):
        await client.socket.call(1)
    with pytest.raises(BadReturnError, match="handle_call returned"):
        await crash


async def test_a_plain_callback_that_returns_a_coroutine_is_told_what_to_write(
    server: Server, start: Starter
) -> None:
    async def late() -> None: ...

    client = await start.connected(server, Recorder(handle_info=lambda *_args: late()))
    client.socket.send_info(1)
    with pytest.raises(BadReturnError, match="async def handle_info"):
        await ended(client)


@kinds
async def test_connect_while_connected_is_a_crash_with_a_clear_error(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = await start.connected(server, kind(handle_info=Connect()))
    client.socket.send_info(1)
    with pytest.raises(BadReturnError, match="already connected"):
        await ended(client)


async def test_connect_while_connecting_is_a_crash_with_a_clear_error(server: Server, start: Starter) -> None:
    client = Recorder(handle_info=Connect())
    socket = await start(client, NoConnect(server.websocket_url))
    socket.send_info(1)
    socket.send_info(2)
    with pytest.raises(BadReturnError, match="already connecting"):
        await ended(client)


@pytest.mark.parametrize("after", [-1.0, float("nan"), float("inf"), "1"])
async def test_connect_after_no_time(server: Server, start: Starter, after: Any) -> None:
    client = Recorder(handle_info=Connect(after=after))
    socket = await start(client, NoConnect(server.websocket_url))
    socket.send_info(1)
    with pytest.raises(BadReturnError, match="after="):
        await ended(client)


@kinds
@pytest.mark.parametrize("error", [StopIteration, asyncio.CancelledError])
async def test_what_a_future_cannot_hold_is_a_crash_too(
    server: Server, start: Starter, kind: type[Recorder], error: type[BaseException]
) -> None:
    def refuse(*_args: Any) -> None:
        raise error

    client = await start.joined(server, client=kind(handle_message=refuse))
    server.broadcast(TOPIC, "event")
    with pytest.raises(RuntimeError, match=f"raised {error.__name__}"):
        await ended(client)


@kinds
async def test_terminate_that_fails_is_logged_and_does_not_hide_the_reason(
    server: Server, start: Starter, kind: type[Recorder], caplog: pytest.LogCaptureFixture
) -> None:
    client = await start.connected(server, kind(terminate=fail))
    await client.socket.stop("enough")
    assert await ended(client) == "enough"
    assert "terminate failed: in a callback" in caplog.text


class HangingTerminate(Recorder):
    async def terminate(self, reason: Any) -> None:
        await asyncio.Event().wait()


async def test_terminate_is_bounded(server: Server, start: Starter, caplog: pytest.LogCaptureFixture) -> None:
    client = await start.connected(server, HangingTerminate(), timeout=0.05)
    await client.socket.stop("enough")
    assert await ended(client) == "enough"
    assert "terminate took more than 0.05 s" in caplog.text


async def test_the_default_callbacks_go_on(
    server: Server, start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    class Plain(GenSocketClient):
        def init(self, arg: Any) -> Any:
            return Connect(arg)

        def handle_connected(self, transport: Any) -> None:
            transport.join(TOPIC)

    socket = await start(Plain, server.websocket_url)
    await server.wait_until(lambda stats: stats["joins"] == 1)
    server.broadcast(TOPIC, "some_event", 1)
    server.faults.truncate_frames = 1
    server.broadcast(TOPIC, "cut_short", 1)
    socket.send_info(1)
    server.crash_channels()
    await server.wait_until(lambda stats: stats["crashes"] == 1)
    server.disconnect()
    await server.wait_until(lambda stats: stats["connections_open"] == 0)
    crash = asyncio.create_task(socket.wait_closed())
    with pytest.raises(StoppedError):
        await socket.call(1)
    with pytest.raises(Exception, match="no handle_call"):
        await crash
    assert socket.stats["messages"] == 1
    assert "could not be decoded" in caplog.text


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit])
async def test_terminate_that_fails_worse_still_closes_the_socket(
    server: Server, start: Starter, error: type[BaseException]
) -> None:
    def refuse(*_args: Any) -> None:
        raise error

    client = await start.connected(server, Recorder(terminate=refuse), name="failing")
    stopped = client.socket.stop("enough")
    await client.next("terminate")
    assert await ended(client) == "enough"
    await asyncio.wait_for(stopped, TIMEOUT_S)
    assert whereis("failing") is None
    await server.wait_until(lambda stats: stats["connections_open"] == 0)


@pytest.mark.parametrize("timeout", [0, -1.0, None, float("nan"), float("inf"), "5"])
async def test_a_timeout_that_cannot_be_one(timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout is"):
        await start_link(Recorder, WebSocketTransport, Ignore(), timeout=timeout)


async def test_what_is_no_behaviour_and_no_transport() -> None:
    with pytest.raises(TypeError, match="GenSocketClient"):
        await start_link(object, arg=Ignore())  # type: ignore[arg-type]
    for transport in (object, None):
        with pytest.raises(TypeError, match="transport"):
            await start_link(Recorder, transport, Ignore())  # type: ignore[arg-type]
