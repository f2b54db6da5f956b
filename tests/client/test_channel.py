"""Joining, leaving, rejoining."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import picows
import pytest

from fastphx import (
    AlreadyJoinedError,
    Client,
    ClosedError,
    EncodingError,
    JoinError,
    JoinTimeoutError,
    NotJoinedError,
    Outage,
    OverloadedError,
    connect,
)
from fastphx.client import membership
from fastphx.protocol.joins import JoinState
from fastphx.testing import Server, demo_server
from tests.client.backoff import at_once
from tests.client.slow_join import SlowJoin
from tests.client.waiting import LIMIT_S, until, within

OpenClient = Callable[..., Awaitable[Client]]


async def test_join_gives_the_response(client: Client) -> None:
    room = await client.join("room:lobby", {"nick": "ann"})
    assert room.response == {"joined": {"nick": "ann"}}
    assert room.state is JoinState.JOINED
    assert f"{room.state}" == str(room.state) == "joined"
    assert client.channels == {"room:lobby": room}
    channel = client.channel("room:other")
    assert channel.state is JoinState.CLOSED
    assert await channel.join() == {"joined": {}}


async def test_a_refused_join_raises_and_may_be_tried_again(server: Server, client: Client) -> None:
    channel = client.channel("room:denied")
    for _ in range(2):
        with pytest.raises(JoinError) as caught:
            await channel.join()
        assert caught.value.response == {"reason": "denied"}
        assert channel.state is JoinState.CLOSED
    with pytest.raises(JoinError, match="unmatched topic"):
        await client.join("nothing:here")
    assert client.channels == {}
    assert client.stats.channels == 0


async def test_one_channel_a_topic(client: Client) -> None:
    room = await client.join("room:lobby")
    with pytest.raises(AlreadyJoinedError):
        await client.join("room:lobby")
    with pytest.raises(AlreadyJoinedError):
        await room.join()
    assert (await room.push("status")).status == "ok"
    joining = [asyncio.ensure_future(client.join("room:other")) for _ in range(2)]
    results = await asyncio.gather(*joining, return_exceptions=True)
    assert sorted(isinstance(result, AlreadyJoinedError) for result in results) == [False, True]


@pytest.mark.parametrize("topic", ["room:ünï 日本 \U0001f600", 'room:"\\\n\t\x00', "room:" + "x" * 3000])
async def test_a_topic_with_any_character(client: Client, server: Server, topic: str) -> None:
    room = await client.join(topic)
    seen: list[Any] = []
    room.on("news", seen.append)
    assert (await room.push("echo", {"a": 1})).response == {"a": 1}
    server.broadcast(topic, "news", {})
    await until(lambda: seen)
    assert seen[0].topic == topic


async def test_a_topic_that_cannot_be_sent(client: Client) -> None:
    with pytest.raises(EncodingError):
        await client.join("room:\ud800")
    assert client.channels == {}


async def test_leaving(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    closes: list[Any] = []
    room.on_close(closes.append)
    await within(room.leave())
    assert room.state is JoinState.CLOSED
    assert client.channels == {}
    assert len(closes) == 1
    assert server.topics == {}
    with pytest.raises(NotJoinedError):
        await room.leave()
    with pytest.raises(NotJoinedError):
        await room.push("echo")
    with pytest.raises(NotJoinedError):
        room.cast("echo")
    assert await room.join() == {"joined": {}}
    assert (await room.push("echo", {"b": 2})).response == {"b": 2}


async def test_leaving_twice_at_once(client: Client) -> None:
    room = await client.join("room:lobby")
    await within(asyncio.gather(room.leave(), room.leave()))
    assert room.state is JoinState.CLOSED


async def test_leaving_while_disconnected(server: Server, fast_client: OpenClient) -> None:
    client = await fast_client(backoff=lambda attempt: 60.0)
    room = await client.join("room:lobby")
    server.cut()
    await within(client.wait_state("reconnecting"))
    closes: list[Any] = []
    room.on_close(closes.append)
    await within(room.leave())
    assert room.state is JoinState.CLOSED
    assert client.channels == {}
    assert closes == [None]


@pytest.fixture
def slow() -> type[SlowJoin]:
    class Gated(SlowJoin):
        gate = asyncio.Event()

    return Gated


async def test_leaving_cancels_a_pending_join(slow: type[SlowJoin], fast_client: OpenClient) -> None:
    async with Server({"slow:*": slow}) as server:
        client = await fast_client(url=server.url)
        channel = client.channel("slow:1")
        joining = asyncio.ensure_future(channel.join())
        await until(lambda: slow.joins)
        leaving = asyncio.ensure_future(channel.leave(timeout=0.2))
        with pytest.raises(ClosedError):
            await within(joining)
        slow.gate.set()
        await within(leaving)
        assert channel.state is JoinState.CLOSED
        await within(channel.join())


@pytest.mark.parametrize("how", ["timeout", "cancel"])
async def test_a_join_that_is_not_answered_is_left(
    slow: type[SlowJoin], fast_client: OpenClient, how: str
) -> None:
    async with Server({"slow:*": slow}) as server:
        client = await fast_client(url=server.url)
        if how == "timeout":
            with pytest.raises(JoinTimeoutError):
                await client.join("slow:1", timeout=0.02)
        else:
            joining = asyncio.ensure_future(client.join("slow:1"))
            await until(lambda: slow.joins)
            joining.cancel()
            with pytest.raises(asyncio.CancelledError):
                await joining
        assert client.channels == {}
        slow.gate.set()
        await server.wait_until(lambda stats: stats["leaves"] >= 1)
        room = await within(client.join("slow:1"))
        assert room.response["n"] >= 2
        assert (await within(asyncio.gather(room.leave())))[0] is None


async def test_a_join_waits_for_the_connection(server: Server, fast_client: OpenClient) -> None:
    client = await fast_client(backoff=lambda attempt: 0.02)
    server.faults.refuse_connects = 503
    server.cut()
    await until(lambda: client.stats.connect_errors)
    joining = asyncio.ensure_future(client.join("room:lobby"))
    with pytest.raises(JoinTimeoutError):
        await client.join("room:other", timeout=0.01)
    server.faults.clear()
    room = await within(joining)
    assert room.gaps == 0


async def test_a_join_survives_a_lost_connection(slow: type[SlowJoin], fast_client: OpenClient) -> None:
    async with Server({"slow:*": slow}) as server:
        client = await fast_client(url=server.url)
        joining = asyncio.ensure_future(client.join("slow:1"))
        await until(lambda: slow.joins == 1)
        server.cut()
        await until(lambda: slow.joins == 2)
        slow.gate.set()
        room = await within(joining)
        assert room.gaps == 0


async def test_closing_the_client_ends_what_waits(slow: type[SlowJoin]) -> None:
    async with Server({"slow:*": slow}) as server:
        client = await connect(server.url)
        joining = asyncio.ensure_future(client.join("slow:1"))
        await until(lambda: slow.joins)
        await within(client.close())
        with pytest.raises(ClosedError):
            await joining
        slow.gate.set()


async def test_rejoining_after_a_disconnect(server: Server, client: Client) -> None:
    rooms = [await client.join(f"room:{n}", {"n": n}) for n in range(5)]
    server.cut()
    await until(lambda: client.stats.gaps == 5)
    for n, room in enumerate(rooms):
        assert room.response == {"joined": {"n": n}}
        assert (await room.push("echo", {"n": n})).response == {"n": n}
    assert client.stats.reconnects == 1


async def test_a_payload_callable_is_asked_at_each_join(server: Server, client: Client) -> None:
    plain_calls: list[int] = []

    def plain() -> dict[str, int]:
        plain_calls.append(1)
        return {"n": len(plain_calls)}

    async def with_cursor(cursor: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"since": cursor}

    first = await client.join("room:plain", plain)
    second = await client.join("room:cursor", with_cursor)
    assert second.response == {"joined": {"since": None}}
    second.cursor = 41
    server.cut()
    await until(lambda: client.stats.gaps == 2)
    assert first.response == {"joined": {"n": 2}}
    assert second.response == {"joined": {"since": 41}}


async def test_a_payload_of_a_join_that_was_cancelled_is_not_sent(server: Server, client: Client) -> None:
    gate = asyncio.Event()
    asked: list[int] = []

    async def payload() -> dict[str, int]:
        asked.append(len(asked))
        number = asked[-1]
        if number == 0:
            await gate.wait()
            raise LookupError("too late to matter")
        await asyncio.sleep(0)
        return {"n": number}

    room = client.channel("room:lobby", payload)
    first = asyncio.ensure_future(room.join())
    await until(lambda: asked)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.ensure_future(room.join())
    gate.set()
    assert await within(second) == {"joined": {"n": 1}}
    assert server.stats["joins"] == 1
    assert client.stats.handler_errors == 0


async def test_a_payload_callable_that_raises(server: Server, client: Client) -> None:
    broken = [True]

    def payload() -> dict[str, int]:
        if broken[0]:
            raise LookupError("no token")
        return {}

    async def payload_async() -> dict[str, int]:
        return payload()

    for each in (payload, payload_async):
        broken[0] = True
        with pytest.raises(LookupError):
            await client.join("room:lobby", each)
        assert client.channels == {}
        broken[0] = False
        room = await client.join("room:lobby", each)
        broken[0] = True
        before = client.stats.handler_errors
        gaps = client.stats.gaps
        server.cut()
        await until(lambda before=before: client.stats.handler_errors > before)
        broken[0] = False
        await until(lambda gaps=gaps: client.stats.gaps == gaps + 1)
        await room.leave()


async def test_a_crash_is_rejoined_and_a_close_is_not(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    errors: list[Any] = []
    closes: list[Any] = []
    outages: list[Outage] = []
    room.on_error(errors.append)
    room.on_close(closes.append)
    room.on_outage(outages.append)
    room.cast("crash")
    await until(lambda: outages)
    assert [message.event for message in errors] == ["phx_error"]
    assert outages[0].topic == "room:lobby"
    assert outages[0].attempts == 1
    assert outages[0].since <= outages[0].until
    assert (await room.push("echo", {})).status == "ok"
    room.cast("stop")
    await until(lambda: closes)
    assert room.state is JoinState.CLOSED
    assert client.channels == {}
    assert room.gaps == 1


async def test_rejoins_back_off(server: Server, fast_client: OpenClient) -> None:
    asked: list[int] = []

    def backoff(attempt: int) -> float:
        asked.append(attempt)
        return 0.0

    client = await fast_client(rejoin_backoff=backoff)
    room = await client.join("room:lobby")
    refusals: list[Any] = []
    room.on_error(refusals.append)
    server.faults.refuse_joins = {"reason": "not now"}
    server.cut()
    await until(lambda: len(refusals) >= 3)
    server.faults.clear()
    await until(lambda: room.gaps == 1)
    assert asked[:3] == [1, 2, 3]


async def test_a_rejoin_that_is_not_answered_is_left_and_tried_again(
    slow: type[SlowJoin], fast_client: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    slow.gate.set()
    async with Server({"slow:*": slow}) as server:
        client = await fast_client(url=server.url, timeout=0.05, rejoin_backoff=lambda attempt: 0.05)
        room = await client.join("slow:1", timeout=LIMIT_S)
        slow.gate.clear()
        server.cut()
        await until(lambda: "a rejoin was not answered in time" in caplog.text)
        slow.gate.set()
        await server.wait_until(lambda stats: stats["leaves"] >= 1)
        await until(lambda: room.gaps >= 1)
        await until(lambda: room.state is JoinState.JOINED)


async def test_joining_many_at_once(client: Client) -> None:
    rooms = await asyncio.gather(*(client.join(f"room:{n}") for n in range(100)))
    replies = await asyncio.gather(*(room.push("echo", {"n": n}) for n, room in enumerate(rooms)))
    assert [reply.response["n"] for reply in replies] == list(range(100))
    with pytest.raises(JoinError, match="too many channels"):
        await client.join("room:one too many")


async def test_shards_auto_pass_the_cap() -> None:
    async with (
        demo_server(max_channels_per_transport=20) as server,
        connect(server.url, shards="auto", backoff=at_once, rejoin_backoff=at_once) as client,
    ):
        await client.join("room:first")
        rooms = await within(asyncio.gather(*(client.join(f"room:{n}") for n in range(205))))
        stats = client.stats
        assert stats.channels == 206
        assert stats.sockets == 11
        replies = await asyncio.gather(*(room.push("echo", {"n": n}) for n, room in enumerate(rooms)))
        assert [reply.response["n"] for reply in replies] == list(range(205))
        late = await client.join("room:late")
        assert client.stats.sockets == 11
        with pytest.raises(AlreadyJoinedError):
            await client.join("room:late")
        server.cut()
        await until(lambda: client.stats.gaps == 207)
        assert (await late.push("echo", {})).status == "ok"
        await asyncio.gather(*(room.leave() for room in rooms))
        assert client.stats.channels == 2


async def test_opening_a_further_shard_loses_nothing() -> None:
    async with (
        demo_server(max_channels_per_transport=1) as server,
        connect(server.url, shards="auto", backoff=at_once, rejoin_backoff=at_once) as client,
    ):
        states: list[str] = []
        client.on_state(states.append)
        await within(asyncio.gather(*(client.join(f"room:{n}") for n in range(5))))
        assert (client.stats.sockets, states) == (5, [])
        # One that was open is lost like any other.
        server.cut(1)
        await until(lambda: states == ["reconnecting", "open"])


async def test_a_channel_that_was_joined_at_the_clocks_beginning(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AtTheBeginning:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio.get_running_loop(), name)

        def time(self) -> float:
            return 0.0

    clock = SimpleNamespace(**{**vars(asyncio), "get_running_loop": AtTheBeginning})
    monkeypatch.setattr(membership, "asyncio", clock)
    room = await client.join("room:lobby")
    messages = aiter(room)
    server.cut()
    assert (await within(anext(messages))).event == Outage.EVENT
    assert room.gaps == 1


class SlowToLeave(picows.WSListener):  # type: ignore[misc]
    """Allows five channels, and closes those that are left only after it has refused another, as Phoenix may:
    there a channel ends in a process of its own."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.leaving: list[tuple[str, str]] = []

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        join_ref, ref, topic, event, _ = json.loads(frame.get_payload_as_bytes())
        if event == "phx_leave":
            self.leaving.append((join_ref, topic))
        elif len(self.topics) < 5:
            self.topics.add(topic)
            self.send(transport, [join_ref, ref, topic, "phx_reply", {"status": "ok", "response": {}}])
        else:
            refusal = {"status": "error", "response": {"reason": "too many channels joined"}}
            self.send(transport, [join_ref, ref, topic, "phx_reply", refusal])
            for join_ref, topic in self.leaving:
                self.send(transport, [join_ref, join_ref, topic, "phx_close", {}])

    def send(self, transport: picows.WSTransport, values: list[Any]) -> None:
        transport.send(picows.WSMsgType.TEXT, json.dumps(values).encode())


async def test_a_channel_that_is_being_left_counts_for_the_cap() -> None:
    server = await picows.ws_create_server(lambda request: SlowToLeave(), "127.0.0.1", 0)
    try:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/socket"
        async with connect(url, shards="auto", heartbeat_interval=0) as client:
            rooms = [await client.join(f"room:{n}") for n in range(5)]
            leaving = [asyncio.ensure_future(room.leave()) for room in rooms[1:]]
            await asyncio.sleep(0)
            await within(client.join("room:late"))
            await within(asyncio.gather(*leaving))
            assert [socket.cap for socket in client.sockets] == [5, 5]
    finally:
        server.close()


async def test_a_fixed_number_of_shards() -> None:
    async with (
        demo_server(max_channels_per_transport=10) as server,
        connect(server.url, shards=3) as client,
    ):
        for n in range(30):
            await client.join(f"room:{n}")
        assert [len(socket.channels) for socket in client.sockets] == [10, 10, 10]
        with pytest.raises(JoinError, match="too many channels"):
            await client.join("room:30")


async def test_the_number_of_shards_is_bounded() -> None:
    async with (
        demo_server(max_channels_per_transport=2) as server,
        connect(server.url, shards="auto", max_shards=2) as client,
    ):
        for n in range(4):
            await client.join(f"room:{n}")
        with pytest.raises((JoinError, OverloadedError)):
            await client.join("room:4")
        assert client.stats.channels == 4
