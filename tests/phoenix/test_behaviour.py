"""The behaviour against a real Phoenix: each callback, and how each thing ends."""

from __future__ import annotations

from typing import Any

import pytest

from fastphx import Connect, ConnectError, ConnectionClosed, NoReply, Serializer, reply
from fastphx.serializers import JsonV1, JsonV2
from fastphx.transports import WebSocketTransport
from fastphx.transports.longpoll import LongPollTransport
from tests.client.waiting import within
from tests.gen_socket_client.recorder import Recorder
from tests.gen_socket_client.starter import Starter
from tests.phoenix.facts import Facts
from tests.phoenix.phoenix import Phoenix

TOPIC = "room:a"

transports = pytest.mark.parametrize("transport", [WebSocketTransport, LongPollTransport])
serializers = pytest.mark.parametrize("serializer", [JsonV1(), JsonV2()], ids=["vsn 1.0.0", "vsn 2.0.0"])


@serializers
@transports
async def test_join_push_reply_message_leave(
    phoenix: Phoenix, start: Starter, transport: Any, serializer: Serializer
) -> None:
    client = await start.connected(phoenix, transport=transport, serializer=serializer)
    await client.do(lambda transport: transport.join(TOPIC, {"nick": "ann"}))
    assert await client.next("handle_joined") == (TOPIC, {"joined": {"nick": "ann"}})
    assert await client.push_sync(TOPIC, "echo", {"a": [1, None, "ü"]}) == {
        "status": "ok",
        "response": {"a": [1, None, "ü"]},
    }
    assert (await client.push_sync(TOPIC, "echo_error", {"no": 1}))["status"] == "error"
    assert await client.push_sync(TOPIC, "status") == {"status": "ok", "response": {}}
    await client.push(TOPIC, "push", {"n": 1})
    assert await client.next("handle_message") == (TOPIC, "pushed", {"n": 1})
    await client.push(TOPIC, "new_msg", {"n": 2})
    assert await client.next("handle_message") == (TOPIC, "new_msg", {"n": 2})
    await client.do(lambda transport: transport.leave(TOPIC))
    # In either order: Phoenix' channel and its socket are two processes.
    ended = [(await within(client.events.get()))[:2] for _ in range(2)]
    assert sorted(ended) == [("handle_channel_closed", TOPIC), ("handle_reply", TOPIC)]


async def test_bytes_are_binary_frames(phoenix: Phoenix, start: Starter) -> None:
    client = await start.joined(phoenix)
    data = bytes(range(256))
    assert (await client.push_sync(TOPIC, "echo", data))["response"] == data
    assert (await client.push_sync(TOPIC, "echo_error", data)) == {"status": "error", "response": data}
    await client.push(TOPIC, "push", data)
    assert await client.next("handle_message") == (TOPIC, "pushed", data)
    await client.push(TOPIC, "new_msg", data)
    assert await client.next("handle_message") == (TOPIC, "new_msg", data)


@pytest.mark.parametrize(
    ("topic", "reason"),
    [("room:denied", "denied"), ("room:crash_join", "join crashed"), ("nothing:here", "unmatched topic")],
)
async def test_a_refused_join(phoenix: Phoenix, start: Starter, topic: str, reason: str) -> None:
    client = await start.connected(phoenix)
    for _ in range(2):
        await client.do(lambda transport: transport.join(topic))
        assert await client.next("handle_join_error") == (topic, {"reason": reason})


@pytest.mark.parametrize("event", ["stop", "stop_shutdown", "crash"])
async def test_a_channel_that_ends(phoenix: Phoenix, facts: Facts, start: Starter, event: str) -> None:
    client = await start.joined(phoenix)
    await client.push(TOPIC, event)
    topic, payload = await client.next("handle_channel_closed")
    assert (topic, payload) == (TOPIC, facts.crash_payload if event == "crash" else {})
    assert await client.do(lambda transport: transport.joined(TOPIC)) is False
    await client.join(TOPIC)
    assert (await client.push_sync(TOPIC, "status"))["status"] == "ok"


async def test_a_channel_that_ends_with_a_reply(phoenix: Phoenix, start: Starter) -> None:
    client = await start.joined(phoenix)
    assert (await client.push_sync(TOPIC, "stop_reply", {"a": 1}))["response"] == {"a": 1}
    assert (await client.next("handle_channel_closed"))[0] == TOPIC


async def test_a_disconnect_by_the_sockets_id(phoenix: Phoenix, facts: Facts, start: Starter) -> None:
    client = Recorder()
    await start(client, Connect(phoenix.websocket_url, {"user": "behaviour"}))
    await client.next("handle_connected")
    await client.join(TOPIC)
    await phoenix.admin("disconnect?user=behaviour")
    reason = await client.next("handle_disconnected")
    assert isinstance(reason, ConnectionClosed)
    assert reason.code == facts.disconnect_code


async def test_reconnecting(phoenix: Phoenix, start: Starter) -> None:
    client = Recorder(handle_disconnected=Connect(after=0.0))
    await start.joined(phoenix, client=client)
    for _ in range(3):
        await client.push(TOPIC, "kick")
        await client.next("handle_disconnected")
        await client.next("handle_connected")
        assert await client.join(TOPIC) == 1


async def test_a_socket_that_is_killed(phoenix: Phoenix, start: Starter) -> None:
    client = await start.joined(phoenix)
    await client.push(TOPIC, "kill_socket")
    assert isinstance(await client.next("handle_disconnected"), ConnectionClosed)


async def test_a_refused_socket(phoenix: Phoenix, start: Starter) -> None:
    client = Recorder()
    await start(client, Connect(phoenix.websocket_url, {"token": "bad"}))
    reason = await client.next("handle_disconnected")
    assert isinstance(reason, ConnectError)
    assert reason.status == 403


async def test_a_call_that_the_server_answers(phoenix: Phoenix, start: Starter) -> None:
    class Asking(Recorder):
        def handle_call(self, message: Any, caller: Any, transport: Any) -> Any:
            self.asked = (transport.push(TOPIC, "echo", message), caller)
            return NoReply()

        def handle_reply(self, topic: str, ref: int, payload: Any, transport: Any) -> None:
            assert ref == self.asked[0]
            reply(self.asked[1], payload["response"])

    client = Asking(handle_connected=lambda transport: transport.join(TOPIC) and None)
    socket = await start(client, phoenix.websocket_url)
    await client.next("handle_connected")
    await client.next("handle_joined")
    for number in range(3):
        assert await socket.call({"n": number}) == {"n": number}


async def test_many_replies_in_their_order(phoenix: Phoenix, start: Starter) -> None:
    client = await start.joined(phoenix)
    refs = [await client.push(TOPIC, "echo", {"n": number}) for number in range(500)]
    for number, ref in enumerate(refs):
        topic, answered, payload = await client.next("handle_reply")
        assert (topic, answered, payload["response"]) == (TOPIC, ref, {"n": number})


async def test_many_topics(phoenix: Phoenix, start: Starter) -> None:
    client = await start.connected(phoenix)
    topics = [f"room:{number}" for number in range(100)]
    for topic in topics:
        await client.join(topic)
    for topic in topics:
        assert (await client.push_sync(topic, "echo", {"in": topic}))["response"] == {"in": topic}
