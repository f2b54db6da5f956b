"""Pushing, replies, receiving, refs, serializers."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import picows
import pytest

from fastphx import Connect, EncodingError, GzipJson, JsonV1, JsonV2, Serializer
from fastphx.testing import Server
from tests.gen_socket_client.recorder import AsyncRecorder, Recorder
from tests.gen_socket_client.starter import Starter

TOPIC = "room:a"
kinds = pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])


@kinds
async def test_push(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    await client.push(TOPIC, "noreply", {"foo": "bar"})
    await server.wait_until(lambda stats: stats["pushes"] == 1)
    assert client.events.empty()


@kinds
async def test_push_and_reply(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    payload = {"foo": ["bar", 1, None, 2.5, 'q"\\é😀']}
    assert await client.push_sync(TOPIC, "echo", payload) == {"status": "ok", "response": payload}
    assert await client.push_sync(TOPIC, "echo_error", {"why": "no"}) == {
        "status": "error",
        "response": {"why": "no"},
    }


async def test_a_payload_that_cannot_be_encoded(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    for payload in ({"foo": b"\xa6"}, object(), {"foo": "\ud800"}):
        act = lambda transport, payload=payload: transport.push(TOPIC, "echo", payload)  # noqa: E731
        assert await client.refusal(act) is EncodingError
    assert server.stats["pushes"] == 0
    # No ref was used up, and the channel is as it was.
    assert await client.push(TOPIC, "echo", {}) == 2


@kinds
async def test_receiving(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    server.broadcast(TOPIC, "some_event", {"foo": "bar"})
    assert await client.next("handle_message") == (TOPIC, "some_event", {"foo": "bar"})
    await client.push(TOPIC, "push", {"only": "you"})
    assert await client.next("handle_message") == (TOPIC, "pushed", {"only": "you"})


@kinds
async def test_messages_keep_their_order(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    for n in range(500):
        server.broadcast(TOPIC, "n", n)
    for n in range(500):
        assert await client.next("handle_message") == (TOPIC, "n", n)


@kinds
async def test_bytes_are_binary_frames(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    assert await client.push_sync(TOPIC, "echo", b"\x00\xff") == {"status": "ok", "response": b"\x00\xff"}
    await client.push(TOPIC, "push", b"abc")
    assert await client.next("handle_message") == (TOPIC, "pushed", b"abc")
    server.broadcast(TOPIC, "all", b"xyz")
    assert await client.next("handle_message") == (TOPIC, "all", b"xyz")


async def test_a_binary_field_over_255_bytes_is_refused(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    assert await client.refusal(lambda transport: transport.push(TOPIC, "e" * 256, b"")) is EncodingError


async def test_refs_increase_on_a_channel_across_channels_and_after_a_rejoin(
    server: Server, start: Starter
) -> None:
    client = await start.joined(server)
    await client.join("room:b")
    refs = [
        await client.push(TOPIC, "noreply"),
        await client.push(TOPIC, "noreply"),
        await client.push("room:b", "noreply"),
        await client.do(lambda transport: transport.leave(TOPIC)),
    ]
    await client.next("handle_reply")
    await client.next("handle_channel_closed")
    refs += [await client.join(TOPIC), await client.push(TOPIC, "noreply")]
    assert refs == [3, 4, 5, 6, 7, 8]


async def test_refs_start_anew_with_a_new_connection(server: Server, start: Starter) -> None:
    client = Recorder(handle_disconnected=Connect())
    await start.joined(server, client=client)
    assert await client.push(TOPIC, "noreply") == 2
    server.cut()
    await client.next("handle_disconnected")
    await client.next("handle_connected")
    assert await client.join(TOPIC) == 1


async def test_refs_are_integers(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    ref = await client.do(lambda transport: transport.push(TOPIC, "echo"))
    assert type(ref) is int
    assert type((await client.next("handle_reply"))[1]) is int


async def test_a_message_of_a_topic_that_is_not_joined(start: Starter) -> None:
    def frame(join_ref: str | None, event: str) -> bytes:
        return orjson.dumps([join_ref, None, "room:elsewhere", event, {"x": 1}])

    class Talkative(picows.WSListener):
        def on_ws_connected(self, transport: picows.WSTransport) -> None:
            # Closes and replies say nothing where there is no join; whatever else comes is a message.
            for join_ref, event in (("9", "phx_close"), ("9", "phx_error"), (None, "phx_reply")):
                transport.send(picows.WSMsgType.TEXT, frame(join_ref, event))
            for join_ref in ("9", None):
                transport.send(picows.WSMsgType.TEXT, frame(join_ref, "news"))

        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            if frame.msg_type == picows.WSMsgType.CLOSE:
                transport.send_close(1000)
                transport.disconnect()

    async with listening(Talkative) as url:
        client = Recorder()
        await start(client, url)
        await client.next("handle_connected")
        for _ in range(2):
            assert await client.next("handle_message") == ("room:elsewhere", "news", {"x": 1})
        assert client.events.empty()
        assert client.socket.stats["unknown_topic"] == 5
        await client.socket.stop()


async def test_a_late_reply_of_a_channel_that_is_gone_is_dropped(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    server.faults.reply_delay_s = 0.05
    await client.push(TOPIC, "echo")
    await server.wait_until(lambda stats: stats["pushes"] == 1)
    server.crash_channels(TOPIC)
    await client.next("handle_channel_closed")
    server.faults.reply_delay_s = 0.0
    await client.join(TOPIC)
    assert (await client.push_sync(TOPIC, "echo", 1))["response"] == 1
    assert client.events.empty()


async def test_pushing_inside_every_callback(server: Server, start: Starter) -> None:
    client = Recorder(
        handle_connected=lambda transport: transport.join(TOPIC) and None,
        handle_joined=lambda topic, _payload, transport: transport.push(topic, "echo", 1) and None,
        handle_reply=lambda topic, _ref, _payload, transport: transport.push(topic, "push", 2) and None,
        handle_message=lambda topic, _event, _payload, transport: transport.push(topic, "stop") and None,
        handle_channel_closed=lambda _topic, _payload, transport: transport.join("room:denied") and None,
    )
    await start(client, server.websocket_url)
    for name in (
        "handle_connected",
        "handle_joined",
        "handle_reply",
        "handle_message",
        "handle_channel_closed",
        "handle_join_error",
    ):
        await client.next(name)


async def test_a_bad_frame_is_counted_and_told_and_the_socket_lives(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    server.faults.truncate_frames = 1
    server.broadcast(TOPIC, "some_event", {"foo": "bar"})
    error = await client.next("handle_decode_error")
    stats = client.socket.stats
    assert stats["decode_errors"] + stats["payload_decode_errors"] == 1
    assert error.reason
    assert (await client.push_sync(TOPIC, "echo", 1))["response"] == 1


@kinds
@pytest.mark.parametrize("serializer", [JsonV1(), JsonV2()], ids=["JsonV1", "JsonV2"])
async def test_json_serializers(
    server: Server, start: Starter, serializer: Serializer, kind: type[Recorder]
) -> None:
    client = await start.connected(server, kind(), serializer=serializer)
    assert server.connections[0].vsn == int(serializer.vsn[0])
    await client.do(lambda transport: transport.join(TOPIC, {"n": 1}))
    assert await client.next("handle_joined") == (TOPIC, {"joined": {"n": 1}})
    assert await client.push_sync(TOPIC, "echo", {"x": 1}) == {"status": "ok", "response": {"x": 1}}
    server.broadcast(TOPIC, "all", {"y": 2})
    assert await client.next("handle_message") == (TOPIC, "all", {"y": 2})
    ref = await client.do(lambda transport: transport.leave(TOPIC))
    assert await client.next("handle_reply") == (TOPIC, ref, {"status": "ok", "response": {}})
    assert await client.next("handle_channel_closed") == (TOPIC, {})


class GzipListener(picows.WSListener):
    """A server's side that answers ok with the payload, gzipped."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(1000)
            transport.disconnect()
            return
        assert frame.msg_type == picows.WSMsgType.BINARY
        join_ref, ref, topic, _event, payload = orjson.loads(gzip.decompress(frame.get_payload_as_bytes()))
        answer = [join_ref, ref, topic, "phx_reply", {"status": "ok", "response": payload}]
        transport.send(picows.WSMsgType.BINARY, gzip.compress(orjson.dumps(answer)))


@asynccontextmanager
async def listening(listener_class: type[picows.WSListener]) -> AsyncIterator[str]:
    listener = await picows.ws_create_server(lambda _request: listener_class(), "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}/socket/websocket"
    finally:
        listener.close()


async def test_gzip_json(start: Starter) -> None:
    async with listening(GzipListener) as url:
        client = Recorder()
        socket = await start(client, url, serializer=GzipJson())
        await client.next("handle_connected")
        await client.join(TOPIC)
        assert await client.push_sync(TOPIC, "echo", {"x": "y" * 999}) == {
            "status": "ok",
            "response": {"x": "y" * 999},
        }
        await socket.stop()


class Stubborn(JsonV1):
    """Its errors are its own."""

    def encode(self, *args: Any) -> tuple[bytes, int]:
        if args[4] == {"fail": True}:
            raise ZeroDivisionError("of its own")
        return super().encode(*args)


async def test_what_a_serializer_raises_is_an_encoding_error(server: Server, start: Starter) -> None:
    client = await start.joined(server, serializer=Stubborn())
    assert await client.refusal(lambda t: t.push(TOPIC, "echo", {"fail": True})) is EncodingError
    assert (await client.push_sync(TOPIC, "echo", {}))["status"] == "ok"


async def test_stats(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    await client.push_sync(TOPIC, "echo", {})
    stats = client.socket.stats
    assert (stats["frames_out"], stats["frames_in"], stats["replies"]) == (2, 2, 2)
    assert (stats["connects"], stats["disconnects"], stats["waiting"]) == (1, 0, 0)
    await asyncio.wait_for(client.socket.stop(), 5)
