"""Handlers, iteration, queue policies, outages, decoding."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import pytest

from fastphx import (
    Client,
    ClosedError,
    DecodeError,
    NotJoinedError,
    Outage,
    OverloadedError,
    TransportDown,
    connect,
)
from fastphx.protocol.message import Message
from fastphx.testing import Channel, Reply, Server
from fastphx.transports import WebSocketTransport
from fastphx.transports.base import TransportOwner
from tests.client.backoff import at_once
from tests.client.waiting import until, within

OpenClient = Callable[..., Awaitable[Client]]


def numbers(server: Server, topic: str, count: int, start: int = 0) -> None:
    for n in range(start, start + count):
        server.broadcast(topic, "n", {"n": n})


async def test_a_plain_handler_is_called_in_order(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    seen: list[int] = []
    room.on("n", lambda message: seen.append(message.payload["n"]))
    numbers(server, "room:lobby", 500)
    await until(lambda: len(seen) == 500)
    assert seen == list(range(500))


async def test_on_and_off(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    first: list[Message] = []
    second: list[Message] = []

    @room.on("n")
    def one(message: Message) -> None:
        first.append(message)

    two = room.on("n", second.append)
    numbers(server, "room:lobby", 1)
    await until(lambda: len(second) == 1)
    assert len(first) == 1
    room.off("n", two)
    numbers(server, "room:lobby", 1)
    await until(lambda: len(first) == 2)
    assert len(second) == 1
    room.off("n")
    room.off("never set")
    numbers(server, "room:lobby", 1)
    await until(lambda: client.stats.unhandled == 1)
    assert len(first) == 2


async def test_async_handlers_keep_the_order_of_the_whole_channel(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    seen: list[Any] = []

    @room.on("slow")
    async def slow(message: Message) -> None:
        await asyncio.sleep(0.001)
        seen.append(message.payload["n"])

    class AsyncObject:
        async def __call__(self, message: Message) -> None:
            seen.append(message.payload["n"])

    room.on("quick", lambda message: seen.append(message.payload["n"]))
    room.on("object", AsyncObject())
    for n in range(60):
        server.broadcast("room:lobby", ("slow", "quick", "object")[n % 3], {"n": n})
    await until(lambda: len(seen) == 60)
    assert seen == list(range(60))
    assert client.stats.queue_depth == 0


async def test_a_failing_handler_costs_neither_connection_nor_messages(
    server: Server, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    room = await client.join("room:lobby")
    other = await client.join("room:other")
    seen: list[Any] = []

    def failing(message: Message) -> None:
        raise RuntimeError("this handler fails")

    async def failing_async(message: Message) -> None:
        raise RuntimeError("this one too")

    room.on("n", failing)
    numbers(server, "room:lobby", 1)
    await until(lambda: client.stats.handler_errors == 1)
    room.on("n", seen.append)
    other.on("n", failing_async)
    numbers(server, "room:lobby", 2)
    numbers(server, "room:other", 2)
    await until(lambda: client.stats.handler_errors == 5)
    assert len(seen) == 2
    assert client.state == "open"
    assert client.stats.reconnects == 0
    record = next(record for record in caplog.records if record.exc_info)
    assert record.levelno == logging.ERROR
    assert (record.topic, record.event) == ("room:lobby", "n")  # type: ignore[attr-defined]


class Greeting(Channel):
    """Pushes before and right after the join's reply is read."""

    def join(self, topic: str, payload: Any) -> Reply:
        self.send_info("after_join")
        return Reply("ok")

    def handle_info(self, message: Any) -> None:
        for n in range(3):
            self.push("a" if n % 2 else "b", {"n": n})


@pytest.mark.parametrize("style", ["on after", "on before", "iterate"])
async def test_what_follows_the_join_at_once_is_not_missed(fast_client: OpenClient, style: str) -> None:
    async with Server({"greet:*": Greeting}) as server:
        client = await fast_client(url=server.url)
        seen: list[int] = []

        def take(message: Any) -> None:
            seen.append(message.payload["n"])

        channel = client.channel("greet:1")
        if style == "on before":
            channel.on("a", take)
            channel.on("b", take)
            await channel.join()
        elif style == "on after":
            await channel.join()
            channel.on("a", take)
            channel.on("b", take)
        else:
            await channel.join()
            async with asyncio.timeout(5):
                async for message in channel:
                    take(message)
                    if len(seen) == 3:
                        break
        await until(lambda: len(seen) == 3)
        assert seen == [0, 1, 2]


async def test_the_backlog_is_bounded_and_counted(server: Server, client: Client) -> None:
    room = await client.join("room:lobby", max_queue=10)
    numbers(server, "room:lobby", 100)
    await until(lambda: client.stats.messages == 100)
    assert room.queue_depth == 64
    assert client.stats.unhandled == 36
    seen: list[int] = []
    room.on("n", lambda message: seen.append(message.payload["n"]))
    await until(lambda: seen)
    assert seen == list(range(36, 100))
    # A server that sends what was missed right after the join may send as much as the channel can queue.
    roomy = await client.join("room:roomy", max_queue=500)
    numbers(server, "room:roomy", 500)
    await until(lambda: client.stats.messages == 600)
    assert roomy.queue_depth == 500


async def test_an_iteration_that_was_cancelled_is_over(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")

    async def take() -> None:
        async for _ in room:
            pass

    # Kept on purpose, with its exception: what that holds on to is no iterator.
    taking = asyncio.ensure_future(take())
    await until(lambda: client.stats.replies)
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="already has an iterator"):
        aiter(room)
    taking.cancel()
    await asyncio.wait([taking])
    try:
        async with asyncio.timeout(0.01):
            await take()
    except TimeoutError:
        messages = aiter(room)
    numbers(server, "room:lobby", 1)
    assert (await within(anext(messages))).payload == {"n": 0}


async def test_two_tasks_on_one_iterator_never_hang(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    messages = aiter(room)
    first = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="two tasks"):
        await anext(messages)
    # Nor does one that waits when the first was woken and has not had its turn.
    queue = room._delivery._queue
    assert queue is not None
    queue.put(1)
    assert await anext(messages) == 1
    second = anext(messages)
    waiter = second.send(None)
    with pytest.raises(RuntimeError, match="two tasks"):
        await within(first)
    queue.put(2)
    assert waiter.done()
    with pytest.raises(StopIteration, match="2"):
        second.send(None)


async def test_a_payload_that_cannot_be_decoded_is_logged_without_its_bytes(
    server: Server, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def decode(raw: bytes) -> Any:
        raise ValueError(f"this is not mine: {raw!r}")

    caplog.set_level(logging.INFO)
    room = await client.join("room:lobby", decoder=decode)
    room.on("n", lambda message: message.payload)
    server.broadcast("room:lobby", "n", "s3cret")
    await until(lambda: client.stats.handler_errors)
    assert "cannot be decoded" in caplog.text
    assert "s3cret" not in caplog.text


async def test_iteration(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    handled: list[Any] = []
    room.on("handled", handled.append)
    iterator = aiter(room)
    server.broadcast("room:lobby", "handled", {})
    numbers(server, "room:lobby", 5)
    assert [(await within(anext(iterator))).payload["n"] for _ in range(5)] == list(range(5))
    assert len(handled) == 1
    with pytest.raises(RuntimeError, match="already has an iterator"):
        aiter(room)
    waiting = asyncio.ensure_future(anext(iterator))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="two tasks"):
        await anext(iterator)
    leaving = asyncio.ensure_future(room.leave())
    with pytest.raises(StopAsyncIteration):
        await within(waiting)
    await leaving
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)
    assert [message async for message in room] == []
    with pytest.raises(NotJoinedError):
        aiter(client.channel("room:never joined"))


async def test_what_is_queued_when_the_channel_closes_is_still_yielded(
    server: Server, client: Client
) -> None:
    room = await client.join("room:lobby")
    iterator = aiter(room)
    numbers(server, "room:lobby", 3)
    room.cast("stop")
    await until(lambda: "room:lobby" not in client.channels)
    assert [message.payload["n"] async for message in iterator] == [0, 1, 2]


async def test_iteration_raises_where_the_client_was_closed_for_a_reason(
    server: Server, fast_client: OpenClient
) -> None:
    client = await fast_client(reconnect=False)
    room = await client.join("room:lobby")
    iterator = aiter(room)
    server.cut()
    with pytest.raises(ClosedError) as caught:
        await within(anext(iterator))
    assert caught.value.__cause__ is client.closed_because


async def test_a_loop_that_was_left_does_not_stop_the_connection(server: Server, client: Client) -> None:
    room = await client.join("room:lobby", max_queue=2)
    numbers(server, "room:lobby", 3)
    async for message in room:
        assert message.payload == {"n": 0}
        break
    gc.collect()
    numbers(server, "room:lobby", 100)
    assert (await within(room.push("echo", {}))).status == "ok"
    assert room.dropped in (1, 2)
    assert client.stats.dropped == room.dropped
    numbers(server, "room:lobby", 1, start=7)
    await until(lambda: client.stats.messages == 104)
    iterator = aiter(room)
    numbers(server, "room:lobby", 1, start=8)
    assert (await within(anext(iterator))).payload == {"n": 8}


async def test_block_pauses_reading_and_loses_nothing(server: Server, client: Client) -> None:
    room = await client.join("room:lobby", max_queue=10)
    iterator = aiter(room)
    payload = {"pad": "x" * 1000}
    for n in range(3000):
        server.broadcast("room:lobby", "n", {**payload, "n": n})
    link = client.sockets[0]._connection.transport.link
    await until(lambda: link.reading_paused)
    await asyncio.sleep(0.05)
    assert room.queue_depth < 3000
    seen = []
    async with asyncio.timeout(20):
        while len(seen) < 3000:
            message = await anext(iterator)
            assert isinstance(message, Message)
            seen.append(message.payload["n"])
            if len(seen) % 50 == 0:
                await asyncio.sleep(0)
    assert seen == list(range(3000))
    assert room.dropped == 0
    assert not link.reading_paused


async def test_a_paused_connection_that_is_lost_reads_again(server: Server, client: Client) -> None:
    room = await client.join("room:lobby", max_queue=2)
    iterator = aiter(room)
    numbers(server, "room:lobby", 4)
    await until(lambda: client.sockets[0]._connection.transport.link.reading_paused)
    assert server.disconnect(code=1012) == 1
    server.cut()
    await within(anext(iterator))
    await within(anext(iterator))
    await within(anext(iterator))
    await until(lambda: client.stats.gaps == 1)
    seen = [(await within(anext(iterator))).event for _ in range(2)]
    assert seen == ["n", "phx_outage"]
    assert (await within(room.push("echo", {}))).status == "ok"
    numbers(server, "room:lobby", 3)
    await until(lambda: client.sockets[0]._connection.transport.link.reading_paused)


async def test_a_pause_has_a_limit_and_the_next_connection_pauses_too(
    server: Server, fast_client: OpenClient
) -> None:
    client = await fast_client(max_pause=0.05)
    room = await client.join("room:lobby", max_queue=2)
    iterator = aiter(room)
    for turn in (1, 2):
        numbers(server, "room:lobby", 3)
        await until(lambda turn=turn: client.stats.gaps == turn)
        reason = client.sockets[0].reason
        assert isinstance(reason, TransportDown)
        assert isinstance(reason.exc, OverloadedError)
    assert (await anext(iterator)).payload == {"n": 0}


class NoPause:
    """A WebSocket that cannot stop reading."""

    def __init__(self, inner: WebSocketTransport) -> None:
        self.push, self.close = inner.push, inner.close

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> NoPause:
        return cls(await WebSocketTransport.start(url, owner, opts))


async def test_a_transport_that_cannot_pause_is_given_up(server: Server, fast_client: OpenClient) -> None:
    client = await fast_client(transport=NoPause)
    room = await client.join("room:lobby", max_queue=2)
    iterator = aiter(room)
    numbers(server, "room:lobby", 3)
    await until(lambda: client.stats.gaps >= 1)
    reason = client.sockets[0].reason
    assert isinstance(reason, TransportDown)
    assert isinstance(reason.exc, OverloadedError)
    assert (await anext(iterator)).payload == {"n": 0}


async def test_drop_oldest(server: Server, client: Client) -> None:
    room = await client.join("room:lobby", max_queue=5, policy="drop_oldest")
    iterator = aiter(room)
    numbers(server, "room:lobby", 20)
    await until(lambda: client.stats.messages == 20)
    assert [(await anext(iterator)).payload["n"] for _ in range(5)] == [15, 16, 17, 18, 19]
    assert room.dropped == client.stats.dropped == 15


async def test_drop_oldest_keeps_the_report_of_an_outage(server: Server, client: Client) -> None:
    room = await client.join("room:lobby", max_queue=3, policy="drop_oldest")
    iterator = aiter(room)
    server.cut()
    await until(lambda: client.stats.gaps == 1)
    numbers(server, "room:lobby", 10)
    await until(lambda: client.stats.messages == 10)
    items = [await anext(iterator) for _ in range(3)]
    assert isinstance(items[0], Outage)
    assert [item.payload for item in items[1:]] == [{"n": 8}, {"n": 9}]


async def test_raise(server: Server, client: Client) -> None:
    room = await client.join("room:lobby", max_queue=5, policy="raise")
    iterator = aiter(room)
    numbers(server, "room:lobby", 6)
    await until(lambda: client.stats.messages == 6)
    with pytest.raises(OverloadedError, match="max_queue"):
        await anext(iterator)
    assert room.dropped == 6
    numbers(server, "room:lobby", 1, start=6)
    assert (await within(anext(iterator))).payload == {"n": 6}


async def test_latest_keeps_the_newest_of_each_key(server: Server, client: Client) -> None:
    room = await client.join(
        "room:lobby", max_queue=3, policy="latest", key=lambda message: message.payload["symbol"]
    )
    iterator = aiter(room)
    for n in range(30):
        server.broadcast("room:lobby", "tick", {"symbol": "abc"[n % 3], "n": n})
    await until(lambda: client.stats.messages == 30)
    ticks = [(await anext(iterator)).payload for _ in range(3)]
    assert ticks == [{"symbol": "a", "n": 27}, {"symbol": "b", "n": 28}, {"symbol": "c", "n": 29}]
    assert room.dropped == 27
    for n in range(5):
        server.broadcast("room:lobby", "tick", {"symbol": n, "n": n})
    await until(lambda: client.stats.messages == 35)
    assert room.queue_depth == 3
    assert (await anext(iterator)).payload["n"] == 2


HALF_A_MIB = 512 * 1024


def large(server: Server, count: int, start: int = 0, size: int = HALF_A_MIB) -> None:
    for n in range(start, start + count):
        server.broadcast("room:lobby", "n", {"n": n, "filler": "x" * size})


@pytest.mark.parametrize("how", ["iterator", "handler"])
@pytest.mark.parametrize("policy", ["block", "drop_oldest", "raise", "latest"])
async def test_a_queue_is_bounded_in_bytes(server: Server, client: Client, how: str, policy: Any) -> None:
    key = (lambda message: message.payload["n"]) if policy == "latest" else None
    room = await client.join("room:lobby", policy=policy, key=key, max_queue_bytes=2 * 1024 * 1024)
    seen: list[int] = []
    gate = asyncio.Event()

    async def handler(message: Message) -> None:
        await gate.wait()
        seen.append(message.payload["n"])

    if how == "handler":
        room.on("n", handler)
    else:
        messages = aiter(room)
    large(server, 20)
    if policy == "block":
        await until(lambda: client.sockets[0]._paused)
        assert room.queue_depth <= 6
    else:
        await until(lambda: client.stats.messages == 20)
    assert room.dropped >= (0 if policy == "block" else 15)
    gate.set()
    if how == "iterator":
        if policy == "raise":
            with pytest.raises(OverloadedError, match="max_queue_bytes"):
                await within(anext(messages))
        while room.queue_depth or (policy == "block" and len(seen) < 20):
            seen.append((await within(anext(messages))).payload["n"])
    await until(lambda: len(seen) + room.dropped == 20)
    assert seen == sorted(seen)
    assert seen[-1:] == [19] or policy == "raise"
    # Bytes are given back: there is room again.
    large(server, 3, 20)
    if how == "iterator":
        assert [(await within(anext(messages))).payload["n"] for _ in range(3)] == [20, 21, 22]
    else:
        await until(lambda: seen[-3:] == [20, 21, 22])


@pytest.mark.parametrize("policy", ["block", "drop_oldest", "raise", "latest"])
async def test_a_message_larger_than_the_bound_is_delivered(
    server: Server, client: Client, policy: Any
) -> None:
    key = (lambda message: message.payload["n"]) if policy == "latest" else None
    room = await client.join("room:lobby", policy=policy, key=key, max_queue_bytes=1000)
    messages = aiter(room)
    for n in range(3):
        large(server, 1, n)
        assert (await within(anext(messages))).payload["n"] == n
    assert room.dropped == 0


async def test_the_backlog_is_bounded_in_bytes(server: Server, client: Client) -> None:
    room = await client.join("room:lobby", max_queue_bytes=2 * 1024 * 1024)
    large(server, 20)
    await until(lambda: client.stats.messages == 20)
    assert room.queue_depth == 3
    assert client.stats.unhandled == 17
    messages = aiter(room)
    assert [(await within(anext(messages))).payload["n"] for _ in range(3)] == [17, 18, 19]


async def test_the_policy_holds_for_async_handlers_too(server: Server, client: Client) -> None:
    gate = asyncio.Event()
    seen: list[int] = []
    room = client.channel(
        "room:lobby", max_queue=2, policy="latest", key=lambda message: message.payload["n"] % 2
    )

    @room.on("n")
    async def take(message: Message) -> None:
        await gate.wait()
        seen.append(message.payload["n"])

    await room.join()
    numbers(server, "room:lobby", 1, start=100)
    await until(lambda: client.stats.messages == 1)
    numbers(server, "room:lobby", 20)
    await until(lambda: client.stats.messages == 21)
    gate.set()
    await until(lambda: len(seen) == 3)
    assert seen == [100, 18, 19]
    raising = await client.join("room:raise", max_queue=1, policy="raise")
    raising.on("n", take)
    gate.clear()
    numbers(server, "room:raise", 5)
    await until(lambda: client.stats.messages == 26)
    gate.set()
    await until(lambda: client.stats.handler_errors)
    assert raising.dropped >= 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_queue": 0},
        {"max_queue": 1 << 70},
        {"max_queue": 1.5},
        {"max_queue_bytes": 0},
        {"max_queue_bytes": 1 << 70},
        {"policy": "forget"},
        {"policy": "latest"},
        {"key": len},
        {"decoder": "json"},
    ],
)
async def test_an_argument_that_cannot_be_meant(client: Client, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        client.channel("room:lobby", **arguments)


class Replaying(Channel):
    """Replays what came after the cursor, before anything else."""

    log: list[int]

    def join(self, topic: str, payload: Any) -> Reply:
        self.since = payload["since"]
        self.send_info("replay")
        return Reply("ok")

    def handle_info(self, message: Any) -> None:
        for n in self.log:
            if n > self.since:
                self.push("n", {"n": n, "replayed": True})


async def test_an_outage_is_reported_before_the_first_message_after_it(fast_client: OpenClient) -> None:
    log: list[int] = []

    class Log(Replaying):
        pass

    Log.log = log
    async with Server({"log:*": Log}) as server:
        client = await fast_client(url=server.url)
        room = client.channel("log:1", lambda cursor: {"since": -1 if cursor is None else cursor})
        outages: list[Outage] = []
        room.on_outage(outages.append)
        await room.join()
        seen: list[Any] = []

        async def read() -> None:
            async for item in room:
                if isinstance(item, Outage):
                    seen.append("outage")
                else:
                    seen.append(item.payload["n"])
                    room.cursor = item.payload["n"]

        reading = asyncio.ensure_future(read())

        def publish(count: int) -> None:
            for _ in range(count):
                log.append(len(log))
                server.broadcast("log:1", "n", {"n": log[-1]})

        publish(3)
        await until(lambda: seen == [0, 1, 2])
        server.faults.refuse_connects = 503
        server.cut()
        await within(client.wait_state("reconnecting"))
        publish(3)
        await until(lambda: client.stats.connect_errors >= 2)
        server.faults.clear()
        await until(lambda: len(seen) == 7)
        publish(1)
        await until(lambda: len(seen) == 8)
        assert seen == [0, 1, 2, "outage", 3, 4, 5, 6]
        assert room.gaps == client.stats.gaps == 1
        assert len(outages) == 1
        assert outages[0].attempts >= 3
        assert outages[0].duration_s >= 0
        assert (outages[0].event, outages[0].payload) == ("phx_outage", None)
        await client.close()
        await within(reading)


async def test_an_async_outage_handler_comes_before_the_messages(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    seen: list[str] = []

    @room.on_outage
    async def outage(outage: Outage) -> None:
        await asyncio.sleep(0.01)
        seen.append("outage")

    room.on("n", lambda message: seen.append("n"))
    server.cut()
    await until(lambda: client.stats.gaps == 1)
    numbers(server, "room:lobby", 2)
    await until(lambda: len(seen) == 3)
    assert seen == ["outage", "n", "n"]


async def test_decoding(server: Server, client: Client) -> None:
    plain = await client.join("room:plain")
    raw = await client.join("room:raw", decoder="raw")
    typed = await client.join("room:typed", decoder=lambda data: ("decoded", orjson.loads(data)))
    broken = await client.join("room:broken", decoder=lambda data: {}["nothing"])
    seen: dict[str, Message] = {}
    for channel in (plain, raw, typed, broken):
        channel.on("n", lambda message: seen.__setitem__(message.topic, message))
        server.broadcast(channel.topic, "n", {"a": 1})
    await until(lambda: len(seen) == 4)
    assert seen["room:plain"].payload == {"a": 1}
    assert seen["room:plain"].payload is seen["room:plain"].payload
    assert seen["room:raw"].payload == b'{"a":1}'
    assert seen["room:typed"].payload == ("decoded", {"a": 1})
    with pytest.raises(DecodeError) as caught:
        _ = seen["room:broken"].payload
    assert (caught.value.topic, caught.value.event) == ("room:broken", "n")
    assert (await raw.push("echo", {"b": 2})).response == {"b": 2}
    iterator = aiter(typed)
    server.broadcast("room:typed", "other", {"c": 3})
    assert (await within(anext(iterator))).payload == ("decoded", {"c": 3})


async def test_binary_messages(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    iterator = aiter(room)
    room.cast("push", b"\x00\x01\xff")
    assert (await within(anext(iterator))).payload == b"\x00\x01\xff"


async def test_a_bad_frame_is_counted_and_logged_without_its_bytes(
    server: Server, fast_client: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = await fast_client()
    room = await client.join("room:lobby")
    caplog.set_level(logging.INFO)
    server.faults.truncate_frames = 1
    server.broadcast("room:lobby", "n", {"secret": "s3cret" * 20})
    await until(lambda: client.stats.decode_errors == 1)
    server.faults.clear()
    assert (await within(room.push("echo", {}))).status == "ok"
    assert "s3cret" not in caplog.text


async def test_other_serializers(server: Server) -> None:
    from fastphx.serializers import JsonV1, JsonV2

    for serializer in (JsonV1(), JsonV2()):
        async with connect(server.url, serializer=serializer, backoff=at_once) as client:
            room = await client.join("room:lobby", {"a": 1})
            assert room.response == {"joined": {"a": 1}}
            seen: list[Any] = []
            room.on("n", lambda message, seen=seen: seen.append(message.payload))
            assert (await room.push("echo", {"b": 2})).response == {"b": 2}
            server.broadcast("room:lobby", "n", {"c": 3})
            await until(lambda seen=seen: seen == [{"c": 3}])
