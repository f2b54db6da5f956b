"""The handles, used from other threads."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fastphx import NoReply, NotJoinedError, StoppedError, reply, start_link
from fastphx.testing import Server, demo_server
from fastphx.transports import WebSocketTransport
from tests.gen_socket_client.recorder import AsyncRecorder, Recorder
from tests.gen_socket_client.starter import Starter

TOPIC = "room:a"
kinds = pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])


async def handle_of(client: Recorder) -> Any:
    """The transport, taken out of a callback."""
    taken: list[Any] = []
    await client.do(lambda transport: taken.append(transport))
    return taken[0]


@kinds
async def test_push_join_leave_and_joined(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.connected(server, kind())
    transport = await handle_of(client)
    assert await asyncio.to_thread(transport.join, TOPIC) == 1
    await client.next("handle_joined")
    assert await asyncio.to_thread(transport.joined, TOPIC) is True
    assert await asyncio.to_thread(transport.push, TOPIC, "echo", {"x": 1}) == 2
    assert await client.next("handle_reply") == (TOPIC, 2, {"status": "ok", "response": {"x": 1}})
    assert await asyncio.to_thread(transport.leave, TOPIC) == 3
    await client.next("handle_reply")
    await client.next("handle_channel_closed")
    with pytest.raises(NotJoinedError):
        await asyncio.to_thread(transport.push, TOPIC, "echo")


@kinds
async def test_many_threads_push_at_once(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    transport = await handle_of(client)

    def push_some() -> list[int]:
        return [transport.push(TOPIC, "echo", n) for n in range(25)]

    refs = await asyncio.gather(*(asyncio.to_thread(push_some) for _ in range(4)))
    assert sorted(ref for some in refs for ref in some) == list(range(2, 102))
    answered = [(await client.next("handle_reply"))[1] for _ in range(100)]
    assert sorted(answered) == list(range(2, 102))


@kinds
async def test_send_info_and_reply(server: Server, start: Starter, kind: type[Recorder]) -> None:
    class Asked(kind):  # type: ignore[misc, valid-type]
        def handle_call(self, message: Any, caller: Any, transport: Any) -> Any:
            threading.Thread(target=reply, args=(caller, message * 2)).start()
            return NoReply()

    client = await start.connected(server, Asked())
    await asyncio.to_thread(client.socket.send_info, "hello")
    assert await client.next("handle_info") == "hello"
    assert await client.socket.call(21) == 42


@kinds
async def test_stop_waits(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.connected(server, kind())
    await asyncio.to_thread(client.socket.stop, "enough")
    assert await client.next("terminate") == "enough"
    assert await client.socket.wait_closed() == "enough"


async def test_send_after_and_its_cancel(server: Server, start: Starter) -> None:
    client = await start.connected(server)
    timer = await asyncio.to_thread(client.socket.send_after, 3600.0, "never")
    await asyncio.to_thread(client.socket.send_after, 0.0, "now")
    assert await client.next("handle_info") == "now"
    assert await asyncio.to_thread(timer.cancel) is True


async def test_call_and_wait_closed_belong_to_the_loop(server: Server, start: Starter) -> None:
    client = await start.connected(server)
    with pytest.raises(RuntimeError, match="event loop"):
        await asyncio.to_thread(asyncio.run, client.socket.call(lambda _transport: 1))


def test_a_busy_loop_is_a_timeout_and_a_closed_one_has_stopped() -> None:
    client = Recorder()
    loop = asyncio.new_event_loop()
    started = threading.Event()
    busy = threading.Event()

    async def run(url: str) -> None:
        await start_link(client, WebSocketTransport, url, timeout=0.05)
        await client.next("handle_connected")
        started.set()
        # The loop does nothing else until the other thread has given up.
        assert busy.wait(5)
        await client.do(lambda _transport: None)
        await client.socket.stop()

    with demo_server() as server:
        thread = threading.Thread(target=lambda: loop.run_until_complete(run(server.websocket_url)))
        thread.start()
        assert started.wait(5)
        with pytest.raises(TimeoutError, match="busy"):
            client.socket.send_info("never")
        busy.set()
        thread.join(5)
    assert [client.events.get_nowait()[0] for _ in range(client.events.qsize())] == ["terminate"]
    loop.close()
    with pytest.raises(StoppedError, match="closed"):
        client.socket.send_info("late")
