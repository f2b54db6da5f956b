"""Pushes: replies, refusals, timeouts, cancellation, lost connections, the buffer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fastphx import (
    ChannelCrashedError,
    Client,
    ClosedError,
    ConnectionLostError,
    DisconnectedError,
    EncodingError,
    NotJoinedError,
    OverloadedError,
    PushError,
    PushTimeoutError,
    connect,
)
from fastphx.client import PushReply, Reply
from fastphx.testing import Channel, Server
from tests.client.slow_join import SlowJoin
from tests.client.waiting import until, within

OpenClient = Callable[..., Awaitable[Client]]


class Counting(Channel):
    """Answers ``count`` and keeps every payload that came."""

    seen: list[Any]

    def handle_in(self, event: str, message: Any) -> Any:
        from fastphx.testing import Reply as ServerReply

        type(self).seen.append(message.payload)
        return ServerReply("ok", message.payload) if event == "count" else None


@pytest.fixture
def counting() -> type[Counting]:
    class Fresh(Counting):
        seen: list[Any] = []  # noqa: RUF012 - one list a test

    return Fresh


async def test_a_push_gives_its_reply(client: Client) -> None:
    room = await client.join("room:lobby")
    reply = await room.push("echo", {"body": "hi"})
    assert type(reply) is PushReply is Reply
    assert (reply.status, reply.response) == ("ok", {"body": "hi"})
    assert reply.ref > 0
    assert 0 < reply.rtt < 10
    assert (await room.push("status")).response == {}
    assert (await room.push("echo", [1, "a", None])).response == [1, "a", None]
    assert (await room.push("echo", b"\x00bytes")).response == b"\x00bytes"


async def test_an_error_status_raises_unless_asked_not_to(client: Client) -> None:
    room = await client.join("room:lobby")
    with pytest.raises(PushError) as caught:
        await room.push("echo_error", {"reason": "no"})
    assert caught.value.reply.status == "error"
    assert caught.value.reply.response == {"reason": "no"}
    assert (await room.push("echo_error", {"a": 1}, check=False)).status == "error"


async def test_a_push_has_a_timeout_and_leaves_nothing(client: Client) -> None:
    room = await client.join("room:lobby")
    with pytest.raises(PushTimeoutError, match="noreply"):
        await room.push("noreply", timeout=0.02)
    with pytest.raises(ValueError, match="timeout"):
        await room.push("noreply", timeout=0)
    assert client.stats.in_flight == 0
    assert client.stats.expired == 1
    for endless in (float("inf"), 1e300, 1 << 2000):
        assert (await room.push("echo", {"n": 1}, timeout=endless)).response == {"n": 1}


async def test_a_cancelled_push_leaves_nothing_behind(client: Client) -> None:
    room = await client.join("room:lobby")
    pushing = [asyncio.ensure_future(room.push("noreply")) for _ in range(10)]
    await until(lambda: client.stats.in_flight == 10)
    for task in pushing:
        task.cancel()
    results = await asyncio.gather(*pushing, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert client.stats.in_flight == 0
    async with asyncio.timeout(5):
        assert (await room.push("echo", {"n": 1})).response == {"n": 1}


async def test_a_late_cancel_hits_no_other_push(server: Server, fast_client: OpenClient) -> None:
    # Driven by hand, as by a task that is woken late: its push has its outcome already. Refs start again with
    # each connection, so the ref is another push's by then.
    client = await fast_client(heartbeat_interval=0)
    room = await client.join("room:lobby")
    late = room.push("noreply")
    late.send(None)
    assert client.stats.in_flight == 1
    server.cut()
    await until(lambda: client.stats.gaps == 1)
    other = asyncio.ensure_future(room.push("slow", {"ms": 30}))
    await until(lambda: client.stats.in_flight == 1)
    with pytest.raises(asyncio.CancelledError):
        late.throw(asyncio.CancelledError())
    assert client.stats.in_flight == 1
    reply = await within(other)
    # The join was 1, and the late push 2.
    assert (reply.ref, reply.response) == (2, {"ms": 30})


async def test_what_cannot_be_sent(client: Client) -> None:
    room = await client.join("room:lobby")
    with pytest.raises(EncodingError):
        await room.push("echo", {"set": {1, 2}})
    with pytest.raises(EncodingError):
        await room.push("e" * 256, b"binary")
    with pytest.raises(EncodingError):
        room.cast("echo", object())
    assert client.stats.in_flight == 0


async def test_too_many_in_flight(fast_client: OpenClient) -> None:
    client = await fast_client(max_in_flight=2)
    room = await client.join("room:lobby")
    waiting = [asyncio.ensure_future(room.push("noreply")) for _ in range(2)]
    await until(lambda: client.stats.in_flight == 2)
    with pytest.raises(OverloadedError):
        await room.push("echo")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_every_waiting_push_fails_at_once_when_the_connection_is_lost(
    server: Server, client: Client
) -> None:
    rooms = [await client.join(f"room:{n}") for n in range(3)]
    waiting = [asyncio.ensure_future(room.push("noreply", timeout=600)) for room in rooms for _ in range(20)]
    await until(lambda: client.stats.in_flight == 60)
    server.cut()
    results = await within(asyncio.gather(*waiting, return_exceptions=True))
    assert {type(result) for result in results} == {ConnectionLostError}


async def test_a_crash_and_a_close_fail_what_waits_on_the_channel(client: Client) -> None:
    room = await client.join("room:lobby")
    other = await client.join("room:other")
    kept = asyncio.ensure_future(other.push("slow", {"ms": 100}))
    waiting = asyncio.ensure_future(room.push("noreply"))
    await until(lambda: client.stats.in_flight == 2)
    room.cast("crash")
    with pytest.raises(ChannelCrashedError):
        await within(waiting)
    await until(lambda: room.gaps == 1)
    waiting = asyncio.ensure_future(room.push("noreply"))
    await until(lambda: client.stats.in_flight == 2)
    room.cast("stop")
    with pytest.raises(ClosedError):
        await within(waiting)
    assert (await within(kept)).status == "ok"


async def test_closing_fails_what_waits(server: Server) -> None:
    client = await connect(server.url)
    room = await client.join("room:lobby")
    waiting = asyncio.ensure_future(room.push("noreply", timeout=math.inf))
    await until(lambda: client.stats.in_flight == 1)
    # At once, and not when a server that says nothing any more has had its time to close.
    server.stall(60.0)
    closing = asyncio.ensure_future(client.close())
    with pytest.raises(ClosedError):
        await within(waiting)
    assert client.stats.sockets == 1
    server.cut()
    await within(closing)
    with pytest.raises(ClosedError):
        await room.push("echo")


async def test_while_disconnected_a_push_raises(server: Server, fast_client: OpenClient) -> None:
    client = await fast_client(backoff=lambda attempt: 60.0)
    room = await client.join("room:lobby")
    server.cut()
    await within(client.wait_state("reconnecting"))
    with pytest.raises(DisconnectedError):
        await room.push("echo")
    with pytest.raises(DisconnectedError):
        room.cast("echo")


async def test_a_push_waits_for_a_pending_join(fast_client: OpenClient) -> None:
    class Gated(SlowJoin):
        gate = asyncio.Event()

        def handle_in(self, event: str, message: Any) -> Any:
            from fastphx.testing import Reply as ServerReply

            return None if event == "silent" else ServerReply("ok", message.payload)

    async with Server({"slow:*": Gated}) as server:
        client = await fast_client(url=server.url)
        channel = client.channel("slow:1")
        with pytest.raises(NotJoinedError):
            await channel.push("early")
        joining = asyncio.ensure_future(channel.join())
        await until(lambda: Gated.joins)
        waiting = [asyncio.ensure_future(channel.push("n", {"n": n})) for n in range(5)]
        gone = asyncio.ensure_future(channel.push("gone"))
        with pytest.raises(PushTimeoutError):
            await channel.push("late", timeout=0.01)
        gone.cancel()
        silent = asyncio.ensure_future(channel.push("silent"))
        await until(lambda: client.stats.unsent == 6)
        Gated.gate.set()
        await within(joining)
        replies = await within(asyncio.gather(*waiting))
        assert [reply.response["n"] for reply in replies] == list(range(5))
        assert client.stats.unsent == 0
        assert client.stats.in_flight == 1
        silent.cancel()
        await asyncio.wait([silent])
        assert client.stats.in_flight == 0


async def test_a_push_that_waits_for_a_join_fails_with_the_connection(fast_client: OpenClient) -> None:
    class Gated(SlowJoin):
        gate = asyncio.Event()

    async with Server({"slow:*": Gated}) as server:
        client = await fast_client(url=server.url)
        channel = client.channel("slow:1")
        joining = asyncio.ensure_future(channel.join())
        await until(lambda: Gated.joins)
        waiting = asyncio.ensure_future(channel.push("never sent", timeout=600))
        await until(lambda: client.stats.unsent == 1)
        server.cut()
        with pytest.raises(ConnectionLostError):
            await within(waiting)
        assert client.stats.unsent == 0
        Gated.gate.set()
        await within(joining)


async def test_the_pushes_that_wait_for_a_join_are_bounded(fast_client: OpenClient) -> None:
    class Gated(SlowJoin):
        gate = asyncio.Event()

    async with Server({"slow:*": Gated}) as server:
        client = await fast_client(url=server.url)
        channel = client.channel("slow:1")
        joining = asyncio.ensure_future(channel.join())
        await until(lambda: Gated.joins)
        for n in range(1024):
            channel.cast("n", n)
        with pytest.raises(OverloadedError, match="slow down"):
            channel.cast("n", 1024)
        with pytest.raises(OverloadedError):
            await channel.push("n", 1024)
        assert client.stats.unsent == len(channel.unsent) == 1024
        Gated.gate.set()
        await within(joining)
        assert client.stats.unsent == 0


async def test_a_channel_that_is_being_left_keeps_no_push(fast_client: OpenClient) -> None:
    client = await fast_client(buffer=10)
    room = await client.join("room:lobby")
    leaving = asyncio.ensure_future(room.leave())
    await asyncio.sleep(0)
    with pytest.raises(NotJoinedError):
        await room.push("echo")
    with pytest.raises(NotJoinedError):
        room.cast("echo")
    await within(leaving)


async def test_the_buffer_keeps_order_and_bound_and_sends_once(
    counting: type[Counting], fast_client: OpenClient
) -> None:
    async with Server({"count:*": counting}) as server:
        gate = asyncio.Event()

        async def params() -> dict[str, str]:
            await gate.wait()
            return {}

        gate.set()
        client = await fast_client(url=server.url, params=params, buffer=4)
        room = await client.join("count:1")
        other = await client.join("count:2")
        gate.clear()
        server.cut()
        await within(client.wait_state("reconnecting"))
        first = asyncio.ensure_future(room.push("count", 1))
        await until(lambda: client.stats.unsent == 1)
        room.cast("cast", 2)
        second = asyncio.ensure_future(room.push("count", 3))
        await until(lambda: client.stats.unsent == 3)
        with pytest.raises(PushTimeoutError):
            await other.push("count", "too late", timeout=0.02)
        cancelled = asyncio.ensure_future(other.push("count", "cancelled"))
        await until(lambda: client.stats.unsent == 4)
        with pytest.raises(OverloadedError):
            await room.push("count", "one too many")
        with pytest.raises(OverloadedError):
            other.cast("cast", "one too many")
        cancelled.cancel()
        await until(lambda: client.stats.unsent == 3)
        unencodable = asyncio.ensure_future(other.push("count", object()))
        await until(lambda: client.stats.unsent == 4)
        gate.set()
        assert [(await within(task)).response for task in (first, second)] == [1, 3]
        with pytest.raises(EncodingError):
            await within(unencodable)
        assert counting.seen == [1, 2, 3]
        assert client.stats.unsent == 0
        assert client.stats.in_flight == 0
        # What was sent is not sent again by the next rejoin.
        server.cut()
        await until(lambda: client.stats.gaps == 4)
        assert (await within(room.push("count", 4))).response == 4
        assert counting.seen == [1, 2, 3, 4]


async def test_a_buffered_push_survives_a_second_loss_unless_it_was_sent(
    counting: type[Counting], fast_client: OpenClient
) -> None:
    async with Server({"count:*": counting}) as server:
        client = await fast_client(url=server.url, buffer=10)
        room = await client.join("count:1")
        waiting = asyncio.ensure_future(room.push("noreply", "sent"))
        await until(lambda: counting.seen == ["sent"])
        server.faults.refuse_joins = {"reason": "not now"}
        server.cut()
        with pytest.raises(ConnectionLostError):
            await within(waiting)
        await within(client.wait_state("reconnecting"))
        kept = asyncio.ensure_future(room.push("count", "kept"))
        await until(lambda: client.stats.unsent == 1)
        await within(client.wait_state("open"))
        server.cut()
        await until(lambda: client.stats.reconnects >= 2)
        server.faults.clear()
        assert (await within(kept)).response == "kept"
        assert counting.seen == ["sent", "kept"]


async def test_an_expired_cast_makes_room_and_is_counted(server: Server, fast_client: OpenClient) -> None:
    client = await fast_client(buffer=1, timeout=0.01, backoff=lambda attempt: 60.0)
    room = await client.join("room:lobby", timeout=5)
    server.cut()
    await within(client.wait_state("reconnecting"))
    room.cast("push", 1)

    def again() -> bool:
        try:
            room.cast("push", 2)
        except OverloadedError:
            return False
        return True

    await until(again)
    assert client.stats.unsent_dropped == 1
    await room.leave()
    assert client.stats.unsent_dropped == 2
    assert client.stats.unsent == 0


async def test_replies_go_to_their_own_callers(client: Client) -> None:
    rooms = [await client.join(f"room:{n}") for n in range(4)]

    async def caller(number: int) -> None:
        room = rooms[number % 4]
        for turn in range(20):
            reply = await room.push("echo", {"caller": number, "turn": turn})
            assert reply.response == {"caller": number, "turn": turn}

    await within(asyncio.gather(*(caller(number) for number in range(50))))
