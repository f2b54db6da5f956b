"""``call``, its answers and its timeouts; messages that come later; TIMEOUT."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastphx import (
    TIMEOUT,
    BadReturnError,
    CallTimeoutError,
    NoReply,
    Ok,
    OverloadedError,
    Reply,
    Stop,
    StoppedError,
    reply,
)
from fastphx.testing import Server
from fastphx.timing.wheel import wheel_for
from tests.gen_socket_client.recorder import AsyncRecorder, Recorder
from tests.gen_socket_client.starter import Starter

kinds = pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])


class Answering:
    """Answers a call with what it was asked to, and keeps who asked."""

    def __init__(self, **responses: Any) -> None:
        super().__init__(**responses)
        self.callers: asyncio.Queue[Any] = asyncio.Queue()

    def handle_call(self, message: Any, caller: Any, transport: Any) -> Any:
        self.callers.put_nowait(caller)
        return message


class Plain(Answering, Recorder):
    pass


class Slow(Answering, AsyncRecorder):
    pass


both = pytest.mark.parametrize("kind", [Plain, Slow])


@both
async def test_a_call_is_answered(server: Server, start: Starter, kind: type[Plain]) -> None:
    client = await start.connected(server, kind())
    assert await client.socket.call(Reply({"x": 1})) == {"x": 1}
    assert await client.socket.call(Reply(None)) is None
    assert await asyncio.gather(*(client.socket.call(Reply(n)) for n in range(50))) == list(range(50))


@both
async def test_a_call_that_is_not_answered_times_out_and_a_late_reply_is_dropped(
    server: Server, start: Starter, kind: type[Plain]
) -> None:
    client = await start.connected(server, kind())
    with pytest.raises(CallTimeoutError, match=r"0\.01 s"):
        await client.socket.call(NoReply(), timeout=0.01)
    caller = await client.callers.get()
    reply(caller, "late")
    assert client.socket.stats["late_replies"] == 1
    assert await client.socket.call(Reply(1)) == 1


@both
async def test_a_call_is_answered_later_through_reply(
    server: Server, start: Starter, kind: type[Plain]
) -> None:
    client = await start.connected(server, kind())
    call = asyncio.create_task(client.socket.call(NoReply()))
    caller = await client.callers.get()
    assert await client.socket.call(Reply("meanwhile")) == "meanwhile"
    reply(caller, {"late": True})
    assert await call == {"late": True}
    reply(caller, "twice")
    assert client.socket.stats["late_replies"] == 1


async def test_a_call_is_answered_when_the_server_replies(server: Server, start: Starter) -> None:
    def answer(_topic: str, ref: int, payload: Any, _transport: Any) -> None:
        reply(callers.pop(ref), payload)

    class Asking(Recorder):
        def handle_call(self, message: Any, caller: Any, transport: Any) -> Any:
            callers[transport.push("room:a", "echo", message)] = caller
            return NoReply()

    callers: dict[int, Any] = {}
    client = await start.connected(server, Asking(handle_reply=answer))
    client.responses["handle_info"] = lambda _message, transport: transport.join("room:a") and None
    client.socket.send_info("join")
    await client.next("handle_info")
    await client.next("handle_joined")
    answers = await asyncio.gather(*(client.socket.call(n) for n in range(20)))
    assert answers == [{"status": "ok", "response": n} for n in range(20)]


@both
async def test_a_call_that_stops_the_socket(server: Server, start: Starter, kind: type[Plain]) -> None:
    client = await start.connected(server, kind())
    assert await client.socket.call(Stop("done", reply="bye")) == "bye"
    assert await client.next("terminate") == "done"
    assert await client.socket.wait_closed() == "done"


@both
async def test_a_call_that_stops_the_socket_with_none(
    server: Server, start: Starter, kind: type[Plain]
) -> None:
    client = await start.connected(server, kind())
    assert await client.socket.call(Stop("done", reply=None)) is None


@both
async def test_a_call_that_stops_the_socket_without_an_answer(
    server: Server, start: Starter, kind: type[Plain]
) -> None:
    client = await start.connected(server, kind())
    with pytest.raises(StoppedError, match="done"):
        await client.socket.call(Stop("done"))
    assert await client.socket.wait_closed() == "done"


async def test_a_call_that_is_answered_leaves_no_timer(server: Server, start: Starter) -> None:
    client = await start.connected(server, Plain())
    waiting = len(wheel_for(asyncio.get_running_loop()))
    call = asyncio.create_task(client.socket.call(NoReply(), timeout=3600.0))
    caller = await client.callers.get()
    assert len(wheel_for(asyncio.get_running_loop())) == waiting + 1
    reply(caller, 1)
    assert await call == 1
    assert len(wheel_for(asyncio.get_running_loop())) == waiting


async def test_a_call_may_wait_for_ever(server: Server, start: Starter) -> None:
    client = await start.connected(server, Plain())
    waiting = len(wheel_for(asyncio.get_running_loop()))
    call = asyncio.create_task(client.socket.call(NoReply(), timeout=None))
    caller = await client.callers.get()
    assert len(wheel_for(asyncio.get_running_loop())) == waiting
    reply(caller, 1)
    assert await call == 1


async def test_a_call_that_is_cancelled_leaves_nothing(server: Server, start: Starter) -> None:
    client = await start.connected(server, Plain())
    call = asyncio.create_task(client.socket.call(NoReply()))
    caller = await client.callers.get()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    reply(caller, 1)
    assert client.socket.stats["late_replies"] == 1


# -- messages


@kinds
async def test_send_info_keeps_its_order_and_runs_later(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = await start.connected(server, kind())
    for n in range(100):
        client.socket.send_info(n)
    assert client.events.empty()
    for n in range(100):
        assert await client.next("handle_info") == n


async def test_a_callback_may_send_to_itself_for_ever_and_others_have_their_turn(
    server: Server, start: Starter
) -> None:
    for kind in (Recorder, AsyncRecorder):
        client = kind()
        client.responses["handle_info"] = lambda n, _transport, client=client: client.socket.send_info(n + 1)
        await start.connected(server, client)
        client.socket.send_info(0)
        for n in range(200):
            assert await client.next("handle_info") == n
        await client.socket.stop()


@kinds
async def test_too_many_messages_are_refused(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.connected(server, kind(), mailbox_limit=10)
    for n in range(10):
        client.socket.send_info(n)
    with pytest.raises(OverloadedError, match="mailbox_limit"):
        client.socket.send_info(10)
    with pytest.raises(OverloadedError, match="mailbox_limit"):
        await client.socket.call(lambda _transport: 1)
    for n in range(10):
        assert await client.next("handle_info") == n
    assert await client.do(lambda _transport: 1) == 1


@kinds
async def test_send_after(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.connected(server, kind())
    client.socket.send_after(0.02, "second")
    client.socket.send_after(0.001, "first")
    never = client.socket.send_after(0.01, "never")
    assert never.cancel() is True
    assert never.cancel() is False
    assert await client.next("handle_info") == "first"
    assert await client.next("handle_info") == "second"


async def test_send_after_ends_with_the_socket(server: Server, start: Starter) -> None:
    client = await start.connected(server)
    timer = client.socket.send_after(0.01, "never")
    await client.socket.stop()
    await client.next("terminate")
    assert not timer.timer.scheduled
    await asyncio.sleep(0.02)
    assert client.events.empty()


@pytest.mark.parametrize("delay_s", [-1, float("nan"), "soon"])
async def test_send_after_no_time(server: Server, start: Starter, delay_s: Any) -> None:
    client = await start.connected(server)
    with pytest.raises((ValueError, TypeError)):
        client.socket.send_after(delay_s, "never")


# -- TIMEOUT


@kinds
async def test_ok_with_a_timeout(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = kind(handle_connected=Ok(timeout=0.01))
    await start.connected(server, client)
    assert await client.next("handle_info") is TIMEOUT
    assert client.events.empty()


@both
@pytest.mark.parametrize("response", [Reply(1, timeout=0.01), NoReply(timeout=0.01)])
async def test_an_answer_with_a_timeout(
    server: Server, start: Starter, kind: type[Plain], response: Any
) -> None:
    client = await start.connected(server, kind())
    call = asyncio.create_task(client.socket.call(response))
    assert await client.next("handle_info") is TIMEOUT
    reply(await client.callers.get(), 1)
    assert await call == 1


@kinds
async def test_another_event_comes_first(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = kind(handle_info=lambda message, _transport: Ok(timeout=0.05) if message == "arm" else None)
    await start.connected(server, client)
    client.socket.send_info("arm")
    assert await client.next("handle_info") == "arm"
    client.socket.send_info("disarm")
    assert await client.next("handle_info") == "disarm"
    await asyncio.sleep(0.1)
    assert client.events.empty()


@kinds
async def test_timeout_zero_comes_when_nothing_waits(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = kind(handle_info=lambda message, _transport: Ok(timeout=0.0) if message == "arm" else None)
    await start.connected(server, client)
    client.socket.send_info("arm")
    assert await client.next("handle_info") == "arm"
    assert await client.next("handle_info") is TIMEOUT


@kinds
@pytest.mark.parametrize("timeout", [-1, float("inf"), "soon"])
async def test_a_timeout_that_is_none(
    server: Server, start: Starter, kind: type[Recorder], timeout: Any
) -> None:
    client = await start.connected(server, kind(handle_info=Ok(timeout=timeout)))
    client.socket.send_info(1)
    with pytest.raises(BadReturnError, match="timeout="):
        await asyncio.wait_for(client.socket.wait_closed(), 5)


@kinds
async def test_what_waits_already_comes_before_a_timeout(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    def arm(message: str, _transport: Any) -> Ok | None:
        if message != "arm":
            return None
        client.socket.send_info("next")
        return Ok(timeout=0.0)

    client = await start.connected(server, kind(handle_info=arm))
    client.socket.send_info("arm")
    assert await client.next("handle_info") == "arm"
    assert await client.next("handle_info") == "next"
    await asyncio.sleep(0.02)
    assert client.events.empty()
