"""The async client against a real Phoenix, over both transports."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from fastphx import (
    ChannelCrashedError,
    ClosedError,
    ConnectError,
    ConnectionLostError,
    JoinError,
    JoinTimeoutError,
    Outage,
    PushError,
    PushReply,
    PushTimeoutError,
    connect,
)
from fastphx.protocol.joins import JoinState
from fastphx.serializers import JsonV1
from fastphx.transports.base import TEXT
from tests.client.waiting import until, within
from tests.phoenix.conftest import OpenClient
from tests.phoenix.facts import CHANNELS_A_SOCKET, Facts
from tests.phoenix.phoenix import Phoenix
from tests.transports.recording_owner import RecordingOwner

transports = pytest.mark.parametrize("transport", ["websocket", "longpoll"])

VALUES = [
    {},
    {"a": [1, -1, 1.5, None, True, "", [], {}]},
    {"text": 'ü 日本 \U0001f600 "\\/\b\f\n\r\t\u2028'},
    {"large": 2**53, "larger": 2**64, "largest": -(10**40)},
    {"deep": [[[[[[[[[[{"a": [[[[[[]]]]]]}]]]]]]]]]]},
    {"status": "error", "response": {"status": "ok"}},
    {"long": "x" * 500_000},
]


@transports
@pytest.mark.parametrize("payload", VALUES, ids=lambda payload: next(iter(payload), "empty"))
async def test_a_payload_comes_back(open_client: OpenClient, transport: str, payload: Any) -> None:
    client = await open_client(transport=transport)
    room = await client.join("room:a", payload)
    assert room.response == {"joined": payload}
    assert (await room.push("echo", payload)).response == payload
    seen: list[Any] = []
    room.on("new_msg", lambda message: seen.append(message.payload))
    room.cast("new_msg", payload)
    await until(lambda: seen)
    assert seen == [payload]


@pytest.mark.parametrize("value", [None, True, 1, "text", [1, 2], {"a": 1}])
async def test_a_response_is_any_value(open_client: OpenClient, value: Any) -> None:
    room = await (await open_client()).join("room:a")
    assert (await room.push("value", {"value": value})).response == value


@transports
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
async def test_binary_payloads(open_client: OpenClient, facts: Facts, transport: str, size: int) -> None:
    if transport == "longpoll" and not facts.batched_posts:
        pytest.skip("long polling takes binary messages from Phoenix 1.7 on")
    room = await (await open_client(transport=transport)).join("room:binary")
    # What Phoenix sends over long polling becomes JSON: a frame that is no UTF-8 is an error 500 there.
    every_byte = bytes(range(256 if transport == "websocket" else 128))
    data = (every_byte * (size // len(every_byte) + 1))[:size]
    assert (await room.push("echo", data)).response == data
    with pytest.raises(PushError) as caught:
        await room.push("echo_error", data)
    assert caught.value.reply.response == data
    seen: list[Any] = []
    room.on("pushed", lambda message: seen.append(message.payload))
    room.on("new_msg", lambda message: seen.append(message.payload))
    room.cast("push", data)
    room.cast("new_msg", data)
    await until(lambda: len(seen) == 2)
    assert seen == [data, data]


async def test_a_binary_reply_that_long_polling_cannot_carry(open_client: OpenClient, facts: Facts) -> None:
    if not facts.batched_posts:
        pytest.skip("long polling takes binary messages from Phoenix 1.7 on")
    room = await (await open_client(transport="longpoll")).join("room:binary")
    messages = aiter(room)
    if facts.carries_any_bytes:
        assert (await room.push("echo", b"\xff")).response == b"\xff"
        return
    with pytest.raises(ConnectionLostError):
        await room.push("echo", b"\xff")
    assert isinstance(await within(anext(messages)), Outage)
    assert (await room.push("echo", b"\x7f")).response == b"\x7f"


async def test_a_batch_that_an_older_phoenix_cannot_take(open_client: OpenClient, facts: Facts) -> None:
    room = await (await open_client(transport="longpoll", max_batch_size=100)).join("room:a")
    replies = await asyncio.gather(*(room.push("status") for _ in range(3)), return_exceptions=True)
    expected = PushReply if facts.batched_posts else ConnectionLostError
    assert [type(reply) for reply in replies] == [expected] * 3


@pytest.mark.parametrize("topic", ["room:ünï 日本 \U0001f600", 'room:"\\\n\t', "room:" + "x" * 3000])
async def test_a_topic_with_any_character(open_client: OpenClient, topic: str) -> None:
    room = await (await open_client()).join(topic)
    assert (await room.push("echo", {"a": 1})).response == {"a": 1}


@pytest.mark.parametrize(
    ("topic", "reason"),
    [("room:denied", "denied"), ("room:crash_join", "join crashed"), ("nothing:here", "unmatched topic")],
)
@transports
async def test_a_refused_join(open_client: OpenClient, transport: str, topic: str, reason: str) -> None:
    client = await open_client(transport=transport)
    for _ in range(2):
        with pytest.raises(JoinError) as caught:
            await client.join(topic)
        assert caught.value.response == {"reason": reason}


async def test_a_join_that_is_not_answered_in_time(open_client: OpenClient) -> None:
    client = await open_client()
    with pytest.raises(JoinTimeoutError):
        await client.join("room:slow_join", {"ms": 300}, timeout=0.1)
    room = await client.join("room:slow_join", {"ms": 0})
    assert (await room.push("status")).status == "ok"


async def test_a_reply_that_is_late(open_client: OpenClient) -> None:
    client = await open_client()
    room = await client.join("room:a")
    with pytest.raises(PushTimeoutError):
        await room.push("slow", {"ms": 200}, timeout=0.05)
    with pytest.raises(PushTimeoutError):
        await room.push("noreply", timeout=0.05)
    assert (await room.push("slow", {"ms": 300})).response == {"ms": 300}
    assert client.stats.in_flight == 0


@transports
async def test_many_in_flight(open_client: OpenClient, transport: str) -> None:
    room = await (await open_client(transport=transport)).join("room:a")
    replies = await asyncio.gather(*(room.push("echo", {"n": number}) for number in range(1000)))
    assert [reply.response["n"] for reply in replies] == list(range(1000))


@transports
async def test_messages_in_their_order(open_client: OpenClient, transport: str) -> None:
    room = await (await open_client(transport=transport)).join("room:a", max_queue=5000)
    messages = aiter(room)
    room.cast("push_many", {"count": 2000})
    seen = [(await within(anext(messages))).payload["n"] for _ in range(2000)]
    assert seen == list(range(1, 2001))


async def test_a_broadcast_reaches_all_and_the_others(open_client: OpenClient) -> None:
    rooms = [await (await open_client()).join("room:all") for _ in range(3)]
    seen: list[list[int]] = [[] for _ in rooms]
    for room, numbers in zip(rooms, seen, strict=True):
        room.on("new_msg", lambda message, numbers=numbers: numbers.append(message.payload["n"]))
    for number in range(100):
        rooms[0].cast("new_msg_from" if number % 2 else "new_msg", {"n": number})
    await until(lambda: seen[0][-1:] == [98] and seen[1][-1:] == seen[2][-1:] == [99])
    assert seen == [list(range(0, 100, 2)), list(range(100)), list(range(100))]


async def test_a_crash_is_joined_again(open_client: OpenClient, facts: Facts) -> None:
    room = await (await open_client()).join("room:a", {"kept": 1})
    errors: list[Any] = []
    room.on_error(errors.append)
    messages = aiter(room)
    with pytest.raises(ChannelCrashedError):
        await room.push("crash")
    assert isinstance(await within(anext(messages)), Outage)
    assert (await room.push("echo", {"n": 1})).response == {"n": 1}
    assert room.response == {"joined": {"kept": 1}}
    assert room.gaps == 1
    assert [error.payload for error in errors] == [facts.crash_payload]


async def test_a_channel_that_the_server_closes(open_client: OpenClient) -> None:
    client = await open_client()
    for event in ("stop", "stop_shutdown"):
        room = await client.join("room:a")
        with pytest.raises(ClosedError):
            await room.push(event)
        assert room.state is JoinState.CLOSED
    room = await client.join("room:a")
    assert (await room.push("stop_reply", {"bye": 1})).response == {"bye": 1}
    await until(lambda: room.state is JoinState.CLOSED)


@transports
async def test_leaving_and_joining_at_once(open_client: OpenClient, transport: str) -> None:
    client = await open_client(transport=transport)
    for number in range(20):
        room = await client.join("room:a", {"n": number})
        assert room.response == {"joined": {"n": number}}
        leaving = asyncio.ensure_future(room.leave())
        await asyncio.sleep(0)
        again = await client.join("room:a", {"again": number})
        assert (await again.push("echo", {"n": number})).response == {"n": number}
        await leaving
        await again.leave()
    assert client.channels == {}


@transports
async def test_a_lost_connection_is_opened_again(open_client: OpenClient, transport: str) -> None:
    client = await open_client(transport=transport)
    rooms = [await client.join(f"room:{number}") for number in range(5)]
    messages = [aiter(room) for room in rooms]
    for event in ("kick", "kill_socket", "kick"):
        waiting = asyncio.ensure_future(rooms[1].push("noreply"))
        await asyncio.sleep(0)
        rooms[0].cast(event)
        with pytest.raises(ConnectionLostError):
            await waiting
        for each in messages:
            assert isinstance(await within(anext(each)), Outage)
        for room in rooms:
            assert (await room.push("echo", {"after": event})).response == {"after": event}
    assert client.stats.reconnects == 3


async def test_heartbeats_are_answered(open_client: OpenClient) -> None:
    client = await open_client(heartbeat_interval=0.1)
    await until(lambda: client.stats.heartbeats_answered >= 3)
    assert client.stats.reconnects == 0


async def handshake_answer(phoenix: Phoenix) -> str:
    """What the server answers to a WebSocket's handshake that offers to compress."""
    host = urlsplit(phoenix.http)
    reader, writer = await asyncio.open_connection(host.hostname, host.port)
    writer.write(
        b"GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    answer = await within(reader.readuntil(b"\r\n\r\n"))
    writer.close()
    return answer.decode()


async def test_compressed(phoenix: Phoenix) -> None:
    owner = RecordingOwner()
    link = await owner.connect(phoenix.websocket_url + "?vsn=2.0.0", compress=True)
    text = b"over and over " * 5000
    for ref, frame in enumerate([b"phx_join", b"echo", b"new_msg"], 1):
        link.writer.write(b'["1","%d","room:compressed","%b",{"text":"%b"}]' % (ref, frame, text), TEXT)
        assert text in (await owner.message())[1]
    link.close()
    await owner.reason()
    assert "permessage-deflate" in await handshake_answer(phoenix)


@transports
async def test_a_refused_socket(phoenix: Phoenix, transport: str) -> None:
    with pytest.raises(ConnectError) as caught:
        await connect(phoenix.url, params={"token": "bad"}, transport=transport)
    assert caught.value.status == 403


async def test_a_mistyped_path(phoenix: Phoenix) -> None:
    with pytest.raises(ConnectError) as caught:
        await connect(phoenix.url + "s")
    assert caught.value.status == 404


@pytest.mark.parametrize("params", [{"user": "ann"}, [("user", "ben"), ("vsn", "2.0.0")]])
@transports
async def test_parameters(open_client: OpenClient, transport: str, params: Any) -> None:
    room = await (await open_client(transport=transport, params=params)).join("room:a")
    assert (await room.push("whoami")).response["user"] == dict(params)["user"]


@transports
async def test_the_token_that_is_not_in_the_url(
    open_client: OpenClient, facts: Facts, transport: str
) -> None:
    if not facts.auth_token:
        pytest.skip("Phoenix has `auth_token` from 1.8 on")
    token = "tökén.with/any=character+"
    room = await (await open_client(transport=transport, auth_token=token)).join("room:a")
    assert (await room.push("whoami")).response["auth_token"] == token


async def test_no_more_channels_than_the_server_allows(open_client: OpenClient, facts: Facts) -> None:
    client = await open_client()
    for number in range(CHANNELS_A_SOCKET):
        await client.join(f"room:{number}")
    if not facts.bounds_channels:
        await client.join("room:one more")
        return
    with pytest.raises(JoinError) as caught:
        await client.join("room:one more")
    assert caught.value.response == {"reason": "too many channels joined"}


async def test_as_many_sockets_as_the_server_requires(open_client: OpenClient, facts: Facts) -> None:
    client = await open_client(shards="auto")
    rooms = await asyncio.gather(*(client.join(f"room:{number}") for number in range(250)))
    replies = await asyncio.gather(*(room.push("echo", {"in": room.topic}) for room in rooms))
    assert [reply.response["in"] for reply in replies] == [room.topic for room in rooms]
    assert client.stats.sockets == (3 if facts.bounds_channels else 1)


@transports
async def test_version_1_of_the_protocol(open_client: OpenClient, transport: str) -> None:
    client = await open_client(transport=transport, serializer=JsonV1())
    room = await client.join("room:a", {"nick": "ann"})
    assert room.response == {"joined": {"nick": "ann"}}
    assert (await room.push("echo", {"a": 1})).response == {"a": 1}
    with pytest.raises(PushError):
        await room.push("echo_error", {"a": 1})
    messages = aiter(room)
    room.cast("new_msg", {"a": 2})
    assert (await within(anext(messages))).payload == {"a": 2}
    room.cast("crash")
    assert isinstance(await within(anext(messages)), Outage)
    await room.leave()
    assert client.channels == {}


@transports
async def test_what_the_application_counts(phoenix: Phoenix, open_client: OpenClient, transport: str) -> None:
    before = await phoenix.counters()
    client = await open_client(transport=transport)
    room = await client.join("room:a")
    for number in range(50):
        await room.push("echo", {"n": number})
    with pytest.raises(PushError):
        await room.push("echo_error")
    with pytest.raises(JoinError):
        await client.join("room:denied")
    await client.close()

    wanted = {"connects": 1, "joins": 1, "joins_refused": 1, "pushes": 51, "replies": 50, "error_replies": 1}
    after = await phoenix.counters()
    assert {name: after[name] - before[name] for name in wanted} == wanted
