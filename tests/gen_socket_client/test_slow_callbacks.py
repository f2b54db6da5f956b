"""Callbacks that take their time: order, heartbeats, back-pressure, and what ends them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fastphx import Connect, JsonV1, OverloadedError, Stop, TransportDown
from fastphx.testing import Server
from tests.gen_socket_client.recorder import AsyncRecorder, Recorder
from tests.gen_socket_client.starter import Starter

TOPIC = "room:a"
TIMEOUT_S = 30.0


@pytest.fixture
def executor() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        yield executor


class Gated(AsyncRecorder):
    """Its ``handle_message`` waits until the gate is open."""

    def __init__(self, **responses: Any) -> None:
        super().__init__(**responses)
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.running = 0

    async def handle_message(self, topic: str, event: str, payload: Any, transport: Any) -> Any:
        self.running += 1
        assert self.running == 1
        self.entered.set()
        await self.gate.wait()
        self.running -= 1
        return self.record("handle_message", topic, event, payload, transport)


class Blocking(Recorder):
    """Its ``handle_message`` blocks its thread until the gate is open."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **responses: Any) -> None:
        super().__init__(**responses)
        self.loop = loop
        self.gate = threading.Event()
        self.entered = asyncio.Event()
        self.threads: set[int] = set()

    def record(self, name: str, *args: Any) -> Any:
        self.threads.add(threading.get_ident())
        answers: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.loop.call_soon_threadsafe(lambda: answers.set_result(super(Blocking, self).record(name, *args)))
        return answers.result(TIMEOUT_S)

    def handle_message(self, topic: str, event: str, payload: Any, transport: Any) -> Any:
        self.loop.call_soon_threadsafe(self.entered.set)
        assert self.gate.wait(TIMEOUT_S)
        return self.record("handle_message", topic, event, payload, transport)


async def beats_go_on(client: Recorder, server: Server) -> None:
    """Return when three more heartbeats were sent and answered."""
    before = client.socket.stats["heartbeats_answered"]
    await server.wait_until(lambda _: client.socket.stats["heartbeats_answered"] >= before + 3)


FAST_BEATS = {"heartbeat_interval": 0.02}
UNHURRIED_BEATS = {"heartbeat_interval": 0.1}
"""Where an answer may wait behind a flood."""


async def test_a_slow_async_callback_does_not_cost_the_connection_and_order_is_kept(
    server: Server, start: Starter
) -> None:
    client = Gated()
    await start.joined(server, client=client, transport_opts=FAST_BEATS)
    for n in range(50):
        server.broadcast(TOPIC, "n", n)
    await asyncio.wait_for(client.entered.wait(), TIMEOUT_S)
    await beats_go_on(client, server)
    client.socket.send_info("last")
    assert client.events.empty()
    client.gate.set()
    for n in range(50):
        assert await client.next("handle_message") == (TOPIC, "n", n)
    assert await client.next("handle_info") == "last"
    assert client.socket.connected


async def test_a_slow_blocking_callback_in_an_executor_does_not_either(
    server: Server, start: Starter, executor: concurrent.futures.ThreadPoolExecutor
) -> None:
    client = Blocking(asyncio.get_running_loop())
    await start.joined(server, client=client, callback_executor=executor, transport_opts=FAST_BEATS)
    for n in range(50):
        server.broadcast(TOPIC, "n", n)
    await asyncio.wait_for(client.entered.wait(), TIMEOUT_S)
    await beats_go_on(client, server)
    assert client.events.empty()
    client.gate.set()
    for n in range(50):
        assert await client.next("handle_message") == (TOPIC, "n", n)
    assert threading.get_ident() not in client.threads
    assert client.socket.connected


async def test_callbacks_in_an_executor_use_the_handles(
    server: Server, start: Starter, executor: concurrent.futures.ThreadPoolExecutor
) -> None:
    def handle_connected(transport: Any) -> None:
        transport.join(TOPIC)
        client.socket.send_info("from a thread")
        client.socket.send_after(3600.0, "never").cancel()

    client = Recorder(
        handle_connected=handle_connected,
        handle_joined=lambda topic, _payload, transport: transport.push(topic, "echo", 1) and None,
        handle_reply=lambda *_args: client.socket.stop("from a thread") and None,
    )
    await start(client, server.websocket_url, callback_executor=executor)
    assert await asyncio.wait_for(client.socket.wait_closed(), TIMEOUT_S) == "from a thread"
    assert client.events.qsize() == 5


async def test_init_runs_in_the_executor_too(
    start: Starter, executor: concurrent.futures.ThreadPoolExecutor
) -> None:
    class Init(Recorder):
        def init(self, arg: Any) -> Any:
            self.thread_id = threading.get_ident()
            return Connect("ws://127.0.0.1:1/socket/websocket")

    client = Init()
    await start(client, callback_executor=executor)
    assert client.thread_id != threading.get_ident()


async def flood(server: Server, topic: str, count: int, size: int) -> None:
    for n in range(count):
        server.broadcast(topic, "n", [n, "x" * size])
        if n % 50 == 0:
            await asyncio.sleep(0)


async def test_a_full_mailbox_pauses_reading_and_nothing_is_lost(server: Server, start: Starter) -> None:
    client = Gated()
    await start.joined(server, client=client, mailbox_limit=10, transport_opts=UNHURRIED_BEATS)
    count = 2000
    await flood(server, TOPIC, count, 2000)
    await asyncio.wait_for(client.entered.wait(), TIMEOUT_S)
    # 4 MB were sent: not more than the limit and what one read brought may wait here.
    await server.wait_until(lambda _: client.socket.stats["waiting"] >= 9)
    sent = client.socket.stats["heartbeats_sent"]
    await server.wait_until(lambda _: client.socket.stats["heartbeats_sent"] >= sent + 3)
    assert client.socket.stats["waiting"] < 10 + 2 * 256 * 1024 // 2000
    assert client.socket.stats["messages"] < count
    client.gate.set()
    for n in range(count):
        assert (await client.next("handle_message"))[2][0] == n
    assert client.socket.stats["waiting"] == 0
    await beats_go_on(client, server)


async def test_reading_that_is_paused_for_too_long_ends_in_overload(server: Server, start: Starter) -> None:
    client = Gated()
    await start.joined(
        server, client=client, mailbox_limit=10, transport_opts={"max_pause": 0.05}, timeout=0.2
    )
    crash = asyncio.create_task(client.socket.wait_closed())
    await flood(server, TOPIC, 20, 10)
    with pytest.raises(TransportDown) as caught:
        await asyncio.wait_for(crash, TIMEOUT_S)
    assert isinstance(caught.value.exc, OverloadedError)
    assert "max_pause" in str(caught.value.exc)


async def test_with_trap_exit_it_is_a_disconnect(server: Server, start: Starter) -> None:
    client = Gated()
    opts = {"max_pause": 0.05}
    await start.joined(server, client=client, mailbox_limit=10, transport_opts=opts, trap_exit=True)
    await flood(server, TOPIC, 20, 10)
    await server.wait_until(lambda stats: stats["connections_open"] == 0)
    client.gate.set()
    # What was read before is handled first.
    for n in range(client.socket.stats["messages"]):
        assert (await client.next("handle_message"))[2][0] == n
    reason = await client.next("handle_disconnected")
    assert isinstance(reason.exc, OverloadedError)


async def test_stop_waits_for_what_is_queued_before(server: Server, start: Starter) -> None:
    client = Gated()
    await start.joined(server, client=client)
    await flood(server, TOPIC, 5, 1)
    await server.wait_until(lambda _: client.socket.stats["messages"] == 5)
    stopped = client.socket.stop("enough")
    client.gate.set()
    await asyncio.wait_for(stopped, TIMEOUT_S)
    for n in range(5):
        assert (await client.next("handle_message"))[2][0] == n
    assert await client.next("terminate") == "enough"


async def test_a_callback_that_hangs_does_not_keep_a_socket_from_being_stopped(
    server: Server, start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    client = Gated()
    await start.joined(server, client=client, timeout=0.05)
    server.broadcast(TOPIC, "n", 1)
    await asyncio.wait_for(client.entered.wait(), TIMEOUT_S)
    await asyncio.wait_for(client.socket.stop("enough"), TIMEOUT_S)
    assert await client.next("terminate") == "enough"
    assert client.events.empty()
    assert await client.socket.wait_closed() == "enough"
    # It was cancelled at once, and nothing had to be waited for.
    assert "still runs" not in caplog.text


async def test_a_thread_that_hangs_does_not_either(
    server: Server,
    start: Starter,
    executor: concurrent.futures.ThreadPoolExecutor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = Blocking(asyncio.get_running_loop())
    await start.joined(server, client=client, callback_executor=executor, timeout=0.2)
    server.broadcast(TOPIC, "n", 1)
    await asyncio.wait_for(client.entered.wait(), TIMEOUT_S)
    await asyncio.wait_for(client.socket.stop("enough"), TIMEOUT_S)
    client.gate.set()
    assert await client.next("terminate") == "enough"
    assert "still runs" in caplog.text
    # The thread comes to its end all the same.
    await client.next("handle_message")


async def test_a_disconnect_waits_its_turn(server: Server, start: Starter) -> None:
    client = Gated()
    await start.joined(server, client=client)
    server.broadcast(TOPIC, "n", 1)
    await asyncio.wait_for(client.entered.wait(), TIMEOUT_S)
    server.cut()
    await server.wait_until(lambda _: not client.socket.connected)
    assert client.events.empty()
    client.gate.set()
    await client.next("handle_message")
    await client.next("handle_disconnected")


async def test_one_slow_callback_is_enough_to_keep_the_order_of_all(server: Server, start: Starter) -> None:
    class OneSlow(Recorder):
        async def handle_joined(self, topic: str, payload: Any, transport: Any) -> Any:
            transport.push(topic, "push", 1)
            await gate.wait()
            return self.record("handle_joined", topic, payload, transport)

    gate = asyncio.Event()
    client = await start.connected(server, OneSlow())
    await client.do(lambda transport: transport.join(TOPIC))
    await server.wait_until(lambda stats: stats["server_pushes"] == 1)
    await server.wait_until(lambda _: client.socket.stats["messages"] == 1)
    assert client.events.empty()
    gate.set()
    await client.next("handle_joined")
    assert await client.next("handle_message") == (TOPIC, "pushed", 1)


async def test_stop_from_a_slow_callback(server: Server, start: Starter) -> None:
    client = AsyncRecorder(handle_message=Stop("done"))
    await start.joined(server, client=client)
    server.broadcast(TOPIC, "n", 1)
    server.broadcast(TOPIC, "n", 2)
    assert await asyncio.wait_for(client.socket.wait_closed(), TIMEOUT_S) == "done"
    await client.next("handle_message")
    await client.next("terminate")
    assert client.events.empty()


async def test_no_task_is_left_when_nothing_happens(server: Server, start: Starter) -> None:
    for kind in (Recorder, AsyncRecorder):
        await start.joined(server, client=kind())
    await asyncio.sleep(0)
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not any(name.startswith("fastphx") for name in names), names


async def test_plain_callbacks_beside_slow_ones_leave_others_their_turn(
    server: Server, start: Starter
) -> None:
    class OneSlow(Recorder):
        async def handle_reply(self, *args: Any) -> None: ...

    client = OneSlow()
    client.responses["handle_info"] = lambda n, _transport: client.socket.send_info(n + 1)
    await start.connected(server, client)
    client.socket.send_info(0)
    for n in range(200):
        assert await client.next("handle_info") == n


async def test_stop_iteration_in_an_executor_is_a_crash(
    server: Server, start: Starter, executor: concurrent.futures.ThreadPoolExecutor
) -> None:
    client = Recorder(handle_connected=lambda _transport: next(iter(())))
    await start(client, server.websocket_url, callback_executor=executor)
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        await asyncio.wait_for(client.socket.wait_closed(), TIMEOUT_S)


async def test_a_callback_that_calls_its_own_socket_is_told_at_once(server: Server, start: Starter) -> None:
    class Asking(AsyncRecorder):
        async def handle_info(self, message: Any, transport: Any) -> None:
            await self.socket.call(lambda _transport: message, timeout=None)

    client = await start.connected(server, Asking())
    crash = asyncio.create_task(client.socket.wait_closed())
    client.socket.send_info(1)
    with pytest.raises(RuntimeError, match="called its own socket"):
        await asyncio.wait_for(crash, TIMEOUT_S)


async def test_a_callback_that_awaits_its_own_stop_is_not_held_up(server: Server, start: Starter) -> None:
    class Stopping(AsyncRecorder):
        async def handle_info(self, message: Any, transport: Any) -> None:
            await self.socket.stop(message)
            self.record("handle_info", message, transport)

    client = await start.connected(server, Stopping(), timeout=3600)
    client.socket.send_info("enough")
    assert await asyncio.wait_for(client.socket.wait_closed(), TIMEOUT_S) == "enough"
    await client.next("handle_info")
    await client.next("terminate")


@pytest.mark.parametrize("serializer", [None, JsonV1()], ids=["compiled", "another"])
async def test_the_mailbox_counts_bytes_too(server: Server, start: Starter, serializer: Any) -> None:
    client = Gated()
    options: dict[str, Any] = {"mailbox_limit_bytes": 100_000, "serializer": serializer}
    await start.joined(server, client=client, **options)
    sent = 400
    await client.push(TOPIC, "echo", {})
    await client.next("handle_reply")
    for number in range(sent):
        server.broadcast(TOPIC, "new", {"n": number, "body": "x" * 20_000})
    await client.entered.wait()
    await server.wait_until(lambda _: client.socket.stats["waiting"] >= 4)
    client.gate.set()
    for number in range(sent):
        _, _, payload = await client.next("handle_message")
        assert payload["n"] == number
    assert client.socket.stats["mailbox_peak"] <= 5


async def test_a_bound_of_no_bytes_is_refused(server: Server, start: Starter) -> None:
    for bound in (0, 1 << 70, 1.5):
        with pytest.raises(ValueError, match="mailbox_limit_bytes is "):
            await start(Gated(), server.websocket_url, mailbox_limit_bytes=bound)
    with pytest.raises(TypeError, match="serializer is 5"):
        await start(Gated(), server.websocket_url, serializer=5)
